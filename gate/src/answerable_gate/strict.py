"""Strict reading of JSON that somebody else wrote.

Law: what is not exactly as agreed is Malformed, and nothing of it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

LARGEST = 2**53 - 1

_TOKEN = re.compile(r"[\x21-\x7e]{1,64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_T = TypeVar("_T")


class Malformed(ValueError):
    """What was received is not as agreed."""


def parse(text: bytes | str) -> object:
    """Parse JSON; refuse duplicate keys, floats, NaN, wrong UTF-8 and nesting that exhausts the reader."""
    try:
        return _decoder.decode(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error) or "nested too deeply") from error


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("a key stands twice")
    return members


def _no_float(text: str) -> NoReturn:
    raise Malformed(f"{text!r} is not a whole number")


# One for all: json.loads would make a decoder for each line.
_decoder = json.JSONDecoder(object_pairs_hook=_distinct, parse_float=_no_float, parse_constant=_no_float)


def members(value: object, *required: str, optional: Iterable[str] = ()) -> dict[str, object]:
    """Read an object that has all of `required`, and besides them nothing but `optional`."""
    if not isinstance(value, dict):
        raise Malformed("an object was expected")
    missing = [key for key in required if key not in value]
    surplus = value.keys() - {*required, *optional}
    if missing or surplus:
        raise Malformed(f"missing {missing}, unknown {sorted(map(str, surplus))}")
    return value


def array(value: object, limit: int, read: Callable[[object], _T]) -> tuple[_T, ...]:
    """Read an array of at most `limit` values, each by `read`; the same value twice is refused."""
    if not isinstance(value, list) or len(value) > limit:
        raise Malformed(f"an array of at most {limit} was expected")
    read_values = tuple([read(element) for element in value])
    if len(read_values) > 1 and len(set(read_values)) != len(read_values):
        raise Malformed("a value stands twice")
    return read_values


def text(value: object, limit: int) -> str:
    """Read a string of at most `limit` characters that can be written as UTF-8."""
    if not isinstance(value, str) or len(value) > limit:
        raise Malformed(f"a text of at most {limit} characters was expected")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed("a text holds half a surrogate pair") from error
    return value


def token(value: object) -> str:
    """Read a token: 1 to 64 visible ASCII characters."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Malformed(f"{value!r:.80} is not a token")
    return value


def whole(value: object, least: int = 0) -> int:
    """Read a whole number from `least` up to 2^53 - 1; a boolean is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LARGEST:
        raise Malformed(f"{value!r:.80} is not a whole number from {least}")
    return value


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise Malformed(f"{value!r:.80} is neither true nor false")
    return value


def moment(value: object) -> datetime:
    """Read a time written YYYY-MM-DDTHH:MM:SS.ffffffZ."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Malformed(f"{value!r:.80} is not a time")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise Malformed(f"{value} is not a time") from error


def written(at: datetime) -> str:
    """Write an aware time as YYYY-MM-DDTHH:MM:SS.ffffffZ."""
    assert at.tzinfo is not None, "a time without a zone"
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f").rjust(26, "0") + "Z"
