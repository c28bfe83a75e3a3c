"""What may be read without opening a case: lists without content, checkpoints, and the feed to the gates (L6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from answerable.app import proving, receipts
from answerable.app.acts import Acts
from answerable.app.genesis import Adoption, adoption
from answerable.app.proving import Gathered
from answerable.core.facts import ActorId, CaseId, NoticeId, OrderId, Refused, StaffId
from answerable.ledger.entries import decode
from answerable.ports.signer import Signer
from answerable.store.protocol import CaseRow, Checkpointed, FeedLine
from answerable_gate import (
    GatePolicy,
    Heartbeat,
    Hello,
    Withheld,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
    withheld_line,
)

Unknown = Literal["allow", "guarded", "refuse"]
FEED_LINES = 500
OVERDUE_AFTER = timedelta(seconds=30)
_STRICTNESS: tuple[Unknown, ...] = ("allow", "guarded", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What the operator's configuration asks of the gates; it may be stricter than the policy, never weaker."""

    on_stale: Unknown
    on_cold_start: Unknown
    on_no_identity: Unknown
    lease_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the record stands: entries, how many of them a checkpoint covers, and whether time is being written down.

    `size` counts what waits for the tree as well. `unsealed_since` is the time of the first entry that no checkpoint
    covers.
    """

    now: datetime
    size: int
    sealed: int
    unsealed_since: datetime | None
    is_overdue: bool


class Reading:
    """Reads one record for lists and gates; nothing here writes, and nothing here is anybody's content."""

    def __init__(self, acts: Acts, signer: Signer, rules: GateRules, *, policy: str = "") -> None:
        """Take the record, its signer, what the configuration asks of gates, and the policy's text as configured."""
        self._acts = acts
        self._signer = signer
        self._rules = rules
        self._policy = policy

    # --- lists

    def cases(self, *, staff: StaffId, after: CaseId | None, limit: int, only_open: bool) -> Sequence[CaseRow]:
        """Return a page of the cases that a member of staff may know of."""
        hidden_from = ActorId(staff)
        return self._acts.store.cases(after=after, limit=limit, only_open=only_open, hidden_from=hidden_from)

    def case(self, case: CaseId, *, staff: StaffId) -> CaseRow | None:
        """Return a case's row; None as well where this person is barred from it, so that nobody learns of it (L6)."""
        return case_for(self._acts, case, staff)

    def checkpoint(self) -> Checkpointed | None:
        """Return the newest signed checkpoint."""
        return self._acts.store.newest_checkpoint()

    def receipt(self, notice: NoticeId, *, shows_entry: bool = False) -> bytes | Refused:
        """Return the receipt of a notice; with its entry it is for nobody who could be the one it is about."""
        return receipts.receipt(self._acts.store, notice, shows_entry=shows_entry)

    def order_list(self, case: CaseId, order: OrderId, *, staff: StaffId) -> Gathered | Refused:
        """Return which entries show what was done for an order, to be recorded for whoever wants the proof."""
        if case_for(self._acts, case, staff) is None:
            return Refused("not_found", "There is no such case.")
        return proving.gather(self._acts, case, order)

    def order_proof(self, case: CaseId, order: OrderId, *, staff: StaffId) -> dict[str, Any] | Refused:
        """Return what was done for an order, with the entries that prove it; no content, so no opening (L6)."""
        if case_for(self._acts, case, staff) is None:
            return Refused("not_found", "There is no such case.")
        return proving.prove(self._acts, case, order)

    @property
    def vkey(self) -> str:
        """The line under which readers pin the log's key."""
        return self._signer.vkey

    def health(self) -> Health:
        """Return how the record stands now."""
        store, now = self._acts.store, self.now()
        newest = store.newest_checkpoint()
        sealed = newest.size if newest else 0
        first = next(store.entries(sealed, sealed + 1), None)
        waiting, since = store.pending()
        return Health(
            now=now,
            size=store.size() + waiting,
            sealed=sealed,
            unsealed_since=decode(first).at if first is not None else since,
            is_overdue=bool(store.due(now - OVERDUE_AFTER, 1)),
        )

    def adoption(self) -> Adoption:
        """Return how the configured policy stands to the one in force."""
        return adoption(self._acts, self._policy)

    def now(self) -> datetime:
        """Return the record's time under the time rule."""
        return self._acts.now(self._acts.store.high_water())

    # --- the feed

    def gate_policy(self) -> GatePolicy:
        """Return what the gates do: the policy in force, or the configuration where that is stricter."""
        policy, count = self._acts.policy()
        return replace(
            policy.gate,
            version=count,
            on_stale=_stricter(policy.gate.on_stale, self._rules.on_stale),
            on_cold_start=_stricter(policy.gate.on_cold_start, self._rules.on_cold_start),
            on_no_identity=_stricter(policy.gate.on_no_identity, self._rules.on_no_identity),
            lease_s=min(policy.gate.lease_s, self._rules.lease_s),
        )

    def hello(self) -> tuple[GatePolicy, bytes]:
        """Return the policy and the first line of a connection, which tells it."""
        policy = self.gate_policy()
        check = alias(self._acts.keyring.gate, "").hex()
        hello = Hello(origin=self._acts.store.origin, key=self._signer.vkey, check=check, policy=policy)
        return policy, hello_line(hello)

    def entries_after(self, after: int) -> tuple[int, list[bytes]]:
        """Return the next entries of the feed as lines, and the place that a gate is at once it has them."""
        found = self._acts.store.feed(after, FEED_LINES)
        now = self.now()
        lines = [_line(one, now) for one in found]
        return found[-1].seq if found else after, lines

    def heartbeat(self, at: int) -> bytes:
        """Return the line that says: up to this place everything was sent, and this is the store's time."""
        return heartbeat_line(Heartbeat(seq=at, now=self.now(), size=self._acts.store.size()))

    def head(self) -> int:
        """Return the last place in the feed."""
        return self._acts.store.feed_head()

    def wait_for_change(self, since: int, timeout_s: float) -> bool:
        """Wait until the feed has moved past a place, by any process."""
        return self._acts.store.wait_for_change(since, timeout_s)


def case_for(acts: Acts, case: CaseId, staff: StaffId) -> CaseRow | None:
    """Return a case's row, or None where there is none for this person."""
    row = acts.store.case_row(case)
    return None if row is None or staff in row.barred else row


def _line(one: FeedLine, now: datetime) -> bytes:
    if isinstance(one.entry, Withheld):
        return withheld_line(one.seq, one.entry)
    return entry_line(one.seq, one.entry, one.releases, now=now)


def _stricter(one: Unknown, other: Unknown) -> Unknown:
    return max(one, other, key=_STRICTNESS.index)
