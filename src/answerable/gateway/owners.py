"""Whose an id is: what an account had made (a response, a thread, a file, a batch) is used by that account alone.

Law: an id that is known is judged as its maker's; one that is not is judged as its user's, and grants nothing.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
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
    b"/threads/runs": None,
    b"/uploads": None,
}
_COMPLETES = b"/uploads/", b"/complete"

# An id is the whole of a text, under whatever key: what is no id is not in the table. Nothing but the opening quote is
# consumed, so that quotes need not be paired.
_TEXTS = re.compile(rb'"(?=([^"\\\x00-\x20]{1,128})")')
# In a form it is the whole of a part, behind the empty line that ends the part's head.
_PARTS = re.compile(rb"\n\r?\n(?=([^\x00-\x20]{1,128})(?:\r?\n|\Z))")
_BETWEEN = re.compile(rb"[/?&=,;+ ]")
# Letters of ids as JSON may write them; whoever answers reads them all the same.
_ESCAPED = re.compile(rb"\\u00(2[dDeE]|3[0-9aA]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")
# What of a body must be seen together: the longest id, each letter escaped, in UTF-32.
TOGETHER_BYTES = ID_LENGTH_MAX * 6 * 4 + 64


class _Object(Struct):
    id: str | None = None
    background: bool | None = None
    response: _Object | None = None
    file: _Object | None = None
    thread_id: str | None = None


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

    def judged_as(self, identity: str | None, target: bytes, body: bytes | None, kind: bytes = b"") -> str | None:
        """Give as whom a request is judged that uses ids; raise NotFound where one of them is another's.

        `target` is its path and query, `kind` the type of its body.
        """
        if not self._owners:
            return identity
        owners = self._makers((*_in_target(target), *_in_body(body or b"", kind)))
        if not owners:
            return identity
        if len(owners) > 1 or (identity is not None and identity not in owners):
            raise NotFound
        return owners.pop()

    def look(self, identity: str | None, piece: bytes, kind: bytes) -> None:
        """Look through a piece of a body; raise NotFound where an id in it is not this account's."""
        if self._owners and not self._makers(_in_body(piece, kind)) <= {identity}:
            raise NotFound

    def _makers(self, used: Iterable[bytes]) -> set[str]:
        owners = self._owners
        return {owners[one] for one in used if one in owners}


def makes(path: bytes) -> bool:
    """Say whether a POST to a path below /v1 makes something that belongs to an account."""
    return path in MAKING or (path.startswith(_COMPLETES[0]) and path.endswith(_COMPLETES[1]))


def made_by(path: bytes, said: bytes) -> Made | None:
    """Read what an answer, or the first event of one, says that it made; `path` is below /v1."""
    try:
        told = _object.decode(said)
    except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
        return None
    made = told.file or told.response or told
    its = told.thread_id or made.id
    if not its or len(its) > ID_LENGTH_MAX:
        return None
    return Made(its, MAKING.get(path) is not None and (path != b"/responses" or made.background is True))


def _in_target(target: bytes) -> list[bytes]:
    return _BETWEEN.split(unquote_to_bytes(target))


def _in_body(body: bytes, kind: bytes) -> Iterator[bytes]:
    # In UTF-16 and UTF-32 every letter of an id has zeros beside it; no id has one.
    plain = body.replace(b"\0", b"") if b"\0" in body else body
    if b"\\u00" in plain:
        plain = _ESCAPED.sub(_letter, plain)
    yield from _TEXTS.findall(plain)
    yield from _PARTS.findall(plain)
    if b"urlencoded" in kind:
        yield from _in_target(plain)


def _letter(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode())
