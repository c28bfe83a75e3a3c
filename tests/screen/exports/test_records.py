"""Strict JSON and the checks of single values.

Law: hostile input costs one reason, never an exception that ends the import.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.ports.history import Message
from answerable.screen.exports import records
from answerable.screen.exports.records import Unreadable, decode


@pytest.mark.parametrize(
    ("raw", "word", "line"),
    [
        (b'{"a": 1, "a": 2}', "twice", 0),
        (b'{"x": {"b\\u0000": 1, "b\\u0000": 2}}', "twice", 0),
        (b'{"a":\n\n NaN}', "NaN", 0),
        (b"[-Infinity]", "Infinity", 0),
        (b'{"a":\n\n nope}', "not JSON", 2),
        (b'{"a": "\n"}', "not JSON", 0),
        (b'{\n"a": "\xff"}', "UTF-8", 1),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8", 0),
        (b"[" * 100_000, "deeply", 0),
        (b"9" * 5_000, "number", 0),
        (b"{} {}", "not JSON", 0),
    ],
)
def test_bad_json_has_a_reason(raw: bytes, word: str, line: int) -> None:
    """Each way of being no strict JSON is named, with its line within the record."""
    with pytest.raises(Unreadable) as caught:
        decode(raw)
    assert word in caught.value.reason
    assert caught.value.line == line


@given(st.binary())
def test_any_bytes_decode_or_are_unreadable(raw: bytes) -> None:
    """No input raises anything but Unreadable."""
    with contextlib.suppress(Unreadable):
        json.dumps(decode(raw))


_BAD: list[tuple[Callable[[object, str], object], object, str]] = [
    (records.an_object, [], "object"),
    (records.a_list, {}, "list"),
    (records.a_text, 1, "text"),
    (records.a_text, "\ud800", "surrogate"),
    (records.a_text, "x" * (records.TEXT_LETTERS_MAX + 1), "longer"),
    (records.an_id, "", "id"),
    (records.an_id, "x" * 257, "id"),
    (records.an_id, "a\nb", "id"),
    (records.an_epoch, "1", "number"),
    (records.an_epoch, True, "number"),
    (records.an_epoch, float("inf"), "2000"),
    (records.an_epoch, 1e300, "2000"),
    (records.an_epoch, 10**400, "2000"),
    (records.an_epoch, -1, "2000"),
    (records.a_time, 5, "time"),
    (records.a_time, "2024-01-01T00:00:00" + "0" * 99, "time"),
    (records.a_time, "yesterday", "time"),
    (records.a_time, "2024-13-01T00:00:00Z", "time"),
    (records.a_time, "0001-01-01T00:00:00+14:00", "time"),
    (records.a_time, "9999-12-31T00:00:00Z", "2000"),
    (records.a_time, "2024-01-01T00:00:00", "offset"),
]


@pytest.mark.parametrize(("check", "value", "word"), _BAD)
def test_bad_values_have_a_reason(check: Callable[[object, str], object], value: object, word: str) -> None:
    """Wrong types, sizes, letters and dates are named with the field."""
    with pytest.raises(Unreadable) as caught:
        check(value, "the field")
    assert word in caught.value.reason
    assert "the field" in caught.value.reason


def test_good_values_pass() -> None:
    """What real exports hold is taken, times in UTC."""
    at = datetime(2024, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    assert records.an_epoch(at.timestamp(), "t") == at
    assert records.a_time("2024-03-01T13:00:00.5+01:00", "t") == at
    assert records.a_list(None, "l") == []
    assert records.an_id("3f2a-é", "i") == "3f2a-é"


def test_quoted_shows_hostile_text_short_and_printable() -> None:
    """A report never carries control characters or a wall of text."""
    assert records.quoted("\x1b[31m" + "x" * 500).isprintable()
    assert len(records.quoted("x" * 500)) == 60
    assert records.quoted({"a": 1}) == "'dict'"


def test_guarded_keeps_what_stood_before_the_fault() -> None:
    """A message that breaks off gives what it gave and then the reason with the place."""

    def broken() -> Iterator[Message]:
        yield from ()
        raise Unreadable("odd")

    (found,) = records.guarded("node 7", broken())
    assert isinstance(found, Unreadable)
    assert found.reason == "node 7: odd"
