"""The gate's formats, frozen: the lines of the feed and the bytes of a snapshot.

Law: docs/spec shows these very bytes; a change here is a new version of the format, never an edit.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from answerable.ledger.entries import Envelope, encode
from answerable.ledger.notes import Checkpoint, checkpoint_text, sign_note, vkey
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable_gate import (
    Entry,
    Frozen,
    Gate,
    GatePolicy,
    Heartbeat,
    Hello,
    Item,
    Level,
    Limit,
    Release,
    Shield,
    Standing,
    Withheld,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
    snapshot,
    withheld_line,
)
from answerable_gate.io.proofs import pin, snapshot_key, unsealer
from tests.golden.test_ledger_format import ORIGIN, PRIVATE, blocks, golden_entries

HERE = Path(__file__).parent
NOW = datetime(2026, 4, 10, 9, 0, tzinfo=UTC)
GATE_KEY = bytes(range(32))
SNAPSHOT_KEY = snapshot_key(GATE_KEY)
KEY = vkey(ORIGIN, PRIVATE.public_key())
MONOTONIC = 0.0
POLICY = GatePolicy(
    version=1,
    preamble="Take care.",
    tools_allowed=("calculator",),
    on_stale="allow",
    on_cold_start="guarded",
    on_no_identity="guarded",
    lease_s=60,
)


def an_item(name: str, standing: Standing, *, of: str = "s_v8tn", hours: int = 0, is_default: bool = False) -> Item:
    """Return an item that counts so many hours from now."""
    effective = NOW + timedelta(hours=hours)
    review_by = None if is_default else NOW + timedelta(days=90)
    kind = "default" if is_default else "measure"
    return Item(id=name, of=of, standing=standing, effective=effective, kind=kind, review_by=review_by)  # type: ignore[arg-type]


def an_entry(version: int, *items: Item) -> Entry:
    """Return the example's subject with some items."""
    return Entry(
        subject="s_v8tn",
        version=version,
        items=items,
        aliases=(alias(GATE_KEY, "user-7").hex(),),
        frozen=Frozen(models=("small",), tools=None),
        open=True,
        reason_ref="s_v8tn",
    )


SHIELD = Standing(Level.GUARDED, frozenset({Limit.NO_LIKENESS}), frozenset({Shield("p_3wkd", ("Mara", "Élan"))}))
MEASURE = an_item("i_4hqx", SHIELD, hours=-1)
ARMED = an_item("i_9bzr", Standing(Level.PAUSED), hours=1, is_default=True)
SHARED = an_item("i_m6ty^guarded", Standing(Level.GUARDED), of="s_k2fe", is_default=True)


def a_release() -> Release:
    """Return the proof that a lift let the measure go."""
    lifted = Envelope(
        stream="case:c_7mq2",
        seq=2,
        prev=leaf_hash(golden_entries()[0]).hex(),
        act="a_z7vw",
        at=NOW,
        by="u_lead",
        kind="MeasureLifted",
        body={"subject": "s_v8tn", "case": "c_7mq2", "proposal": "r_5cne", "staff": ["u_lead", "u_out"],
              "lifts": ["i_4hqx"]},
    )
    first, leaf = golden_entries()[0], encode(lifted, ORIGIN)
    edge = CompactRange()
    for entry in (first, leaf):
        edge.append(leaf_hash(entry))
    note = sign_note(checkpoint_text(Checkpoint(ORIGIN, 2, edge.root())), ORIGIN, PRIVATE)
    return Release(leaf=leaf, index=1, size=2, path=(leaf_hash(first),), note=note)


# Another account, changed by a newer program than the store that feeds this gate.
WITHHELD = Withheld(subject="s_q5ju", version=2, aliases=(alias(GATE_KEY, "user-8").hex(),))


def golden_feed() -> bytes:
    """Return the lines of the example, made anew."""
    return b"".join((
        hello_line(Hello(origin=ORIGIN, key=KEY, check=alias(GATE_KEY, "").hex(), policy=POLICY)),
        entry_line(7, an_entry(3, MEASURE, ARMED, SHARED), (), now=NOW),
        withheld_line(8, WITHHELD),
        heartbeat_line(Heartbeat(seq=8, now=NOW, size=1)),
        entry_line(9, an_entry(4, ARMED), (a_release(),), now=NOW),
        heartbeat_line(Heartbeat(seq=9, now=NOW, size=2)),
    ))


def a_gate() -> Gate:
    """Return a gate that knows nothing yet."""
    return Gate(gate_key=GATE_KEY, pinned=pin(KEY, ORIGIN), policy=POLICY, wall=NOW, monotonic=MONOTONIC)


def told(lines: list[bytes]) -> Gate:
    """Return a gate that has read some lines."""
    gate = a_gate()
    for line in lines:
        gate.receive(line, wall=NOW, monotonic=MONOTONIC)
    return gate


def in_hex(data: bytes) -> str:
    """Return bytes as lines of 32."""
    return "".join(f"{data[at : at + 32].hex()}\n" for at in range(0, len(data), 32))


def seal(plain: bytes) -> bytes:
    """Seal as the product does, with a nonce of zeros: a vector has no chance in it."""
    return bytes(12) + AESGCM(SNAPSHOT_KEY).encrypt(bytes(12), plain, snapshot.MAGIC)


def test_the_feed_is_written_to_the_byte() -> None:
    """Today's program writes the lines that were frozen."""
    assert golden_feed() == (HERE / "feed.ndjson").read_bytes()


def test_the_frozen_feed_is_read() -> None:
    """A gate takes every line; what no proof freed stays, what the proof names goes, and what is withheld is known."""
    lines = (HERE / "feed.ndjson").read_bytes().splitlines()
    gate = told(lines[:4])
    held = gate.held("s_v8tn")
    assert held is not None and held.entry == an_entry(3, MEASURE, ARMED, SHARED)
    last = told(lines)
    after = last.held("s_v8tn")
    assert after is not None and [item.id for item in after.entry.items] == ["i_9bzr", "i_m6ty^guarded"]
    status = last.status(wall=NOW, monotonic=MONOTONIC)
    assert (status.in_force, status.withheld) == (True, 1)


def test_the_snapshot_is_written_to_the_byte() -> None:
    """Today's program writes the snapshot that was frozen, of the gate that read the first four lines."""
    gate = told(golden_feed().splitlines()[:4])
    assert in_hex(snapshot.write(gate, seal, wall=NOW, monotonic=MONOTONIC)) == (HERE / "snapshot.hex").read_text()
    record, withheld = gate.save(wall=NOW, monotonic=MONOTONIC).records
    assert in_hex(record) == (HERE / "record.hex").read_text()
    assert in_hex(withheld) == (HERE / "withheld.hex").read_text()


def test_the_frozen_snapshot_is_read() -> None:
    """A gate that takes it up holds what the other held."""
    written = bytes.fromhex((HERE / "snapshot.hex").read_text())
    gate = a_gate()
    gate.restore(snapshot.read(written, unsealer(SNAPSHOT_KEY)), wall=NOW, monotonic=MONOTONIC)
    other = told(golden_feed().splitlines()[:4])
    assert all(gate.held(one) == other.held(one) for one in ("s_v8tn", "s_q5ju"))


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("feed.md", "feed.ndjson"),
        ("snapshot.md", "snapshot.hex"),
        ("snapshot.md", "record.hex"),
        ("snapshot.md", "withheld.hex"),
    ],
)
def test_the_specification_shows_the_frozen_bytes(page: str, file: str) -> None:
    """Each example in docs/spec is the frozen file, whole."""
    assert (HERE / file).read_text() in blocks(page)
