"""Plain JSON lines: {"user", "conversation", "role", "text", "at"} and, where known, "id" and "kind".

Law: a bad line is reported with its number and the next one is read.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Protocol

from answerable.ports.history import Message, MessageKind, Speaker
from answerable.screen.exports.records import RECORD_BYTES_MAX, BadRecord, Unreadable, a_text, a_time, an_id, an_object
from answerable.screen.exports.records import decode as decode_json

_ID_LETTERS = 32
_BOM = b"\xef\xbb\xbf"


class Lined(Protocol):
    """Anything lines can be read from."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or as many bytes of it as `size` says; none at the end."""


def lines(file: Lined) -> Iterator[tuple[int, bytes | None, bool]]:
    """Yield number, bytes (None where the line is too long) and whether a newline ended it, skipping blank lines."""
    number = 0
    while line := file.readline(RECORD_BYTES_MAX):
        number += 1
        is_too_long = False
        while not line.endswith(b"\n") and (rest := file.readline(RECORD_BYTES_MAX)):
            is_too_long, line = True, rest
        is_ended = line.endswith(b"\n")
        if is_too_long:
            yield number, None, is_ended
        elif line.strip():
            yield number, line.removeprefix(_BOM) if number == 1 else line, is_ended


def read(number: int, line: bytes | None, user: str | None) -> Message | BadRecord:
    """Return the message of a line, or why there is none; `user` stands in where the line names none."""
    if line is None:
        return BadRecord(number, f"longer than {RECORD_BYTES_MAX} bytes")
    try:
        return _message(an_object(decode_json(line), "the line"), user)
    except Unreadable as error:
        return BadRecord(number, error.reason)


def _message(found: dict[str, object], user: str | None) -> Message:
    account = an_id(found.get("user", user), "user")
    conversation = an_id(found.get("conversation"), "conversation")
    text = a_text(found.get("text"), "text")
    at = a_time(found.get("at"), "at")
    try:
        role = Speaker(a_text(found.get("role"), "role"))
        kind = MessageKind(a_text(found.get("kind", MessageKind.MESSAGE), "kind"))
    except ValueError as error:
        raise Unreadable(f"not known: {error!s:.80}") from None
    identity = found.get("id")
    if identity is None:
        # the same words at the same instant are the same message: importing a file twice adds nothing
        told = json.dumps([conversation, role, kind, at.isoformat(), text]).encode()
        identity = hashlib.sha256(told).hexdigest()[:_ID_LETTERS]
    return Message(
        account=account,
        conversation=conversation,
        id=an_id(identity, "id"),
        role=role,
        text=text,
        at=at,
        kind=kind,
    )
