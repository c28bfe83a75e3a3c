"""The gate: the one mutable holder of what applies to whom, and the place where an exchange is judged.

Laws: "due" is looked up at each exchange, never awaited (L1); only a proof lowers; now never goes back.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from heapq import heappop, heappush

from answerable_gate.admission import Held, admit, mark, meet, stricter, withhold
from answerable_gate.clock import NEVER, Clock, ClockSuspect, adopt, from_microseconds, microseconds, tick
from answerable_gate.contact import Contact, heard
from answerable_gate.entry import ALIAS_BYTES
from answerable_gate.feed import ALIAS_PREFIX, EntryLine, Heartbeat, Hello, WithheldLine, read_line
from answerable_gate.judge import Contact as Reach
from answerable_gate.judge import GatePolicy, Request, Verdict, judge
from answerable_gate.measures import Standing, covers, join
from answerable_gate.names import Names
from answerable_gate.packed import pack, summary, unpack
from answerable_gate.shapes import FeedBehind, NotOurFeed, Pinned, Received, Saved, Status
from answerable_gate.table import Table

_LAST = datetime.max.replace(tzinfo=UTC)
_SLOT = 0xFFFF_FFFF
_AT_ONCE = float("-inf")
_WAKE_AFTER = timedelta(seconds=1)
_UNKNOWN = -2
_NOBODY: frozenset[bytes] = frozenset()
_BEFORE_REFERENCE = Verdict._fields.index("reason_ref")


class Gate:
    """Holds the entries and judges exchanges. `wall` is an aware UTC time, `monotonic` the process's seconds.

    One thread owns it: no method waits, and none may run beside another.
    """

    def __init__(
        self, *, gate_key: bytes, pinned: Pinned, policy: GatePolicy, wall: datetime, monotonic: float
    ) -> None:
        """Begin with nothing held, cold; `policy` applies until the feed brings one."""
        self.pinned = pinned
        self.policy = policy
        self.after = 0
        self._key = gate_key
        self._begun = hmac.new(gate_key, ALIAS_PREFIX, "sha256")
        self._clock = Clock(wall, monotonic)
        self._contact: Contact | None = None
        self._until = float("-inf")
        self._out_of_reach: Reach = "cold"
        self._size = 0
        self._suspect: ClockSuspect | None = None
        self._table = Table()
        self._withheld = self._unproven = 0
        # Grows with whatever a snapshot keeps.
        self.changes = 0
        # A heap of microseconds << 32 | slot, since an int is half the size of a tuple.
        self._due: list[int] = []
        self._next_due = _LAST
        # Before these no check has to look at the time; at least once a second one does.
        self._wake_wall = wall
        self._wake = NEVER
        self._wake_monotonic = monotonic
        self._watched: dict[bytes, int] = {}
        self._risen: set[bytes] = set()
        # The verdict by level and limits (or _UNKNOWN) and by whether the tools are not known, for each reach.
        self._verdicts: dict[Reach, dict[int, Verdict]] = {"fresh": {}, "stale": {}, "cold": {}}

    # --- judging

    def check(self, request: Request, *, wall: datetime, monotonic: float, alias: bytes | None = None) -> Verdict:
        """Judge an exchange; an inlet that has worked out the identity's alias before may pass it."""
        if wall >= self._wake_wall or monotonic >= self._wake_monotonic:
            self.tick(wall, monotonic)
        if not request.identity:
            return self._judge(None, request, wall, monotonic)
        known = self._verdicts["fresh" if monotonic <= self._until else self._out_of_reach]
        found = self._table.find(alias or self.alias(request.identity))
        if request.tenant is not None:
            above = [decided(held) for held in self.bearers(self.alias(request.tenant))]
            if any(held.entry.items or held.withheld for held in above):
                own = [self._held(slot) for slot, _, _ in found]
                return self._judge(merge([*own, *above]), request, wall, monotonic)
        if not found:
            key = _UNKNOWN if request.tools is None else _UNKNOWN + 1
            return known.get(key) or self._remember(known, key, None, request, wall, monotonic)
        if len(found) == 1:
            slot, slab, at = found[0]
            shape, reason_ref, review = summary(slab, at)
            # A review that passes before the next look at the time may have passed by now: then it is judged anew.
            if shape >= 0 and review > self._wake:
                key = shape * 2 + (request.tools is None)
                alike = known.get(key) or self._remember(known, key, self._held(slot), request, wall, monotonic)
                # Verdict._make without its second look at the length: this runs for every exchange.
                return tuple.__new__(Verdict, (*alike[:_BEFORE_REFERENCE], reason_ref, review))
        return self._judge(merge([self._held(slot) for slot, _, _ in found]), request, wall, monotonic)

    def _remember(
        self,
        known: dict[int, Verdict],
        key: int,
        held: Held | None,
        request: Request,
        wall: datetime,
        monotonic: float,
    ) -> Verdict:
        # Exchanges of one shape get one verdict, but for reference and review: it is judged once and then looked up.
        known[key] = self._judge(held, request, wall, monotonic)
        return known[key]

    def _judge(self, held: Held | None, request: Request, wall: datetime, monotonic: float) -> Verdict:
        now, reach = self.tick(wall, monotonic), self._reach(monotonic)
        if held is None:
            return judge(None, request, now, self.policy, contact=reach)
        withheld = held.withheld > 0
        return judge(held.entry, request, now, self.policy, contact=reach, fallen=held.fallen, withheld=withheld)

    def alias(self, identity: str) -> bytes:
        """Give the alias of an identity under this gate's key: what `feed.alias` gives, from a begun HMAC."""
        begun = self._begun.copy()
        begun.update(identity.encode("utf-8", "surrogatepass"))
        return begun.digest()[:ALIAS_BYTES]

    def names(self, verdict: Verdict) -> Names:
        """Give the names that the shields of a verdict keep out of its answer."""
        return Names(self._key, verdict.shields)

    # --- time and contact

    def tick(self, wall: datetime, monotonic: float) -> datetime:
        """Let time pass, mark what has become due, and give the time now."""
        self._clock, now = tick(self._clock, wall, monotonic)
        while self._next_due <= now:
            slot = heappop(self._due) & _SLOT
            self._next_due = _due_at(self._due)
            held = self._held(slot)
            self._put(held, mark(held, now=now))
        self._wake_wall = min(self._next_due, now + _WAKE_AFTER)
        self._wake = microseconds(self._wake_wall)
        # A little early, for what the conversion to a float may have rounded off.
        self._wake_monotonic = monotonic + (self._wake_wall - now).total_seconds() - 1e-5
        return now

    @property
    def next_due(self) -> datetime | None:
        """Give the time at which standing rises next by itself."""
        return None if self._next_due == _LAST else self._next_due

    def status(self, *, wall: datetime, monotonic: float) -> Status:
        """Say where the gate stands."""
        now, reach = self.tick(wall, monotonic), self._reach(monotonic)
        return Status(
            in_force=reach == "fresh",
            reach=reach,
            subjects=len(self._table),
            withheld=self._withheld,
            lowering_refused=self._unproven,
            after=self.after,
            policy_version=self.policy.version,
            now=now,
            suspect=self._suspect,
        )

    def _reach(self, monotonic: float) -> Reach:
        return "fresh" if monotonic <= self._until else self._out_of_reach

    # --- running streams

    def watch(self, identity: str) -> bytes:
        """Watch a running stream's identity and give its alias; each watch is ended by one unwatch."""
        alias = self.alias(identity)
        self._watched[alias] = self._watched.get(alias, 0) + 1
        return alias

    def unwatch(self, alias: bytes) -> None:
        """End one watch of an alias."""
        left = self._watched.pop(alias) - 1
        if left:
            self._watched[alias] = left
        else:
            self._risen.discard(alias)

    def risen(self) -> frozenset[bytes]:
        """Give the watched aliases whose entry was tightened since the last call; their streams are checked anew.

        What rises by time is found by `tick`, so call that first and at least once a second.
        """
        if not self._risen:
            return _NOBODY
        risen, self._risen = frozenset(self._risen), set()
        return risen

    # --- the feed

    def receive(self, line: bytes, *, wall: datetime, monotonic: float) -> Received:
        """Take in one line of the feed; raise Malformed, NotOurFeed or FeedBehind, and then nothing has changed."""
        now = self.tick(wall, monotonic)
        message = read_line(line, received=now)
        if isinstance(message, Hello):
            self._greet(message)
            return Received()
        if isinstance(message, EntryLine):
            return self._admit(message, now)
        if isinstance(message, WithheldLine):
            return self._withhold(message, now)
        return self._hear(message, wall, monotonic)

    def _greet(self, hello: Hello) -> None:
        if (hello.origin, hello.key) != (self.pinned.origin, self.pinned.key):
            raise NotOurFeed(f"this is the feed of {hello.origin!r:.80}, another log or key than the pinned one")
        if hello.check != self.alias("").hex():
            raise NotOurFeed("the store has another gate key, so that no identity would ever be found")
        self._contact = None
        if hello.policy.version >= self.policy.version:
            self._adopt_policy(hello.policy)

    def _adopt_policy(self, policy: GatePolicy) -> None:
        self.policy = policy
        self.changes += 1
        for known in self._verdicts.values():
            known.clear()

    def _admit(self, line: EntryLine, now: datetime) -> Received:
        held = self.held(line.entry.subject)
        admitted = admit(held, line.entry, line.releases, self.pinned.verify, now=now)
        self._put(held, admitted.held)
        self.after = max(self.after, line.seq)
        known = {item.id for item in held.entry.items} if held else ()
        fresh = tuple(item.id for item in admitted.held.entry.items if item.id not in known)
        return Received(refused=admitted.refused, subject=line.entry.subject, fresh=fresh)

    def _withhold(self, line: WithheldLine, now: datetime) -> Received:
        held, before = self.held(line.withheld.subject), self._withheld
        self._put(held, withhold(held, line.withheld, now=now))
        self.after = max(self.after, line.seq)
        return Received(subject=line.withheld.subject, withheld=self._withheld > before)

    def _hear(self, heartbeat: Heartbeat, wall: datetime, monotonic: float) -> Received:
        if heartbeat.seq < self.after or heartbeat.size < self._size:
            raise FeedBehind(f"the store is at {heartbeat.seq}, this gate was at {self.after} before")
        self._size = heartbeat.size
        self._clock, self._suspect = adopt(self._clock, heartbeat.now, wall, monotonic)
        self._wake_monotonic = _AT_ONCE
        has_all = heartbeat.seq == self.after  # else something is still on its way
        if has_all:
            self._contact = heard(self._contact, heartbeat.now, monotonic)
            self._until = self._contact.at + self.policy.lease_s
            self._out_of_reach = "stale"
        return Received(suspect=self._suspect, contact=has_all)

    # --- what is held

    def held(self, subject: str) -> Held | None:
        """Give what is held of a subject."""
        slot = self._table.slot(subject)
        return None if slot is None else self._held(slot)

    def bearers(self, alias: bytes) -> tuple[Held, ...]:
        """Give what is held of every subject that bears an alias."""
        return tuple([self._held(slot) for slot, _, _ in self._table.find(alias)])

    def _held(self, slot: int) -> Held:
        return unpack(self._table.record(slot))

    def _put(self, before: Held | None, after: Held, packed: bytes | None = None) -> None:
        if before == after:
            return
        entry = after.entry
        self.changes += 1
        aliases = tuple(bytes.fromhex(alias) for alias in entry.aliases)
        slot = self._table.put(entry.subject, aliases, packed or pack(after))
        self._withheld += (after.withheld > 0) - (before is not None and before.withheld > 0)
        self._unproven += after.unproven - (before is not None and before.unproven)
        due = _next(after)
        if due is not None and (before is None or due != _next(before)):
            heappush(self._due, microseconds(due) << 32 | slot)
            self._next_due = _due_at(self._due)
            self._wake_monotonic = _AT_ONCE
        if self._watched and _tightens(before, after):
            self._risen.update(alias for alias in aliases if alias in self._watched)

    # --- snapshots

    def save(self, *, wall: datetime, monotonic: float, lazily: bool = False) -> Saved:
        """Give everything that a snapshot keeps.

        With `lazily` each record is read when it is asked for, and may be newer than the rest, which harms nothing:
        what the feed brings again changes nothing.
        """
        now = self.tick(wall, monotonic)
        records = self._records()
        return Saved(
            origin=self.pinned.origin,
            key=self.pinned.key,
            after=self.after,
            size=self._size,
            high_water=now,
            policy=self.policy,
            check=self.alias("").hex(),
            records=records if lazily else [*records],
        )

    def _records(self) -> Iterator[bytes]:
        slot = 0
        while slot < len(self._table):
            yield self._table.record(slot)
            slot += 1

    def restore(self, saved: Saved, *, wall: datetime, monotonic: float) -> None:
        """Take up a snapshot in a gate that holds nothing yet; raise NotOurFeed where log or gate key are others."""
        assert not len(self._table), "a snapshot is restored first"
        if saved.check != self.alias("").hex():
            raise NotOurFeed("the snapshot was written under another gate key")
        if (saved.origin, saved.key) != (self.pinned.origin, self.pinned.key):
            raise NotOurFeed(f"the snapshot is of {saved.origin!r:.80}, another log or key than the pinned one")
        now = self.tick(wall, monotonic)
        if saved.high_water > now:
            self._clock = Clock(saved.high_water, monotonic)
        self.after, self._size, self._out_of_reach = saved.after, saved.size, "stale"
        if saved.policy.version >= self.policy.version:
            self._adopt_policy(saved.policy)
        for record in saved.records:
            self._put(None, unpack(record), record)
        self.tick(wall, monotonic)


def merge(held: list[Held]) -> Held:
    """Join what is held of several subjects who share an alias: the stricter of everything."""
    return reduce(_merge, held)


def decided(held: Held) -> Held:
    """Give what people decided of a tenant: what came by itself concerns those alone whom the tenant did not name."""
    items = tuple(item for item in held.entry.items if item.kind == "measure")
    return replace(held, entry=replace(held.entry, items=items, frozen=None, open=False, reason_ref=None))


def _merge(a: Held, b: Held) -> Held:
    items = {item.id: item for item in a.entry.items}
    items |= {item.id: stricter(items[item.id], item) if item.id in items else item for item in b.entry.items}
    entry = replace(
        a.entry,
        items=tuple(items.values()),
        frozen=meet(a.entry.frozen, b.entry.frozen),
        open=a.entry.open or b.entry.open,
        reason_ref=a.entry.reason_ref or b.entry.reason_ref,
    )
    return Held(entry=entry, fallen=a.fallen | b.fallen, withheld=max(a.withheld, b.withheld))


def _next(held: Held) -> datetime | None:
    return min((item.effective for item in held.entry.items if item.id not in held.fallen), default=None)


def _due_at(due: list[int]) -> datetime:
    return from_microseconds(due[0] >> 32) if due else _LAST


def _in_force(held: Held) -> Standing:
    return join(*(item.standing for item in held.entry.items if item.id in held.fallen))


def _tightens(before: Held | None, after: Held) -> bool:
    if before is None or before.entry.aliases != after.entry.aliases or before.entry.frozen != after.entry.frozen:
        return True
    return after.withheld > before.withheld or not covers(_in_force(before), _in_force(after))
