"""What the gate's tests share: short builders, Hypothesis values, and a real signed log from the ledger room.

Law: proofs in these tests are made by other code than the code that checks them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from answerable.ledger import notes, tree, verify
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
    Pinned,
    Received,
    Release,
    Shield,
    Standing,
    Withheld,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
    withheld_line,
)
from answerable_gate.io.proofs import pin

START = datetime(2026, 8, 1, 12, tzinfo=UTC)
GATE_KEY = b"g" * 32
ORIGIN = "example.org/answerable"

levels = st.sampled_from(Level)
terms = st.sampled_from([(), ("Mara",), ("Mara", "Élan")])
shields = st.builds(Shield, st.sampled_from(["person_a", "person_b"]), terms)
standings = st.builds(
    Standing, levels, st.frozensets(st.sampled_from(Limit), max_size=3), st.frozensets(shields, max_size=2)
)


def after(seconds: float) -> datetime:
    """Give a time after the start."""
    return START + timedelta(seconds=seconds)


def an_item(name: str = "item_a", level: Level = Level.GUARDED, effective: float = 0, of: str = "subject_a") -> Item:
    """Build an item; one that is due later than the start is a default."""
    return Item(
        id=name,
        of=of,
        standing=Standing(level),
        effective=after(effective),
        kind="default" if effective > 0 else "measure",
        review_by=after(90 * 86400),
    )


def an_entry(*items: Item, version: int = 1, subject: str = "subject_a", frozen: Frozen | None = None) -> Entry:
    """Build an open entry whose one alias is that of the identity called like the subject."""
    return Entry(
        subject=subject,
        version=version,
        items=tuple(sorted(items, key=lambda item: item.id)),
        aliases=(alias(GATE_KEY, subject).hex(),),
        frozen=frozen,
        open=True,
        reason_ref=subject,
    )


def a_withheld(version: int = 2, subject: str = "subject_a", *, known_as: str | None = None) -> Withheld:
    """Build what a store says of a subject whose facts it cannot read; his alias is that of `known_as`."""
    return Withheld(subject=subject, version=version, aliases=(alias(GATE_KEY, known_as or subject).hex(),))


def a_policy(**changes: object) -> GatePolicy:
    """Build a policy that treats the unknown kindly."""
    values: dict[str, object] = {
        "version": 1,
        "preamble": "Take care.",
        "tools_allowed": ("calculator",),
        "on_stale": "allow",
        "on_cold_start": "refuse",
        "on_no_identity": "guarded",
        "lease_s": 60,
    }
    return GatePolicy(**(values | changes))  # type: ignore[arg-type]


@dataclass
class Log:
    """A signed log in memory."""

    private: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    origin: str = ORIGIN
    leaves: list[bytes] = field(default_factory=list)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    edge: verify.CompactRange = field(default_factory=verify.CompactRange)

    @property
    def key(self) -> str:
        return notes.vkey(self.origin, self.private.public_key())

    @property
    def pinned(self) -> Pinned:
        return pin(self.key, self.origin)

    def append(self, kind: str, **body: object) -> int:
        """Append an entry and give its index."""
        envelope = {"stream": "case:case_a", "seq": 1, "prev": "", "act": "act_a", "at": "2026-08-01T12:00:00.000000Z"}
        return self.append_leaf({"v": 1, "log": self.origin, **envelope, "by": "staff_a", "kind": kind, "body": body})

    def append_leaf(self, value: object) -> int:
        """Append any JSON value as an entry and give its index."""
        leaf = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        self.leaves.append(leaf)
        self.nodes |= {(level, place): node for level, place, node in self.edge.append(verify.leaf_hash(leaf))}
        return len(self.leaves) - 1

    def note(self) -> str:
        """Sign a checkpoint of the present size."""
        text = notes.checkpoint_text(notes.Checkpoint(self.origin, self.edge.size, self.edge.root()))
        return notes.sign_note(text, self.origin, self.private)

    def release(self, index: int) -> Release:
        """Prove an entry in the tree of the present size."""
        path = tree.inclusion(index, self.edge.size, lambda level, place: self.nodes[level, place])
        return Release(leaf=self.leaves[index], index=index, size=self.edge.size, path=tuple(path), note=self.note())

    def lift(self, *lifts: str, subject: str = "subject_a") -> Release:
        """Lift items, with some other entries around."""
        self.append("Noise", subject=subject, number=len(self.leaves))
        index = self.append("MeasureLifted", subject=subject, lifts=list(lifts), case="case_a")
        self.append("Noise", subject=subject, number=len(self.leaves))
        return self.release(index)


@dataclass
class Bench:
    """A gate with its two clocks and the store's end of its feed."""

    log: Log = field(default_factory=Log)
    policy: GatePolicy = field(default_factory=a_policy)
    wall: float = 0
    monotonic: float = 0
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(gate_key=GATE_KEY, pinned=self.log.pinned, policy=self.policy, **self.times)

    @property
    def times(self) -> dict:
        return {"wall": after(self.wall), "monotonic": self.monotonic}

    def wait(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.wall += seconds
        self.monotonic += seconds

    def hello(self, **changes: object) -> bytes:
        values: dict = {"origin": ORIGIN, "key": self.log.key, "check": alias(GATE_KEY, "").hex()}
        return hello_line(Hello(**(values | {"policy": self.policy} | changes)))

    def heartbeat(self, seq: int | None = None, now: float | None = None, size: int = 0) -> bytes:
        store_now = after(self.wall if now is None else now)
        return heartbeat_line(Heartbeat(seq=self.gate.after if seq is None else seq, now=store_now, size=size))

    def receive(self, line: bytes) -> Received:
        return self.gate.receive(line.rstrip(b"\n"), **self.times)

    def send(self, entry: Entry, *releases: Release, seq: int | None = None) -> Received:
        """Send an entry over the feed."""
        return self.receive(entry_line(seq or self.gate.after + 1, entry, releases, now=after(self.wall)))

    def withhold(self, version: int = 2, subject: str = "subject_a", *, known_as: str | None = None) -> Received:
        """Send that an entry is withheld."""
        return self.receive(withheld_line(self.gate.after + 1, a_withheld(version, subject, known_as=known_as)))

    def catch_up(self) -> None:
        """Greet and send a heartbeat."""
        self.receive(self.hello())
        self.receive(self.heartbeat())
