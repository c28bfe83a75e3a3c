"""The planted faults: what somebody might build by mistake or to save trouble, each as small as it can be.

Law: every fault here is one that a system in service has had, or that a reader of the design might well make.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from answerable.app import acts, exposures, intake, reading, sources
from answerable.core import (
    adopted,
    case_arms,
    decisions,
    defaults,
    draws,
    evidence,
    floods,
    helpdesk,
    holds,
    lapses,
    links,
    lowerings,
    notices,
    openings,
    recalls,
    standing,
    views,
)
from answerable.core import facts as f
from answerable.core.cases import Held as CaseHeld
from answerable.core.cases import Subject
from answerable.ledger import codec
from answerable.store import act as store_act
from answerable.store import folds, memory_tx, postgres
from answerable.store.postgres import PostgresStore
from answerable.store.postgres_tx import PgTx
from answerable.store.sql_tx import SqlTx
from answerable.store.sqlite import SqliteStore
from answerable.store.sqlite_tx import SqliteTx
from answerable.work import keeping
from answerable_gate import Entry, Item, Standing, admission, gate, join
from answerable_gate.admission import Held
from answerable_gate.clock import Clock

Patch = pytest.MonkeyPatch
# Functions of the same name stand before these modules in the package.
judge, gate_standing = (sys.modules[f"answerable_gate.{name}"] for name in ("judge", "standing"))


def runner_only_gate(patch: Patch) -> None:
    """The gate waits for somebody to write that a default took effect."""

    def measures(items: Any, now: Any, fallen: Any = ()) -> Any:
        return gate_standing.standing([one for one in items if one.kind == "measure"], now, fallen)

    patch.setattr(judge, "standing", measures)
    patch.setattr(admission, "counts", lambda item, now, fallen=(): item.kind == "measure" and item.effective <= now)


def acknowledgement_stops_the_clock(patch: Patch) -> None:
    """Whoever opens the case has dealt with it."""
    viewed = case_arms.ARMS[f.CaseViewed]

    def arm(case: Any, fact: Any, recorded: Any) -> None:
        viewed(case, fact, recorded)
        case_arms._meet(case, f.DeadlineKind.DECIDE)
        for held in case.live_defaults():
            held.settled = True

    patch.setitem(case_arms.ARMS, f.CaseViewed, arm)


def one_person_lifts(patch: Patch) -> None:
    """A signed proposal is enough."""
    patch.setattr(lowerings, "_not_ripe", lambda *_: None)


def same_person_twice(patch: Patch) -> None:
    """Two signatures are counted, not two people."""
    patch.setattr(draws, "_able", lambda journal, case, first: [first])
    patch.setattr(lowerings, "_wrong_person", lambda *_: None)


def one_person_decides_below_the_armed_default(patch: Patch) -> None:
    """A decision is measured by what stands, not by what is armed."""
    patch.setattr(decisions, "yardstick", standing.standing)


def re_tier_down(patch: Patch) -> None:
    """Whoever owns a case says how urgent it is."""
    propose = lowerings.propose

    def proposed(journal: Any, case_id: Any, wanted: Any, *, staff: Any, waives: bool = False) -> Any:
        found = propose(journal, case_id, wanted, staff=staff, waives=waives)
        if wanted.kind is f.LoweringKind.RETIER and isinstance(found, str):
            case = journal.files.case(case_id)
            journal.write(f.TierLowered(subject=case.subject, case=case.id, tier=wanted.tier, proposal=found))
        return found

    patch.setattr(lowerings, "propose", proposed)


def cooling_off_skipped(patch: Patch) -> None:
    """The cooling-off counts from when the case opened."""
    patch.setattr(lowerings, "_cooling_since", lambda journal, case, proposal: case.opened_at - timedelta(days=30))


def approval_survives_new_evidence(patch: Patch) -> None:
    """A signature is on the case, not on what was known."""
    patch.setattr(lowerings, "current_digest", lambda journal, case: "0" * 64)


def signer_checked_when_drawn_only(patch: Patch) -> None:
    """Who may be the second person is asked once, when the draw is made."""
    patch.setattr(draws, "is_able", lambda *_: True)


def new_notice_extends(patch: Patch) -> None:
    """A new notice starts the clock again."""
    receive = notices.receive

    def received(journal: Any, incoming: Any) -> Any:
        for case in journal.files.subject(incoming.subject).cases.values():
            case_arms._meet(case, f.DeadlineKind.DECIDE)
            for held in case.live_defaults():
                held.settled = True
        return receive(journal, incoming)

    patch.setattr(notices, "receive", received)


def further_default_due_later(patch: Patch) -> None:
    """Stronger evidence gets its own full time to decide, whatever is running."""
    patch.setattr(defaults, "further_due", lambda running, *, now, limit, since=None: now + limit)


def default_loosens(patch: Patch) -> None:
    """A default that fell due takes the place of what a person had set."""
    items = standing.items

    def fewer(files: Any, subject: Any, *, sealed: int) -> Any:
        found = items(files, subject, sealed=sealed)
        return tuple(one for one in found if one.kind == "default") or found

    patch.setattr(standing, "items", fewer)


def armed_default_edited(patch: Patch) -> None:
    """What is armed is updated in place when more comes in."""
    raised = case_arms.ARMS[f.SignalRaised]

    def arm(case: Any, fact: Any, recorded: Any) -> None:
        raised(case, fact, recorded)
        for held in case.live_defaults():
            held.item = replace(held.item, effective=held.item.effective + timedelta(hours=1))

    patch.setitem(case_arms.ARMS, f.SignalRaised, arm)


def scalar_instead_of_join(patch: Patch) -> None:
    """Standing is the highest level, and limits are those of the newest item."""

    def newest(*standings: Any) -> Any:
        return max(standings, key=lambda one: one.level, default=join())

    patch.setattr(gate_standing, "join", newest)


def forward_clock_step_then_correction(patch: Patch) -> None:
    """The record believes the wall clock, whatever it said before."""
    patch.setattr(acts.Acts, "now", lambda self, high_water: self.clock.now())


def clock_step_back_after_a_default_fell_due(patch: Patch) -> None:
    """The gate believes the wall clock, and asks it anew each time whether a default is due."""
    patch.setattr(gate, "tick", lambda clock, wall, monotonic: (Clock(wall, monotonic), wall))
    patch.setattr(gate, "mark", lambda held, *, now: replace(held, fallen=_due(held.entry.items, now)))
    patch.setattr(admission, "mark", lambda held, *, now: replace(held, fallen=_due(held.entry.items, now)))
    patch.setattr(judge, "standing", lambda items, now, fallen=(): gate_standing.standing(items, now))


def _due(items: tuple[Item, ...], now: Any) -> frozenset[str]:
    return frozenset(item.id for item in items if item.effective <= now)


def feed_entry_lost(patch: Patch) -> None:
    """The server skips a line and says that all was sent."""
    entries_after = reading.Reading.entries_after

    def fewer(self: Any, after: int) -> Any:
        until, lines = entries_after(self, after)
        return until, lines[:-1]

    patch.setattr(reading.Reading, "entries_after", fewer)


def dropped_subject_without_proof(patch: Patch) -> None:
    """The gate lets go of whatever the store no longer names."""
    patch.setattr(admission, "_not_freed", lambda *_: ())


def lift_counts_unsealed(patch: Patch) -> None:
    """A lift counts as soon as it is written, signed checkpoint or not."""
    patch.setattr(standing, "is_sealed", lambda recorded, sealed: recorded is not None)


def withdrawal_takes_others_along(patch: Patch) -> None:
    """A link that goes takes along whoever was linked by way of it."""
    patch.setattr(links, "rejoin", lambda *_: None)


def switching_on_outside_lets_go(patch: Patch) -> None:
    """Whoever switched an account off may switch it on."""
    undone = case_arms.ARMS[f.AdoptionUndone]

    def arm(case: Any, fact: Any, recorded: Any) -> None:
        undone(case, fact, recorded)
        for item in fact.items:
            case.held[item].settled = True

    patch.setitem(case_arms.ARMS, f.AdoptionUndone, arm)


def switching_on_outside_is_only_noted(patch: Patch) -> None:
    """What others do with their own switch is kept for the file."""

    def undo(journal: Any, subject: Any, *, source: str, seen: Any) -> Any:
        for case in journal.files.subject(subject).cases.values():
            items = tuple(case.adopted)
            journal.write(f.AdoptionUndone(subject=subject, case=case.id, items=items, source=source, seen=seen))
        return None

    patch.setattr(adopted, "undo", undo)


def what_others_switched_off_counts_as_a_machines(patch: Patch) -> None:
    """No member of staff here has set it, so two may waive the time to think."""
    patch.setattr(CaseHeld, "is_default", property(lambda self: not isinstance(self.fact, f.MeasureSet)))


def tenant_is_one_person(patch: Patch) -> None:
    """Whoever shares the organisation's own e-mail and telephone is the organisation."""
    patch.setattr(Subject, "is_tenant", property(lambda _: False))


def flood_raises_whom_it_likes(patch: Patch) -> None:
    """So many flags of the gravest class cannot wait for somebody to look."""
    patch.setattr(floods, "holds_back", lambda *_: False)


def each_name_counts_for_itself(patch: Patch) -> None:
    """Who forwards for several vendors should not have one held back for another."""
    patch.setattr(floods, "counted", lambda source: (source,))


def recall_takes_what_somebody_warned_of(patch: Patch) -> None:
    """What the machine said was wrong, so the cases that it opened are."""

    def rests_on(files: Any, case: Any, said: Any) -> bool:
        return case.is_open and any(recalls._is_said(one, said) for one in case.signals.values() if not one.refuted)

    patch.setattr(recalls, "rests_on", rests_on)


def recall_signed_unread(patch: Patch) -> None:
    """Whoever knows the model need not read what it said."""
    patch.setattr(recalls, "_is_unread", lambda *_: False)


def recall_leaves_some_behind(patch: Patch) -> None:
    """A recall counts from the next act on each case; somebody will come by."""
    patch.setattr(sources, "revisited", lambda *_: [])


def support_is_let_go_on(patch: Patch) -> None:
    """Support knows its customers."""
    patch.setattr(helpdesk, "_holds", lambda case: False)


def support_hears_of_every_case(patch: Patch) -> None:
    """A case is a case."""
    patch.setattr(helpdesk, "_holds", lambda case: case.is_open)


def step_below_guarded(patch: Patch) -> None:
    """What nobody reviewed for so long cannot have been so bad."""
    stepped = f.DefaultStepped

    def gone(**fields: Any) -> f.DefaultStepped:
        return stepped(**(fields | {"standing": Standing()}))

    patch.setattr(lapses, "DefaultStepped", gone)


def step_with_a_notice_standing(patch: Patch) -> None:
    """Two weeks are two weeks, whoever is afraid."""
    patch.setattr(evidence, "concerns_nobody", lambda cases: True)


def view_without_fact(patch: Patch) -> None:
    """Opening a case leaves no trace."""
    patch.setattr(views, "view", lambda *_, **__: None)


def first_filer_wins(patch: Patch) -> None:
    """Whoever warns second about the one who warned first only wants revenge."""
    arm = defaults.arm

    def unless_crossed(journal: Any, case: Any, **how: Any) -> None:
        if not any(notice.crossed_with for notice in case.notices.values()):
            arm(journal, case, **how)

    patch.setattr(defaults, "arm", unless_crossed)


def many_voices_are_evidence(patch: Patch) -> None:
    """10,000 paraphrased notices restrict somebody beyond watch: so many cannot all be wrong."""
    grade = evidence.grade

    def counted(case: Any, **how: Any) -> f.Grade:
        return max(grade(case, **how), f.Grade.E1 if len(case.notices) >= 10 else f.Grade.E0)

    patch.setattr(evidence, "grade", counted)


def no_hourly_bound(patch: Patch) -> None:
    """Automatic effects of notices are not counted."""
    patch.setattr(defaults, "_is_bounded", lambda *_: False)


def reply_counts_as_answer(patch: Patch) -> None:
    """A kind word to the reporter stops the clock."""

    def arm(case: Any, fact: Any, _: Any) -> None:
        case.notices[fact.notice].answered = True
        case_arms._meet(case, f.DeadlineKind.ANSWER, about=fact.notice)

    patch.setitem(case_arms.ARMS, f.ReplySent, arm)


def owner_changed_in_memory(patch: Patch) -> None:
    """Somebody takes a case over without a word in the record."""

    def take_over(_: Any, case: Any) -> None:
        case.owner = f.StaffId("partner-1")

    patch.setattr(openings, "assign", take_over)


def chain_forked(patch: Patch) -> None:
    """Two writers go on from the same entry."""
    write_entry = codec.write_entry
    before: dict[str, str] = {}

    def forked(recorded: Any, *, prev: str, origin: str) -> bytes:
        known = before.setdefault(recorded.stream, prev) if recorded.seq == 2 else before.get(recorded.stream)
        return write_entry(recorded, prev=known if known and recorded.seq == 3 else prev, origin=origin)

    patch.setattr(store_act, "write_entry", forked)


def webhook_is_the_enforcement(patch: Patch) -> None:
    """What was decided is said to be in force because the operator was told."""
    set_measure = decisions.set_measure

    def told(journal: Any, case: Any, standing: Any, **how: Any) -> None:
        set_measure(journal, case, standing, **how)
        item = list(case.held)[-1]
        journal.write(f.MeasureConfirmed(subject=case.subject, case=case.id, item=item, gate="gate-1"))

    patch.setattr(decisions, "set_measure", told)


def second_delivery_taken_as_new(patch: Patch) -> None:
    """A source that sends again must have something new to say."""
    patch.setattr(intake, "told_before", lambda *_: None)


def half_an_act_stays(patch: Patch) -> None:
    """A process that dies before the commit leaves behind what it had written."""
    patch.setattr(memory_tx.State, "undo_to", lambda self, mark: None)


def served_is_not_counted(patch: Patch) -> None:
    """Blocks are sealed with what was refused only."""
    patch.setattr(exposures, "is_served", lambda exchange: False)


def a_draw_from_outside_the_mint(patch: Patch) -> None:
    """A verb takes its time from something that no seed decides."""
    now = acts.Acts.now

    def drawn(self: Any, high_water: Any) -> Any:
        return now(self, high_water) + timedelta(microseconds=int.from_bytes(os.urandom(1), "big"))

    patch.setattr(acts.Acts, "now", drawn)


def an_order_sent_is_a_hold(patch: Patch) -> None:
    """What was asked for will have been done."""

    def carry(self: Any, outgoing: Any) -> bool:
        if outgoing.topic == "hold":
            self._answerable.confirm_hold(outgoing.body["case"], outgoing.body["hold"], "sent")
        return True

    patch.setattr(keeping.Keeper, "carry", carry)


def silence_of_the_stores_is_consent(patch: Patch) -> None:
    """Whoever does not object keeps it."""
    patch.setattr(holds, "unconfirmed_at", lambda hold: None)


def every_hold_lapses(patch: Patch) -> None:
    """Ninety days are enough for anything."""
    patch.setattr(holds, "lapses_at", lambda case, hold: hold.at + timedelta(days=90) if hold.is_standing else None)


# --- where the record is in SQLite


def receipt_before_commit(patch: Patch) -> None:
    """The answer goes out, and the commit is left for later, when there is more to write."""

    def commit(self: Any) -> None:
        self._refuse_undone()

    def begin(self: Any) -> None:
        if not self._write.in_transaction:
            self._write.execute("BEGIN IMMEDIATE")

    patch.setattr(SqliteStore, "_commit", commit)
    patch.setattr(SqliteStore, "_begin", begin)


def outbox_row_lost(patch: Patch) -> None:
    """Messages are handed over after the commit, by whoever is alive then."""
    patch.setattr(SqliteTx, "post", lambda *_: None)


def folds_kept_without_looking(patch: Patch) -> None:
    """Two cases of one subject decided at once: a process that has a fold in memory need not ask what others wrote."""
    take = folds.Folds.take

    def stale(self: Any, rows: Any, subject: Any) -> Any:
        known = self._kept.pop(subject, None) if isinstance(rows, SqliteTx | PgTx) else None
        return known or take(self, rows, subject)

    patch.setattr(folds.Folds, "take", stale)


# --- where several write at once


def sequencer_reads_on_from_the_last(patch: Patch) -> None:
    """The tree goes on from the highest number that is in it: whoever was slow to commit is passed over."""
    last = "(SELECT coalesce(max(fact), 0) FROM leaf)"
    patch.setattr(postgres, "_TAKE_PENDING", f"DELETE FROM pending WHERE fact > {last} AND ? > 0 RETURNING fact")


def places_before_the_commit(patch: Patch) -> None:
    """A place in the feed is a number of a sequence, taken when it is written."""

    place = "INSERT INTO feed VALUES (?, nextval('answerable.fact_id_seq'), 1)"
    again = "ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = feed.version + 1"

    def put(run: Any, subjects: Any) -> None:
        for one in dict.fromkeys(subjects):
            run(f"{place} {again}", (one,))

    def flush(self: Any) -> None:
        put(self._own.execute, self._group.bumped)
        self._group.bumped, self._group.mark = [], 0

    patch.setattr(PgTx, "_bump", lambda self, subjects: put(self._run, subjects))
    patch.setattr(PostgresStore, "_flush", flush)
    patch.setattr(PostgresStore, "feed_head", lambda self: self._one("SELECT coalesce(max(seq), 0) FROM feed")[0])


def rows_that_refuse_nothing(patch: Patch) -> None:
    """A fold in memory is not compared, and the table has no rule against two facts in one place."""
    folds_kept_without_looking(patch)
    begin = PostgresStore._begin

    def loose(self: Any) -> None:
        begin(self)
        for name in ("fact_subject_pos_key", "fact_stream_seq_key"):
            if self._write.execute("SELECT 1 FROM pg_constraint WHERE conname = ?", (name,)).fetchone():
                self._write.execute(f"ALTER TABLE fact DROP CONSTRAINT {name}")

    patch.setattr(PostgresStore, "_begin", loose)


def two_enter_one_account(patch: Patch) -> None:
    """Who does not find an account enters it."""
    patch.setattr(PgTx, "find_alias", SqlTx.find_alias)


def lift_counts_without_a_place(patch: Patch) -> None:
    """A lift that has no place in the tree yet cannot be beyond a checkpoint."""

    def is_sealed(recorded: Any, sealed: int) -> bool:
        return recorded is not None and (recorded.index is None or recorded.index < sealed)

    patch.setattr(standing, "is_sealed", is_sealed)


def folds_kept_before_they_have_their_places(patch: Patch) -> None:
    """A fold is kept as it is: its facts do not change any more."""

    def give(self: Any, fold: Any) -> None:
        self._kept[fold.subject.id] = fold

    patch.setattr(folds.Folds, "give", give)


def withheld_is_nothing(patch: Patch) -> None:
    """Of an account that the store cannot read, it has nothing to say."""

    def forget(held: Any, told: Any, *, now: Any) -> Any:
        left = Entry(
            subject=told.subject, version=told.version, items=(), aliases=told.aliases, frozen=None, open=False,
            reason_ref=None,
        )  # fmt: skip
        return Held(entry=left)

    patch.setattr(gate, "withhold", forget)


def time_before_the_lock(patch: Patch) -> None:
    """An act asks what time it is when it begins."""
    begin, high_water = PgTx.__init__, PgTx.high_water

    def begun(self: Any, *how: Any) -> None:
        begin(self, *how)
        self.begun_at = high_water(self)

    patch.setattr(PgTx, "__init__", begun)
    patch.setattr(PgTx, "high_water", lambda self: self.begun_at)


def time_of_the_batch(patch: Patch) -> None:
    """One reading of the record's time does for all acts of a batch."""
    lock = PgTx.lock

    def locked(self: Any, subjects: Any) -> None:
        known = self._group.high_water
        lock(self, subjects)
        self._group.high_water = known

    patch.setattr(PgTx, "lock", locked)
