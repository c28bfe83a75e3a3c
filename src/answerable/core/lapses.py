"""Lapses: the record of what time alone has brought; the gates did it already, this only writes it down (L1, L5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from answerable.core import defaults, evidence, floods, holds, openings, recalls
from answerable.core.cases import Case, Held, Notice
from answerable.core.deadlines import Deadline, rung_due, rungs_passed
from answerable.core.facts import (
    AnswerLapsed,
    DeadlineKind,
    DeadlineMissed,
    DefaultArmed,
    DefaultStepped,
    DefaultTookEffect,
    Escalated,
    Grade,
    ItemId,
    LookBackEnded,
    LookBackResult,
    NoticeId,
    PolicyApplied,
)
from answerable.core.journal import Journal
from answerable_gate import Level


def settle(journal: Journal) -> None:
    """Write what is due for every loaded case. Every verb does it first: a late decision finds the lapse."""
    for case in list(journal.files.cases()):
        _apply_policy(journal, case)
        _settle_look_backs(journal, case)
        _settle_defaults(journal, case)
        _settle_deadlines(journal, case)
        holds.settle(journal, case)
        floods.settle(journal, case)
        recalls.settle(journal, case)
        if case.is_open:
            openings.assign(journal, case)
        _escalate(journal, case)


def next_wake(case: Case, *, look_back_limit: timedelta) -> datetime | None:
    """Return when `settle` will next have something to write for this case, or None; the due sweep is built on it."""
    times = [held.item.effective for held in case.live_defaults() if not held.fell]
    times += [deadline.due for deadline in case.deadlines.values() if deadline.is_running]
    times += [one.started_at + look_back_limit for one in case.look_backs.values() if one.result is None]
    times += holds.wakes(case)
    look = _missed_look(case)
    if look is not None and case.is_open and case.owner is not None and case.owner not in case.barred:
        times.append(rung_due(look.set_at, look.due - look.set_at, case.rung + 1))
    return min(times, default=None)


def _settle_defaults(journal: Journal, case: Case) -> None:
    for held in list(case.live_defaults()):
        if held.item.effective <= journal.now and not held.fell:
            item, effective = held.fact.item, held.item.effective
            journal.write(DefaultTookEffect(subject=case.subject, case=case.id, item=item, effective=effective))
            _owe_review(journal, case, held)
            if held.item.standing.level > Level.GUARDED:
                defaults.set_deadline(journal, case, DeadlineKind.DEFAULT_STEP, about=item)


def _owe_review(journal: Journal, case: Case, held: Held) -> None:
    """Set by when a person looks at it: the date that whoever it holds was told, however late this is written."""
    assert held.item.review_by is not None, "whatever was armed has a date"
    due = min(held.item.review_by, journal.now + journal.policy_of(case).default_review)
    defaults.set_deadline_at(journal, case, DeadlineKind.DEFAULT_REVIEW, due=due, about=held.fact.item)


def _step(journal: Journal, case: Case, item: ItemId) -> None:
    """Let a default that nobody reviewed fall one level, where no notice and no named person stands (DESIGN section 5).

    The one lowering without a decision; like every other it counts only once it is sealed.
    """
    held = case.held[item]
    # Whatever settles or lifts a default is a decision, and every decision meets its step.
    assert isinstance(held.fact, DefaultArmed), "only what was armed steps down"
    assert held.is_live, "a default that somebody decided on does not step down"
    if not evidence.concerns_nobody(journal.files.holder_cases(case.subject)):
        return
    there = held.item.standing
    journal.write(
        DefaultStepped(
            subject=case.subject,
            case=case.id,
            item=ItemId(journal.mint.token("it")),
            lifts=(item,),
            standing=replace(there, level=Level(max(there.level - 1, Level.GUARDED))),
            signed_by=journal.roster.signers[held.fact.policy],
        )
    )


def _settle_look_backs(journal: Journal, case: Case) -> None:
    for notice, look_back in list(case.look_backs.items()):
        if look_back.result is None and look_back.started_at + journal.policy.look_back_limit <= journal.now:
            end_look_back(journal, case, notice, LookBackResult.NOT_KNOWN, messages=0, not_screened=0)


def end_look_back(
    journal: Journal, case: Case, notice: NoticeId, result: LookBackResult, *, messages: int, not_screened: int
) -> None:
    """Record how a look-back ended, and only now arm what it brought (DESIGN section 5)."""
    journal.write(
        LookBackEnded(
            subject=case.subject,
            case=case.id,
            notice=notice,
            result=result,
            messages=messages,
            not_screened=not_screened,
        )
    )
    if not case.is_open:
        return
    danger = case.notices[notice].fact.danger_now
    least = Grade.E1 if danger and result is LookBackResult.NOT_KNOWN else Grade.E0
    defaults.arm(journal, case, notice=notice, from_look_back=True, least=least)


def _settle_deadlines(journal: Journal, case: Case) -> None:
    for deadline in list(case.deadlines.values()):
        if not deadline.is_running or deadline.due > journal.now:
            continue
        journal.write(
            DeadlineMissed(subject=case.subject, case=case.id, deadline=deadline.id, due=deadline.due)
        )
        if deadline.kind is DeadlineKind.DEFAULT_STEP and deadline.about is not None:
            _step(journal, case, ItemId(deadline.about))
        if deadline.kind is DeadlineKind.ANSWER and deadline.about is not None:
            notice = case.notices[NoticeId(deadline.about)]
            if not _has_answer(notice):
                journal.write(
                    AnswerLapsed(subject=case.subject, case=case.id, notice=notice.fact.notice, due=deadline.due)
                )


def _has_answer(notice: Notice) -> bool:
    return notice.answered or notice.lapsed


def _missed_look(case: Case) -> Deadline | None:
    """Return the look that nobody has taken yet, once missed: it pages for ever (no system read ends in a person)."""
    missed = [d for d in case.deadlines.values() if d.kind is DeadlineKind.LOOK and d.missed and not d.met]
    return max(missed, key=lambda deadline: deadline.set_at, default=None)


def _escalate(journal: Journal, case: Case) -> None:
    look = _missed_look(case)
    if look is None or not case.is_open or case.owner is None:
        return
    ladder = journal.roster.ladder(case.owner, case.deputy, frozenset(case.barred))
    if not ladder:
        # A notice that names everybody leaves nobody to page; no clock may stop for that (L3).
        return
    passed = rungs_passed(look.set_at, look.due - look.set_at, now=journal.now)
    if passed > case.rung:
        # Rungs that a long silence skipped are not paged one by one: the page goes to where it would stand by now.
        to = ladder[min(passed, len(ladder)) - 1]
        journal.write(Escalated(subject=case.subject, case=case.id, to=to, rung=passed))


def _apply_policy(journal: Journal, case: Case) -> None:
    if not case.is_open or case.policies[-1] == journal.roster.policy:
        return
    journal.write(PolicyApplied(subject=case.subject, case=case.id, policy=journal.roster.policy))
    for deadline in list(case.deadlines.values()):
        if deadline.is_running and deadline.kind not in (DeadlineKind.MEASURE_REVIEW, DeadlineKind.DEFAULT_STEP):
            defaults.set_deadline(journal, case, deadline.kind, about=deadline.about)
    defaults.shorten(journal, case)
