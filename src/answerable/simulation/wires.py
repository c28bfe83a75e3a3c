"""One gate at the far end of a feed: its own clock, its own copy, and lines that come late, twice, or not at all.

Law: a connection keeps its order and may break anywhere; what breaks off is asked for again from where the gate stands.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.app import Exchange, Reading
from answerable.core.facts import SubjectId
from answerable.edge import rfc3339
from answerable.ledger.verify import leaf_hash
from answerable.simulation.parts import OwnClock, TrueTime
from answerable_gate import Gate, GatePolicy, Level, Pinned, Request, Verdict

LINE_DELAY_MAX = timedelta(seconds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Lines that were sent together at one true time."""

    sent: timedelta
    lines: tuple[bytes, ...]
    until: int


class Site:
    """A gate, its clock and its connection."""

    def __init__(
        self, name: str, true: TrueTime, reading: Reading, *, gate_key: bytes, pinned: Pinned, policy: GatePolicy
    ) -> None:
        """Start cold, without a connection."""
        self.name = name
        self.contact: timedelta | None = None
        self.clock = OwnClock(true)
        self._true = true
        self._given = (gate_key, pinned, policy)
        self.reading = reading
        self._cursor: int | None = None
        self._way: deque[Parcel] = deque()
        self._late: deque[bytes] = deque(maxlen=8)
        self.gate = self._fresh()

    def _fresh(self) -> Gate:
        gate_key, pinned, policy = self._given
        return Gate(
            gate_key=gate_key,
            pinned=pinned,
            policy=policy,
            wall=self.clock.now(),
            monotonic=self.clock.monotonic(),
        )

    # --- the connection

    @property
    def is_connected(self) -> bool:
        """Tell whether there is a connection."""
        return self._cursor is not None

    def connect(self) -> None:
        """Connect anew: the store greets, and sends on from where the gate stands."""
        self._cursor = self.gate.after
        self._way.clear()
        self._receive(self.reading.hello()[1])
        self.send()

    def cut(self) -> None:
        """Break the connection: what is on its way is lost, but may turn up late once more (see `echo`)."""
        self._late.extend(line for parcel in self._way for line in parcel.lines if b'"kind":"entry"' in line)
        self._cursor = None
        self._way.clear()

    def send(self) -> None:
        """Put everything new onto the way."""
        if self._cursor is None:
            return
        self._cursor, lines = self.reading.entries_after(self._cursor)
        if lines:
            self._way.append(Parcel(sent=self._true.elapsed, lines=tuple(lines), until=self._cursor))

    def arrive(self) -> None:
        """Let everything on its way arrive, and a heartbeat with it."""
        while self._way:
            parcel = self._way.popleft()
            for line in parcel.lines:
                self._receive(line)
            self._late.append(parcel.lines[-1])
        self.beat()

    def hear(self) -> None:
        """Let everything new come at once."""
        self.send()
        self.arrive()

    def beat(self) -> None:
        """Let a heartbeat arrive, where nothing is on the way before it and nothing is left to be sent."""
        if self._cursor is None or self._way or self._cursor != self.reading.head():
            return
        self._receive(self.reading.heartbeat(self._cursor))
        if self.gate.status(wall=self.clock.now(), monotonic=self.clock.monotonic()).in_force:
            self.contact = self._true.elapsed

    def echo(self) -> None:
        """Let old lines arrive once more, in another order."""
        while self._late:
            line = self._late.pop()
            if self._is_old(line):
                self._receive(line)

    def _is_old(self, line: bytes) -> bool:
        seq = int(line.split(b'"seq":', 1)[1].split(b",", 1)[0])
        return seq <= self.gate.after

    def _receive(self, line: bytes) -> None:
        self.gate.receive(line.rstrip(b"\n"), wall=self.clock.now(), monotonic=self.clock.monotonic())

    # --- exchanges

    @property
    def now(self) -> datetime:
        """The time that the gate takes it to be."""
        return self.gate.status(wall=self.clock.now(), monotonic=self.clock.monotonic()).now

    def judge(self, account: str, model: str, *, tools: tuple[str, ...], tenant: str | None = None) -> Verdict:
        """Judge one exchange, which may come with a tenant's key."""
        request = Request(identity=account, model=model, tools=tools, tenant=tenant)
        return self.gate.check(request, wall=self.clock.now(), monotonic=self.clock.monotonic())

    @property
    def unknown(self) -> Level:
        """What its policy gives to whom it may not know, while it is out of contact."""
        reach = self.gate.status(wall=self.clock.now(), monotonic=self.clock.monotonic()).reach
        policy = self.gate.policy
        rule = {"fresh": "allow", "stale": policy.on_stale}.get(reach, policy.on_cold_start)
        return Level.GUARDED if rule == "guarded" else Level.NONE

    def holds(self, subject: str, item: str) -> bool:
        """Tell whether the gate holds an item of a subject."""
        held = self.gate.held(subject)
        return held is not None and any(one.id.split("^")[0] == item for one in held.entry.items)

    # --- the process

    def restart(self, *, keeps_snapshot: bool) -> None:
        """Die and start again, from the snapshot or cold."""
        saved = self.gate.save(wall=self.clock.now(), monotonic=self.clock.monotonic()) if keeps_snapshot else None
        self.cut()
        self._late.clear()
        self.clock = OwnClock(self._true, self.clock.offset)
        self.gate = self._fresh()
        if saved is None:
            self.contact = None
        else:
            self.gate.restore(saved, wall=self.clock.now(), monotonic=self.clock.monotonic())


def exchange_row(number: int, gate: str, subject: str, model: str, verdict: Verdict, *, now: datetime) -> Exchange:
    """Return what a gate records of an exchange of somebody with a case."""
    return Exchange(
        id=f"ex_{number}",
        subject=SubjectId(subject),
        at=now,
        gate=gate,
        conversation=None,
        model=model,
        answer=verdict.answer,
        level=verdict.level.value,
        standing=verdict.level.value,
        tokens=0 if verdict.answer == "refuse" else 100 + number % 100,
        digest=leaf_hash(f"{number} {rfc3339(now)}".encode()).hex(),
        complete=True,
    )
