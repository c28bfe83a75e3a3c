"""Plain JSON lines.

Law: a bad line is reported with its number and the next one is read.
"""

import io
import json
from typing import Any

import pytest

from answerable.ports.history import Message
from answerable.screen.exports import jsonl
from answerable.screen.exports.records import BadRecord

GOOD: dict[str, Any] = {
    "user": "u1",
    "conversation": "c1",
    "role": "user",
    "text": "hello",
    "at": "2024-03-01T12:00:00.000000Z",
}


def _one(value: dict[str, Any], user: str | None = None) -> Message | BadRecord:
    return jsonl.read(3, json.dumps(value).encode(), user)


def test_a_line_is_a_message() -> None:
    """The five keys make a message; id and kind may be given."""
    told = _one(GOOD | {"id": "m1", "kind": "memory"})
    assert isinstance(told, Message)
    assert (told.account, told.conversation, told.id, told.role, told.text, told.kind) == (
        "u1",
        "c1",
        "m1",
        "user",
        "hello",
        "memory",
    )


def test_the_same_line_has_the_same_id() -> None:
    """A line without id has one that follows from its words, so that it is not taken twice."""
    first, again, other = _one(GOOD), _one(GOOD), _one(GOOD | {"text": "bye"})
    assert isinstance(first, Message)
    assert isinstance(other, Message)
    assert first == again
    assert first.id != other.id


def test_user_stands_in_only_where_the_line_names_none() -> None:
    """A line's own user is never overruled."""
    nameless = {key: value for key, value in GOOD.items() if key != "user"}
    assert [getattr(_one(value, "u2"), "account", None) for value in (GOOD, nameless)] == ["u1", "u2"]
    assert isinstance(_one(nameless), BadRecord)


@pytest.mark.parametrize(
    "change",
    [
        {"user": 7},
        {"conversation": None},
        {"role": "wizard"},
        {"role": ["user"]},
        {"text": None},
        {"text": "x" * 10_000_000},
        {"text": "\ud83d"},
        {"at": 1709294400},
        {"at": "3024-03-01T12:00:00Z"},
        {"kind": "poem"},
        {"id": ""},
    ],
)
def test_a_bad_value_is_reported_with_its_line(change: dict[str, Any]) -> None:
    """Wrong types, roles, letters, sizes and dates are named with the number of the line."""
    found = _one(GOOD | change)
    assert isinstance(found, BadRecord)
    assert found.line == 3
    assert len(found.reason) < 200


def test_lines_are_numbered_blank_ones_too() -> None:
    """Numbers are those an editor shows; a byte order mark is no content."""
    found = list(jsonl.lines(io.BytesIO(b"\xef\xbb\xbf1\n\n \r\n2")))
    assert found == [(1, b"1\n", True), (4, b"2", False)]


@pytest.mark.parametrize("size", [8, 9, 15, 16, 17, 40])
def test_a_line_beyond_the_limit_is_passed_over(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of any length costs one report and the next one is read."""
    monkeypatch.setattr(jsonl, "RECORD_BYTES_MAX", 8)
    found = list(jsonl.lines(io.BytesIO(b"x" * size + b"\nnext\n")))
    assert found == [(1, None, True), (2, b"next\n", True)]
    assert isinstance(jsonl.read(1, None, None), BadRecord)
