"""The feed: one JSON line per message, state transfer from the store to its gates, read without any input or output.

Law: a line that is not exactly as agreed changes nothing, and the reader connects anew.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable_gate import strict
from answerable_gate.entry import ALIAS_BYTES, Entry, Withheld, decode, decode_withheld, encode, encode_withheld
from answerable_gate.judge import GatePolicy, decode_policy, encode_policy
from answerable_gate.release import Release, decode_release, encode_release
from answerable_gate.strict import Malformed

LINE_BYTES_MAX = 4 * 1024 * 1024
RELEASES_MAX = 1024
LEASE_S_MAX = 3600
ALIAS_PREFIX = b"alias\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """The first line of a connection: whose feed this is; `check` is the alias of "" under the store's gate key."""

    origin: str
    key: str
    check: str
    policy: GatePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLine:
    """One subject's whole entry as of feed position `seq`, with every release that a gate may still need."""

    seq: int
    entry: Entry
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldLine:
    """That one subject's entry as of feed position `seq` cannot be told."""

    seq: int
    withheld: Withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """All up to feed position `seq` was sent; the store's time is `now`, its tree has `size` leaves."""

    seq: int
    now: datetime
    size: int


Message = Hello | EntryLine | WithheldLine | Heartbeat


def alias(gate_key: bytes, identity: str) -> bytes:
    """Give the keyed hash under which an identity is known to gates: 128 bits of HMAC-SHA256.

    The store writes it as 32 hex digits; the identity itself never leaves it.
    """
    named = ALIAS_PREFIX + identity.encode("utf-8", "surrogatepass")
    return hmac.digest(gate_key, named, "sha256")[:ALIAS_BYTES]


def hello_line(hello: Hello) -> bytes:
    """Write a greeting."""
    return _line({
        "kind": "hello",
        "origin": hello.origin,
        "key": hello.key,
        "check": hello.check,
        "lease_s": hello.policy.lease_s,
        "policy": encode_policy(hello.policy),
    })


def entry_line(seq: int, entry: Entry, releases: Sequence[Release], *, now: datetime) -> bytes:
    """Write an entry as it is sent at the store's `now`."""
    return _line({
        "kind": "entry",
        "seq": seq,
        "entry": encode(entry, now=now),
        "releases": [encode_release(release) for release in releases],
    })


def withheld_line(seq: int, withheld: Withheld) -> bytes:
    """Write that an entry is withheld."""
    return _line({"kind": "withheld", "seq": seq, **encode_withheld(withheld)})


def heartbeat_line(heartbeat: Heartbeat) -> bytes:
    """Write a heartbeat."""
    return _line({
        "kind": "heartbeat",
        "seq": heartbeat.seq,
        "now": strict.written(heartbeat.now),
        "size": heartbeat.size,
    })


def read_line(line: bytes, *, received: datetime) -> Message:
    """Read one line that arrived at `received`; raise Malformed."""
    if len(line) > LINE_BYTES_MAX:
        raise Malformed("a line is too long")
    value = strict.parse(line)
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "hello":
        return _hello(value)
    if kind == "entry":
        return _entry(value, received)
    if kind == "withheld":
        read = strict.members(value, "kind", "seq", "subject", "version", "aliases")
        return WithheldLine(seq=strict.whole(read["seq"], 1), withheld=decode_withheld(read))
    if kind == "heartbeat":
        read = strict.members(value, "kind", "seq", "now", "size")
        return Heartbeat(
            seq=strict.whole(read["seq"]), now=strict.moment(read["now"]), size=strict.whole(read["size"])
        )
    raise Malformed(f"{kind!r:.80} is no kind of line")


class Lines:
    """Bytes in, cut anywhere; whole lines out. One per connection."""

    def __init__(self) -> None:
        """Begin at the start of a line."""
        self._begun = bytearray()

    def split(self, chunk: bytes) -> Iterator[bytes]:
        """Take in a chunk and give the lines it completes; raise Malformed when a line grows too long."""
        begins = 0
        while (ends := chunk.find(b"\n", begins)) >= 0:
            line = bytes(self._begun) + chunk[begins:ends]
            self._begun.clear()
            begins = ends + 1
            yield line
        self._begun += chunk[begins:]
        if len(self._begun) > LINE_BYTES_MAX:
            raise Malformed("a line is too long")


def _line(value: dict[str, object]) -> bytes:
    line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    assert len(line) <= LINE_BYTES_MAX, "no reader would take this line"
    return line + b"\n"


def _hello(value: object) -> Hello:
    read = strict.members(value, "kind", "origin", "key", "check", "lease_s", "policy")
    lease_s = strict.whole(read["lease_s"], 1)
    if lease_s > LEASE_S_MAX:
        raise Malformed(f"a lease lasts at most {LEASE_S_MAX} s")
    return Hello(
        origin=strict.text(read["origin"], 256),
        key=strict.text(read["key"], 512),
        check=strict.text(read["check"], 64),
        policy=decode_policy(read["policy"], lease_s),
    )


def _entry(value: object, received: datetime) -> EntryLine:
    read = strict.members(value, "kind", "seq", "entry", "releases")
    return EntryLine(
        seq=strict.whole(read["seq"], 1),
        entry=decode(read["entry"], received=received),
        releases=strict.array(read["releases"], RELEASES_MAX, decode_release),
    )
