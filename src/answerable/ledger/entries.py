"""Entries: the envelope of a fact and its bytes, which are the record.

Law: what `encode` writes, `verify.parse_entry` takes, byte for byte; nothing else is ever hashed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from answerable.edge import rfc3339
from answerable.errors import BadInput, Corrupt, TooLarge
from answerable.ledger.verify import MAX_ENTRY, Malformed, check_entry, check_profile

VERSION = 1
# Within the profile these do as verify.canonical and verify.parse do, several times faster; a test holds them together.
_to_bytes = msgspec.json.Encoder(order="sorted").encode
_from_bytes = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One fact on its place in one stream.

    `seq` counts from 1; `prev` is the hex leaf hash of the stream's entry before, "" for the first; `at` is aware, UTC.
    """

    stream: str
    seq: int
    prev: str
    act: str
    at: datetime
    by: str
    kind: str
    body: dict[str, Any]


def encode(envelope: Envelope, origin: str) -> bytes:
    """Return the entry's canonical bytes; BadInput outside the format, TooLarge over 16 KiB."""
    entry = {
        "v": VERSION,
        "log": origin,
        "stream": envelope.stream,
        "seq": envelope.seq,
        "prev": envelope.prev,
        "act": envelope.act,
        "at": rfc3339(envelope.at),
        "by": envelope.by,
        "kind": envelope.kind,
        "body": envelope.body,
    }
    try:
        check_entry(entry)
        check_profile(entry)
        data = _to_bytes(entry)
    except Malformed as fault:
        raise BadInput(f"an entry {fault}") from fault
    except UnicodeEncodeError as fault:
        raise BadInput("an entry has half a surrogate pair in its text") from fault
    if len(data) > MAX_ENTRY:
        raise TooLarge(f"an entry is {len(data)} bytes long, {MAX_ENTRY} are the limit")
    return data


def decode(data: bytes) -> Envelope:
    """Read stored bytes back; Corrupt unless they are exactly what `encode` writes."""
    try:
        entry = check_entry(_from_bytes(data))
        check_profile(entry)
    except (ValueError, RecursionError) as fault:
        raise Corrupt(f"a stored entry cannot be read: {fault}") from fault
    if len(data) > MAX_ENTRY or _to_bytes(entry) != data:
        raise Corrupt("a stored entry is too long or not in canonical form")
    return Envelope(
        stream=entry["stream"],
        seq=entry["seq"],
        prev=entry["prev"],
        act=entry["act"],
        at=datetime.fromisoformat(entry["at"]),
        by=entry["by"],
        kind=entry["kind"],
        body=entry["body"],
    )
