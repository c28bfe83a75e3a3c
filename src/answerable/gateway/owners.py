"""Whose an id is: what an account had made (a response, a thread, a file, a batch) is used by that account alone.

Law: an id that is known is judged as its maker's; one that is not is judged as its user's, and grants nothing.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import DecodeError, Struct, ValidationError

from answerable.errors import NotFound

OWNED_MAX = 200_000
ID_LENGTH_MAX = 128

# What an operator makes for all its accounts (assistants, vector stores) is nobody's own.
MAKING: dict[bytes, bytes | None] = {
    b"/responses": b"/responses/%s/cancel",
    b"/batches": b"/batches/%s/cancel",
    b"/messages/batches": b"/messages/batches/%s/cancel",
    b"/conversations": None,
    b"/files": None,
    b"/threads": None,
    b"/uploads": None,
}
# Every id of these APIs: letters, a dash or underscore, and more. A text that is no id is not in the table.
_IDS = re.compile(rb'"([a-z]+[-_][A-Za-z0-9_-]{4,120})"')


class _Object(Struct):
    id: str | None = None
    background: bool | None = None
    response: _Object | None = None


_object = msgspec.json.Decoder(_Object)


class Made(NamedTuple):
    """What an answer says that it made; `goes_on` where it runs without anybody waiting for it."""

    id: str
    goes_on: bool


class Owners:
    """The makers of ids, as far as this gateway saw them made; one event loop owns it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._owners: OrderedDict[bytes, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._owners)

    def bind(self, made: str, identity: str) -> None:
        """Remember who had an id made; the first holds. The oldest goes where there is no room."""
        self._owners.setdefault(made.encode(), identity)
        if len(self._owners) > OWNED_MAX:
            self._owners.popitem(last=False)

    def judged_as(self, identity: str | None, path: bytes, body: bytes | None) -> str | None:
        """Give as whom a request is judged that uses ids; raise NotFound where one of them is another's."""
        if not self._owners:
            return identity
        owners = {self._owners[used] for used in _used(path, body) if used in self._owners}
        if not owners:
            return identity
        if len(owners) > 1 or (identity is not None and identity not in owners):
            raise NotFound
        return owners.pop()


def made_by(path: bytes, said: bytes) -> Made | None:
    """Read what an answer, or the first event of one, says that it made; `path` is below /v1."""
    try:
        told = _object.decode(said)
    except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
        return None
    made = told.response or told
    if not made.id or len(made.id) > ID_LENGTH_MAX:
        return None
    return Made(made.id, MAKING.get(path) is not None and (path != b"/responses" or made.background is True))


def _used(path: bytes, body: bytes | None) -> Iterator[bytes]:
    yield from unquote_to_bytes(path).split(b"/")
    if body is not None:
        yield from _IDS.findall(_plain(body) if b"\\u00" in body else body)


def _plain(body: bytes) -> bytes:
    # An id may be written with escapes; whoever answers reads it all the same.
    try:
        return json.dumps(json.loads(body)).encode()
    except (ValueError, RecursionError):
        return body
