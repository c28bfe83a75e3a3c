"""Strict reading of JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from answerable_gate import Malformed, strict


@pytest.mark.parametrize(
    "text",
    [b'{"a":1,"a":2}', b"1.0", b"1e3", b"NaN", b"-Infinity", b"{", b"", b'"\xff"', b"[" * 100_000, b"\xef\xbb\xbf{}"],
)
def test_what_is_not_plain_json_is_malformed(text: bytes) -> None:
    """Duplicate keys, floats, NaN, bad UTF-8, endless nesting and a byte order mark are refused."""
    with pytest.raises(Malformed):
        strict.parse(text)


def test_plain_json_is_read() -> None:
    """Text and bytes are read alike."""
    assert strict.parse(b'{"a":[1,"x",null,true]}') == strict.parse('{"a":[1,"x",null,true]}')


def test_times_before_the_year_thousand_keep_their_width() -> None:
    """A time is always 27 characters."""
    early = datetime(7, 1, 1, tzinfo=UTC)
    assert strict.written(early) == "0007-01-01T00:00:00.000000Z"
    assert strict.moment(strict.written(early)) == early
