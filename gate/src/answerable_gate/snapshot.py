"""A snapshot: everything a gate must not forget over a restart, in one sealed file.

Law: due once stays due over a restart, and the time never goes back behind the snapshot's high water.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from answerable_gate import strict
from answerable_gate.gate import Gate
from answerable_gate.judge import decode_policy, encode_policy
from answerable_gate.packed import pack, unpack
from answerable_gate.shapes import Pinned, Saved
from answerable_gate.strict import Malformed

MAGIC = b"answerable-gate-snapshot 2\n"

Seal = Callable[[bytes], bytes]
Unseal = Callable[[bytes], bytes]

_LENGTH = struct.Struct("<I")


def write(gate: Gate, seal: Seal, *, wall: datetime, monotonic: float) -> bytes:
    """Write a gate's snapshot: one line that says what this is, and below it everything under seal."""
    return sealed(parts(gate, wall=wall, monotonic=monotonic), seal)


def sealed(plain: Iterable[bytes], seal: Seal) -> bytes:
    """Seal the parts of a snapshot."""
    return MAGIC + seal(b"".join(plain))


def parts(gate: Gate, *, wall: datetime, monotonic: float) -> Iterator[bytes]:
    """Give what a snapshot of a gate has under its seal, part by part; between two the gate may go on."""
    saved = gate.save(wall=wall, monotonic=monotonic, lazily=True)
    head = {
        "origin": saved.origin,
        "key": saved.key,
        "after": saved.after,
        "size": saved.size,
        "high_water": strict.written(saved.high_water),
        "lease_s": saved.policy.lease_s,
        "policy": encode_policy(saved.policy),
        "check": saved.check,
    }
    yield _part(json.dumps(head, sort_keys=True, separators=(",", ":")).encode("ascii"))
    for record in saved.records:
        yield _part(record)


def place(snapshot: bytes, unseal: Unseal, pinned: Pinned) -> int:
    """Read how far in the feed of the pinned log a snapshot is, 0 where it is another log's; raise as `read` does."""
    try:
        head = next(_split(_opened(snapshot, unseal)))
    except (StopIteration, struct.error) as error:
        raise Malformed("the snapshot is damaged") from error
    saved = _saved(head, [])
    return saved.after if (saved.origin, saved.key) == (pinned.origin, pinned.key) else 0


def read(snapshot: bytes, unseal: Unseal) -> Saved:
    """Read a snapshot for `Gate.restore`; raise Malformed, or what `unseal` raises."""
    plain = _opened(snapshot, unseal)
    try:
        head, *records = _split(plain)
        for record in records:
            if pack(unpack(record)) != record:
                raise Malformed("a record is not written as this version writes it")
    except (ValueError, IndexError, OverflowError, struct.error) as error:
        raise Malformed(f"the snapshot is damaged: {error}") from error
    return _saved(head, records)


def _part(line: bytes) -> bytes:
    return _LENGTH.pack(len(line)) + line


def _opened(snapshot: bytes, unseal: Unseal) -> bytes:
    if not snapshot.startswith(MAGIC):
        raise Malformed("this is no snapshot of this version")
    return unseal(snapshot[len(MAGIC) :])


def _split(plain: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(plain):
        ends = at + 4 + _LENGTH.unpack_from(plain, at)[0]
        if ends > len(plain):
            raise Malformed("it ends early")
        yield plain[at + 4 : ends]
        at = ends


def _saved(head: bytes, records: list[bytes]) -> Saved:
    read = strict.members(
        strict.parse(head), "origin", "key", "after", "size", "high_water", "lease_s", "policy", "check"
    )
    return Saved(
        origin=strict.text(read["origin"], 256),
        key=strict.text(read["key"], 512),
        after=strict.whole(read["after"]),
        size=strict.whole(read["size"]),
        high_water=strict.moment(read["high_water"]),
        policy=decode_policy(read["policy"], strict.whole(read["lease_s"], 1)),
        check=strict.text(read["check"], 64),
        records=records,
    )
