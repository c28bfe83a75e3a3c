"""What every reader of exports shares: limits, the report of a bad record, and strict JSON.

Law: hostile input costs bounded memory and one line in the report, never the rest of the file.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Never

from answerable.ports.history import Message

RECORD_BYTES_MAX = 64 * 1024 * 1024  # one conversation of an array, or one JSON line
RECORD_MARKS_MAX = 4_000_000  # quotes and brackets of a record: bounds what decoding it can allocate
DEPTH_MAX = 128
TEXT_LETTERS_MAX = 4 * 1024 * 1024
ID_LETTERS_MAX = 256
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Something that could not be read: its line, counted from 1, and why."""

    line: int
    reason: str


class Unreadable(Exception):
    """A record cannot be read; inside this room only, it becomes a BadRecord."""

    def __init__(self, reason: str, line: int = 0) -> None:
        """Take the reason and the line within the record, counted from 0."""
        super().__init__(reason)
        self.reason = reason
        self.line = line


def decode(raw: bytes) -> object:
    """Return the value of strict JSON: no duplicate keys, no NaN, no lone surrogates, at most 128 deep."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}", raw.count(b"\n", 0, error.start)) from None
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error.msg} (column {error.colno})", error.lineno - 1) from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except ValueError as error:
        # Python's own limit on the digits of an integer (CVE-2020-10735)
        raise Unreadable(f"not a number that can be read: {str(error)[:80]}") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # two values under one key: which of them was said would depend on the program that reads it
        keys = [key for key, _ in pairs]
        raise Unreadable(f"the key {quoted(next(key for key in keys if keys.count(key) > 1))} stands twice")
    return found


def _no_constant(name: str) -> Never:
    raise Unreadable(f"{name} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def quoted(text: object) -> str:
    """Return a short printable form of hostile text for a report."""
    return ascii(text if isinstance(text, str) else type(text).__name__)[:60]


def an_object(value: object, name: str) -> dict[str, object]:
    """Return a value that has to be an object."""
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is not an object")
    return value


def a_list(value: object, name: str) -> list[object]:
    """Return a value that has to be a list; a missing one is empty."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{name} is not a list")
    return value


def a_text(value: object, name: str) -> str:
    """Return a value that has to be text within the limit, without lone surrogates."""
    if not isinstance(value, str):
        raise Unreadable(f"{name} is not text")
    if len(value) > TEXT_LETTERS_MAX:
        raise Unreadable(f"{name} is longer than {TEXT_LETTERS_MAX} letters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable(f"{name} holds a lone surrogate") from None
    return value


def an_id(value: object, name: str) -> str:
    """Return a value that has to be a short id without control characters."""
    text = a_text(value, name)
    if not text or len(text) > ID_LETTERS_MAX or _CONTROLS.search(text):
        raise Unreadable(f"{name} is not an id of 1 to {ID_LETTERS_MAX} letters")
    return text


def an_epoch(value: object, name: str) -> datetime:
    """Return the time of seconds since 1970, between 2000 and 2100."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{name} is not a number of seconds")
    # compared before conversion: infinities and numbers beyond a datetime fail here
    if not (EARLIEST - _EPOCH).total_seconds() <= value < (LATEST - _EPOCH).total_seconds():
        raise Unreadable(f"{name} lies outside 2000 to 2100")
    return _EPOCH + timedelta(seconds=value)


def a_time(value: object, name: str) -> datetime:
    """Return the time of an ISO 8601 text that carries its offset, between 2000 and 2100."""
    if not isinstance(value, str) or len(value) > 40:
        raise Unreadable(f"{name} is not a time")
    try:
        at = datetime.fromisoformat(value)
        at = at.astimezone(UTC) if at.tzinfo is not None else at
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is not a time: {quoted(value)}") from None
    if at.tzinfo is None:
        raise Unreadable(f"{name} has no offset from UTC")
    if not EARLIEST <= at < LATEST:
        raise Unreadable(f"{name} lies outside 2000 to 2100")
    return at


def guarded(place: str, messages: Iterator[Message]) -> Iterator[Message | Unreadable]:
    """Yield the messages and, where they break off, why; what stands beside them is still read."""
    try:
        yield from messages
    except Unreadable as error:
        yield Unreadable(f"{place}: {error.reason}")
