"""Armed defaults: what happens by itself if nobody decides, fixed by the evidence at arming (L1, L3, L13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from answerable.core import evidence
from answerable.core.cases import Case
from answerable.core.deadlines import further_due
from answerable.core.facts import (
    DeadlineId,
    DeadlineKind,
    DeadlineSet,
    DefaultArmed,
    EffectsBounded,
    Grade,
    ItemId,
    NoticeId,
    Tier,
    TierRaised,
)
from answerable.core.journal import Journal
from answerable.core.policy import asks_for_referral, care_hazards, default_standing
from answerable_gate import NOTHING, Standing, covers


def raise_tier(journal: Journal, case: Case, tier: Tier, cause: str) -> None:
    """Make a case more urgent, never less; clocks that run may become shorter with it."""
    if tier < case.tier:
        journal.write(TierRaised(subject=case.subject, case=case.id, tier=tier, cause=cause))
        for notice in case.notices.values():
            if not notice.answered and not notice.lapsed:
                set_deadline(journal, case, DeadlineKind.ANSWER, about=notice.fact.notice)


def set_deadline(
    journal: Journal, case: Case, kind: DeadlineKind, *, about: str | None = None, since: datetime | None = None
) -> datetime | None:
    """Set a deadline of a kind by the case's tier; a running one of the kind can only be undercut (L3).

    Return its due time, or None where the tier owes nothing of the kind or a running one is due as soon. Its limit
    counts from `since`, where that is given.
    """
    limit = journal.policy_of(case).within(case.tier, kind, now=since or journal.now)
    if limit is None:
        return None
    running = [d for d in case.deadlines.values() if d.kind is kind and d.about == about and d.is_running]
    due = further_due(min((d.due for d in running), default=None), now=journal.now, limit=limit, since=since)
    if any(deadline.due <= due for deadline in running):
        return None
    deadline = DeadlineId(journal.mint.token("dl"))
    journal.write(DeadlineSet(subject=case.subject, case=case.id, deadline=deadline, kind=kind, due=due, about=about))
    return due


def set_deadline_at(
    journal: Journal, case: Case, kind: DeadlineKind, *, due: datetime, about: str | None = None
) -> None:
    """Set a deadline whose due time the caller knows, such as a measure's review."""
    deadline = DeadlineId(journal.mint.token("dl"))
    journal.write(DeadlineSet(subject=case.subject, case=case.id, deadline=deadline, kind=kind, due=due, about=about))


def arm(
    journal: Journal,
    case: Case,
    *,
    notice: NoticeId | None,
    from_look_back: bool = False,
    least: Grade = Grade.E0,
    since: datetime | None = None,
) -> None:
    """Arm what the evidence of this moment allows, unless what stands already reaches as far and as soon.

    `notice` is the notice on whose account this happens, None for a signal. `least` is the grade counted at least:
    E1 where history is not known and there is danger now (DESIGN section 5, grades). `since` is from when the limits
    count, where the evidence was announced before it could be read.
    """
    assert case.is_open, "nothing is armed in a closed case: it reopens first, so that somebody owes the decision"
    care = care_hazards(journal.policy_of(case))
    grade = max(evidence.grade(case, but=care), least)
    limit = journal.policy_of(case).decide_within(case.tier, now=since or journal.now)
    running = case.running(DeadlineKind.DECIDE)
    due = further_due(running.due if running else None, now=journal.now, limit=limit, since=since)
    # Whatever stands armed, a person owes a look and a decision on the new evidence.
    _set_duties(journal, case, since)
    wanted = [
        (_at_once_due(journal, case, due, from_look_back), _standing(journal, case, grade, at_once=True)),
        (due, _standing(journal, case, grade, at_once=False)),
    ]
    missing = [(at, standing) for at, standing in wanted if standing != NOTHING and not _stands(case, standing, at)]
    rests_on_notice = notice is not None and grade < Grade.E2 and not evidence.is_flagged(case, but=care)
    if missing and rests_on_notice and _is_bounded(journal, case, notice):
        return
    for at, standing in missing:
        if not _stands(case, standing, at):
            _arm_one(journal, case, standing, at, grade=grade, by_notice=rests_on_notice)


def shorten(journal: Journal, case: Case) -> None:
    """Arm again, sooner, every default that a stricter policy would have made due sooner (L3).

    The deadlines are shortened first: a default is due with the decision, or before it.
    """
    limit = journal.policy_of(case).decide_within(case.tier, now=journal.now)
    running = case.running(DeadlineKind.DECIDE)
    sooner = further_due(running.due if running else None, now=journal.now, limit=limit)
    for held in list(case.live_defaults()):
        if isinstance(held.fact, DefaultArmed) and not _stands(case, held.item.standing, sooner):
            item = ItemId(journal.mint.token("it"))
            review = min(held.fact.review, sooner + journal.policy_of(case).default_review)
            journal.write(replace(held.fact, item=item, due=sooner, review=review, policy=case.policies[-1]))


def _set_duties(journal: Journal, case: Case, since: datetime | None) -> None:
    # Nobody could look before it was read, and who is paged next is counted in looks.
    set_deadline(journal, case, DeadlineKind.LOOK)
    set_deadline(journal, case, DeadlineKind.DECIDE, since=since)
    if asks_for_referral(journal.policy_of(case), frozenset(case.hazards)):
        set_deadline(journal, case, DeadlineKind.REFER, since=since)


def _is_bounded(journal: Journal, case: Case, notice: NoticeId | None) -> bool:
    """Tell whether the hourly bound forbids one more automatic effect that rests on notices without E2 (L13)."""
    if journal.effects_left > 0:
        journal.effects_left -= 1
        return False
    if notice is not None and notice not in case.bounded:
        journal.write(EffectsBounded(subject=case.subject, case=case.id, notice=notice))
    return True


def _at_once_due(journal: Journal, case: Case, limit: datetime, from_look_back: bool) -> datetime:
    """Return when "at once" is: now, or for a look-back a minted moment before the limit (no oracle of timing, L11)."""
    danger = any(one.fact.danger_now for one in case.notices.values())
    if not from_look_back or danger or case.tier is Tier.CRITICAL:
        return journal.now
    span = (limit - journal.now) / timedelta(seconds=1)
    return journal.now + timedelta(seconds=int(span * journal.mint.fraction()))


def _standing(journal: Journal, case: Case, grade: Grade, *, at_once: bool) -> Standing:
    policy = journal.policy_of(case)
    return default_standing(policy, case.tier, grade, hazards=frozenset(case.hazards), at_once=at_once)


def _stands(case: Case, standing: Standing, due: datetime) -> bool:
    """Tell whether a default that no decision settled reaches as far at least as early, or a measure does already."""
    return any(held.item.effective <= due and covers(held.item.standing, standing) for held in case.live())


def _arm_one(
    journal: Journal, case: Case, standing: Standing, due: datetime, *, grade: Grade, by_notice: bool
) -> None:
    journal.write(
        DefaultArmed(
            subject=case.subject,
            case=case.id,
            item=ItemId(journal.mint.token("it")),
            standing=standing,
            due=due,
            review=due + journal.policy_of(case).default_review,
            tier=case.tier,
            grade=grade,
            policy=case.policies[-1],
            by_notice=by_notice,
        )
    )
