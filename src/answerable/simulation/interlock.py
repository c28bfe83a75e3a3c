"""Checks of the clocks and of the interlock, fact by fact, against the witness's notes (L3, L4).

Law: each is worked out again from what was opened, answered, signed and known, and asks no verb of the core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from answerable.core import facts as f
from answerable.core.policy import Policy
from answerable.simulation import protection
from answerable.simulation.laws import Checks, Law
from answerable.simulation.witness import EVERYTHING, SeenCase, SeenItem, SeenProposal, Witness
from answerable_gate import Level, Standing, covers, join

HANDS = (f.TierLowered, f.LinkWithdrawn, f.EvidenceRefuted, f.CaseClosed)
"""What a lowering does besides lifting; none of it ever stands alone."""
UNREVIEWED = timedelta(days=14)
"""How long a default was in force, at the least, before it steps down without anybody."""


def check(
    checks: Checks, witness: Witness, recorded: f.Recorded, act: Sequence[f.Fact], policies: Mapping[str, Policy]
) -> None:
    """Check one fact before it is noted; `act` is everything that its act has written."""
    fact = recorded.fact
    if isinstance(fact, f.DefaultArmed):
        _armed(checks, witness, fact, recorded.at, policies)
    elif isinstance(fact, f.DecisionTaken):
        _decided(checks, witness, fact, act)
    elif isinstance(fact, f.MeasureSet) and fact.proposal is None:
        _measured(checks, witness, fact, act)
    elif isinstance(fact, f.MeasureLifted):
        _lifted(checks, witness, fact, recorded, policies)
    elif isinstance(fact, f.DefaultStepped):
        _stepped(checks, witness, fact, recorded.at)
    elif isinstance(fact, f.AdoptionUndone):
        _undone(checks, witness, fact, act)
    elif isinstance(fact, f.NoticeReceived):
        _promised(checks, fact, recorded.at, policies[witness.policies[-1]])
    elif isinstance(fact, HANDS):
        case = getattr(fact, "case", None)
        lifts = [one for one in act if isinstance(one, f.MeasureLifted) and case in (None, one.case)]
        checks.that(Law.L4, bool(lifts), f"{type(fact).__name__} without the interlock at {recorded.at}")


def _armed(
    checks: Checks, witness: Witness, fact: f.DefaultArmed, at: datetime, policies: Mapping[str, Policy]
) -> None:
    case = witness.cases[fact.case]
    checks.that(Law.L3, fact.item not in case.items, f"the armed default {fact.item} was written a second time")
    rules = [policies[version].tiers[case.tier] for version in case.policies]
    latest = at + min(max(rule.decide, rule.decide_at_night) for rule in rules)
    running = min((due for due in case.decide_due.values() if due > at), default=latest)
    checks.that(Law.L3, fact.due <= min(running, latest), f"{fact.item} is due {fact.due}, after {running}")


def _promised(checks: Checks, fact: f.NoticeReceived, at: datetime, policy: Policy) -> None:
    """What a reporter is promised follows from the notice itself: whatever else is known would be told with it (L11).
    """
    urgency = 1 if fact.danger_now else (3 if fact.person == f.UNKNOWN else 2) - fact.minor_at_risk
    waits = fact.promised - at
    seen = f"{fact.notice} is promised an answer in {waits}, which tells more than it said itself"
    checks.that(Law.L11, waits == policy.tiers[f.Tier(urgency)].answer, seen)


def _decided(checks: Checks, witness: Witness, fact: f.DecisionTaken, act: Sequence[f.Fact]) -> None:
    case = witness.cases[fact.case]
    held = join(*(one.standing for one in act if isinstance(one, f.MeasureSet) and one.case == fact.case))
    checks.that(Law.L3, witness.may_decide(fact.staff), f"{fact.staff} decided without being able to")
    unread = case.items_to_read - case.opened.get(fact.staff, set())
    checks.that(Law.L6, not unread, f"{fact.staff} decided {case.id} without having opened {len(unread)} of its items")
    for item in fact.settles:
        seen = case.items.get(item)
        kept = seen is not None and covers(held, seen.standing)
        checks.that(Law.L4, kept, f"the decision of {fact.staff} settled {item} by less than it")


def _measured(checks: Checks, witness: Witness, fact: f.MeasureSet, act: Sequence[f.Fact]) -> None:
    orders = {one.order for one in act if isinstance(one, f.OrderVerified) and one.case == fact.case}
    if any(isinstance(one, f.ClauseExecuted) and (one.item, one.order in orders) == (fact.item, True) for one in act):
        # By authority of the order, beside whatever else stands, and nothing is settled by it.
        checks.that(Law.L13, fact.standing == Standing(Level.SUSPENDED), f"{fact.item} is not what an order blocks by")
        return
    # What an automatic link shares counts as it would count for this account: at most guarded (L2).
    weighing = protection.weighing(witness, fact.subject, sealed=EVERYTHING)
    floor = join(*(standing for item, standing in weighing if not item.settled))
    decided = any(isinstance(one, f.DecisionTaken) and one.case == fact.case for one in act)
    checks.that(Law.L4, decided, f"the measure {fact.item} has no decision")
    seen = f"{fact.staff} alone set {fact.standing.level.word} below {floor.level.word}"
    # Shields go on with the measures that have them, and are not written down twice.
    checks.that(Law.L4, covers(fact.standing, replace(floor, shields=frozenset())), seen)


def _lifted(
    checks: Checks,
    witness: Witness,
    fact: f.MeasureLifted,
    recorded: f.Recorded,
    policies: Mapping[str, Policy],
) -> None:
    if fact.proposal in witness.recalls:
        return  # two people signed it for many cases at once, and what that may let go is checked there
    case = witness.cases[fact.case]
    for person in fact.staff:
        checks.that(Law.L4, witness.may_decide(person), f"{person} lifted without being able to")
        checks.that(Law.L4, _has_opened(witness, case, person), f"{person} lifted without having opened every item")
    checks.that(Law.L4, not _unanswered(witness, case), f"lifted with {_unanswered(witness, case)} unanswered")
    if fact.proposal is None:
        checks.that(Law.L4, _is_mild(case), f"{case.id} was closed by one person")
        return
    proposal = case.proposals[fact.proposal]
    rules = [policies[version] for version in case.policies]
    _two_people(checks, witness, case, proposal, fact)
    _agreed(checks, witness, case, proposal, recorded.at, rules)
    if proposal.fact.kind in (f.LoweringKind.LIFT, f.LoweringKind.CLOSE):
        _one_step(checks, case, proposal, recorded, rules)


def _stepped(checks: Checks, witness: Witness, fact: f.DefaultStepped, at: datetime) -> None:
    """Check the one lowering that no person carries out: late, by one level, and where nobody could be hurt."""
    items = [witness.cases[fact.case].items[item] for item in fact.lifts]
    whole = all(item.is_default and item.is_live and item.fell and at - item.due >= UNREVIEWED for item in items)
    checks.that(Law.L4, whole, f"{fact.lifts} stepped down before their time, or were decided about")
    before = join(*(item.standing for item in items))
    level = max(before.level - 1, Level.GUARDED)
    kept = covers(fact.standing, replace(before, level=Level(level)))
    checks.that(Law.L4, kept, f"{before.level.word} stepped down to {fact.standing.level.word}")
    others = list(witness.cases_of(witness.holder(fact.subject)))
    harms_nobody = all(not (one.notices or one.claims) and one.person == f.UNKNOWN for one in others)
    checks.that(Law.L4, harms_nobody, f"{fact.lifts} stepped down with somebody to protect")
    checks.that(Law.L4, len(set(fact.signed_by)) == 2, f"{fact.signed_by} are not two signers")


def _undone(checks: Checks, witness: Witness, fact: f.AdoptionUndone, act: Sequence[f.Fact]) -> None:
    """Check that an account switched on elsewhere is urgent here, and that nothing of it was let go."""
    case = witness.cases[fact.case]
    raised = (one.tier for one in act if isinstance(one, f.TierRaised | f.CaseReopened) and one.case == fact.case)
    urgent = f.Tier.CRITICAL in (case.tier, *raised)
    checks.that(Law.L4, urgent, f"{fact.items} were undone outside, and {case.id} is no more urgent for it")
    lowers = [type(one).__name__ for one in act if isinstance(one, (f.MeasureLifted, f.DefaultStepped, *HANDS))]
    checks.that(Law.L4, not lowers, f"{fact.items} were undone outside, and {lowers} followed by itself")


def _two_people(
    checks: Checks, witness: Witness, case: SeenCase, proposal: SeenProposal, fact: f.MeasureLifted
) -> None:
    first = proposal.fact.staff
    second = proposal.drawn[-1]
    barred = {one for other in witness.cases_of(witness.holder(case.subject)) for one in other.barred}
    checks.that(Law.L4, proposal.performed_at is None, f"{proposal.fact.proposal} was carried out twice")
    checks.that(Law.L4, set(fact.staff) == {first, second} and first != second, f"{fact.staff} are not two signers")
    checks.that(Law.L4, not barred.intersection(fact.staff), f"one of {fact.staff} is barred")
    checks.that(Law.L4, second not in case.deciders, f"{second} decided what {second} lifts")
    one_line = second in _above(witness, first) or first in _above(witness, second)
    checks.that(Law.L4, not one_line, f"{first} and {second} stand in one line")


def _above(witness: Witness, staff: str) -> set[str]:
    found: set[str] = set()
    above = witness.staff[staff].superior
    while above is not None and above not in found:
        found.add(above)
        above = witness.staff[above].superior if above in witness.staff else None
    return found


def _agreed(
    checks: Checks,
    witness: Witness,
    case: SeenCase,
    proposal: SeenProposal,
    at: datetime,
    rules: Sequence[Policy],
) -> None:
    """Check that both signed what is known now, and that the time to think again is over."""
    known = witness.evidence(case.subject)
    first = [one for one in proposal.signed if one[0] == proposal.fact.staff and one[1] == known]
    second = [one for one in proposal.signed if one[0] == proposal.drawn[-1] and one[1] == known]
    name = proposal.fact.proposal
    checks.that(Law.L4, bool(first), f"{name}: the first signer did not sign what is known now")
    checks.that(Law.L4, bool(second), f"{name}: the second signer did not sign what is known now")
    grave = _last_grave(witness, case)
    signed = [one[2] for one in proposal.signed if one[0] == proposal.drawn[-1] and (grave is None or one[2] >= grave)]
    cooling = max(policy.lowering.cooling_off[case.tier] for policy in rules)
    waited = at - min(signed) if signed else timedelta(0)
    waived = first[-1][3] and second[-1][3] and _may_waive(witness, case)
    checks.that(Law.L4, waited >= cooling or waived, f"{name}: carried out {waited} after the countersignature")


def _last_grave(witness: Witness, case: SeenCase) -> datetime | None:
    holder = witness.holder(case.subject)
    times = [link.at for link in witness.links.values() if holder.intersection(link.ends)]
    for one in witness.cases_of(holder):
        times += [signal.at for signal in one.signals.values()]
        times += [notice.confirmed_at for notice in one.notices.values() if notice.confirmed_at]
        times += [*one.adopted.values(), *one.undone.values(), *one.verified.values()]
        times += [*one.dissents.values(), *(at for name, at in one.acts.items() if name not in one.refuted)]
    return max(times, default=None)


def _may_waive(witness: Witness, case: SeenCase) -> bool:
    others = list(witness.cases_of(witness.holder(case.subject)))
    machines_only = all(item.is_default for item in case.items.values())
    harms_nobody = all(not (one.notices or one.claims) and one.person == f.UNKNOWN for one in others)
    return case.tier is not f.Tier.CRITICAL and machines_only and harms_nobody


def _one_step(
    checks: Checks, case: SeenCase, proposal: SeenProposal, recorded: f.Recorded, rules: Sequence[Policy]
) -> None:
    before = [item for item in case.items.values() if item.act != recorded.act]
    level = max((item.standing.level for item in before if item.is_live), default=Level.NONE)
    to = proposal.fact.to.level
    checks.that(Law.L4, to >= level - 1, f"{proposal.fact.proposal} went from {level.word} to {to.word} at once")
    if to < Level.GUARDED <= level:
        high = [item for item in before if item.standing.level > Level.GUARDED and _counted(item, recorded.at)]
        weeks = max(policy.lowering.guarded_min for policy in rules)
        kept = all(item.lifted_at is not None and recorded.at - item.lifted_at >= weeks for item in high)
        checks.that(Law.L4, kept, f"{proposal.fact.proposal}: not long enough at guarded")


def _counted(item: SeenItem, at: datetime) -> bool:
    return item.fell or (not item.settled and item.due <= (item.lifted_at or at))


def _has_opened(witness: Witness, case: SeenCase, staff: str) -> bool:
    for one in witness.cases_of(witness.holder(case.subject)):
        if not one.items_to_read <= one.opened.get(staff, set()):
            return False
    return True


def _unanswered(witness: Witness, case: SeenCase) -> list[str]:
    found: list[str] = []
    for one in witness.cases_of(witness.holder(case.subject)):
        found += [name for name, flag in one.signals.items() if not flag.answered and name not in one.refuted]
        found += [name for name, notice in one.notices.items() if not notice.answered]
    return found


def _is_mild(case: SeenCase) -> bool:
    mild = all(item.standing.level <= Level.WATCH for item in case.items.values() if item.is_live)
    claims = not case.signals and not case.acts and not any(one.confirmed_at for one in case.notices.values())
    flags = not case.notices and case.tier is f.Tier.CONCERN and case.person == f.UNKNOWN and not case.acts
    return mild and not case.verified and (claims or flags)


def owed(checks: Checks, witness: Witness, subjects: set[str], at: datetime) -> None:
    """Check, after an act on some subjects, that what time brought is written: lapses, misses, defaults."""
    for case in witness.cases_of(subjects):
        late = case.owes_by is not None and case.owes_by < at
        checks.that(Law.L3, not late, f"{case.id} owed a decision by {case.owes_by}, and nothing was noted")
        for name, notice in case.notices.items():
            silent = not (notice.answered or notice.lapsed) and notice.by < at
            checks.that(Law.L5, not silent, f"{name} was to be answered by {notice.by}")
        for item in case.items.values():
            unwritten = item.is_default and item.is_live and not item.fell and item.due < at
            checks.that(Law.L1, not unwritten, f"{item.id} was due {item.due} and nobody wrote it down")
