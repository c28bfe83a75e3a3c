"""Decisions: a named person decides; at or above the yardstick by one, below it never (L3, L4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from answerable.core import defaults, openings, parties
from answerable.core.cases import Case
from answerable.core.facts import (
    ActRefused,
    CaseId,
    Clause,
    DeadlineKind,
    DecisionId,
    DecisionTaken,
    Dissented,
    HoldUpheld,
    ItemId,
    MeasureSet,
    Overridden,
    ProposalId,
    Refused,
    Role,
    StaffId,
    TextRef,
)
from answerable.core.journal import Journal
from answerable.core.standing import yardstick
from answerable_gate import NOTHING, Level, Limit, Malformed, Shield, Standing
from answerable_gate.entry import SHIELDS_MAX, TERMS_MAX, decode_standing, encode_standing

WHOLE = "account"
"""The scope of a measure that covers all there is of the account of its case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The measure a person asks for: `scope` is the service it covers, `proportionality` says why not less."""

    level: Level
    limits: frozenset[Limit]
    shields: frozenset[Shield]
    scope: str
    proportionality: TextRef | None
    reason: TextRef


def decide(journal: Journal, case_id: CaseId, wanted: Wanted, *, staff: StaffId) -> Refused | None:
    """Set a measure at or above the yardstick of the holder; below it, refuse and record the attempt.

    Limits that stand are kept: a decision adds to them, a lift takes them away. Shields go on with their own measures:
    over a link that is withdrawn later somebody else's would stay here, with names that this account never used (L11).
    """
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff) or unfit(Standing(wanted.level, wanted.limits, wanted.shields))
    if refused is not None:
        return refused
    floor = yardstick(journal.files, case.subject, sealed=journal.sealed, now=journal.now)
    if wanted.level < floor.level:
        return refuse(
            journal, case, staff, "decide", "below_the_armed_default",
            f"This is below {floor.level.word}, which stands or is armed. To lower it, propose it to a second person.",
        )
    if not case.is_open and not any(case.live()):
        return Refused("case_closed", "The case is closed and holds nothing to decide again.")
    if set(case.evidence) - case.opened_by.get(staff, set()):
        # A decision ends the clocks of everything the case holds, so whoever takes it has read it (F2, R24).
        return Refused("not_opened", "Open everything in the case before you decide.")
    refused = _widen(journal, case, wanted, staff=staff) if wanted.scope in parties.WIDER else None
    if refused is not None:
        return refused
    standing = Standing(wanted.level, wanted.limits | floor.limits, wanted.shields)
    settles = tuple(held.item.id for held in case.live_defaults())
    take(journal, case, staff=staff, settles=settles, reason=wanted.reason)
    set_measure(journal, case, standing, staff=staff, scope=wanted.scope, proportionality=wanted.proportionality)
    return None


def _widen(journal: Journal, case: Case, wanted: Wanted, *, staff: StaffId) -> Refused | None:
    """Decide the same of the tenant that the account is of, in a case of its own, as its scope says."""
    there = parties.widened(journal, case, wanted.scope)
    if isinstance(there, Refused):
        return there
    # The names are those that one end user used; for the others they would be somebody's who warned (L11).
    shields = frozenset(replace(shield, terms=()) for shield in wanted.shields)
    refused = decide(journal, there.id, replace(wanted, scope=WHOLE, shields=shields), staff=staff)
    return refused and Refused(refused.code, f"{refused.reason} This is about {there.id}, the tenant's own case.")


def unfit(standing: Standing) -> Refused | None:
    """Refuse what no gate could read: the line that told of it would cut every gate off from the feed."""
    try:
        decode_standing(encode_standing(standing))
    except Malformed:
        return Refused("bad_input", f"At most {SHIELDS_MAX} shields, each of at most {TERMS_MAX} different names.")
    return None


def bound(case: Case, to: Standing, *, closes: bool) -> Refused | None:
    """Refuse what an order in force forbids: it ends by a recorded end, and not by whoever it binds (R18)."""
    if (case.binding(Clause.BLOCK) and to.level < Level.SUSPENDED) or (closes and case.binding()):
        return Refused("order_in_force", "An order binds this case. Record its end, once its issuer confirmed that.")
    return None


def refuse(journal: Journal, case: Case, staff: StaffId, verb: str, code: str, reason: str) -> Refused:
    """Refuse an attempt to go below what stands, and keep the attempt in the record (R1)."""
    journal.write(ActRefused(subject=case.subject, case=case.id, staff=staff, verb=verb, code=code))
    return Refused(code, reason)


def take(journal: Journal, case: Case, *, staff: StaffId, settles: tuple[str, ...], reason: TextRef) -> None:
    """Record that a person decided: the one thing that stops a protective clock (L3)."""
    journal.write(
        DecisionTaken(
            subject=case.subject,
            case=case.id,
            decision=DecisionId(journal.mint.token("dc")),
            staff=staff,
            settles=tuple(ItemId(item) for item in settles),
            reason=reason,
            policy=journal.roster.policy,
        )
    )


def set_measure(
    journal: Journal,
    case: Case,
    standing: Standing,
    *,
    staff: StaffId,
    scope: str,
    proportionality: TextRef | None,
    proposal: ProposalId | None = None,
) -> ItemId:
    """Put a measure in force, with the date by which it must be decided again; it has no other end (L4)."""
    item = ItemId(journal.mint.token("it"))
    policy = journal.policy_of(case)
    before = any(not held.is_default for held in case.held.values())
    review = journal.now + (policy.measure_review_next if before else policy.measure_review_first)
    journal.write(
        MeasureSet(
            subject=case.subject,
            case=case.id,
            item=item,
            standing=standing,
            staff=staff,
            scope=scope,
            proportionality=proportionality,
            review=review,
            proposal=proposal,
        )
    )
    if standing != NOTHING:
        defaults.set_deadline_at(journal, case, DeadlineKind.MEASURE_REVIEW, due=review)
    return item


def original_deciders(case: Case) -> frozenset[StaffId]:
    """Return everybody who set a measure in this case; carrying out a lift that left one over is not deciding it."""
    facts = (held.fact for held in case.held.values())
    return frozenset(fact.staff for fact in facts if isinstance(fact, MeasureSet) and fact.proposal is None)


def dissent(journal: Journal, case_id: CaseId, *, staff: StaffId, text: TextRef) -> str | Refused:
    """Record a written disagreement; anyone who may decide may, and it cannot be taken back (R12)."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    dissent_id = journal.mint.token("ds")
    journal.write(Dissented(subject=case.subject, case=case.id, dissent=dissent_id, staff=staff, text=text))
    return dissent_id


def override(
    journal: Journal, case_id: CaseId, dissent_id: str, *, staff: StaffId, text: TextRef
) -> Refused | datetime:
    """Override a dissent as a named senior, with a reason; return when the second look is due, 72 h later at most."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if dissent_id not in case.dissents:
        return Refused("not_found", "This case has no such dissent.")
    _, author = case.dissents[dissent_id]
    senior = journal.roster.staff[staff].role in (Role.LEAD, Role.EXECUTIVE)
    if staff == author or not senior:
        return Refused("not_senior", "Only a lead or an executive who did not write it can override a dissent.")
    journal.write(Overridden(subject=case.subject, case=case.id, dissent=dissent_id, staff=staff, text=text))
    due = journal.now + journal.policy_of(case).default_review
    defaults.set_deadline_at(journal, case, DeadlineKind.DEFAULT_REVIEW, due=due, about=dissent_id)
    return due


def uphold(journal: Journal, case_id: CaseId, *, staff: StaffId) -> Refused | None:
    """Confirm as a person who opened everything that the account's data is to be kept, so that no hold lapses (L14)."""
    case = journal.files.case(case_id)
    refused = openings.may_act(journal, case, staff)
    if refused is not None:
        return refused
    if set(case.evidence) - case.opened_by.get(staff, set()):
        return Refused("not_opened", "Open everything in the case before you confirm its hold.")
    standing = [hold for hold in case.holds.values() if hold.is_standing and hold.upheld_by is None]
    if not standing:
        return Refused("not_found", "This case has no hold that could lapse.")
    for hold in standing:
        journal.write(HoldUpheld(subject=case.subject, case=case.id, hold=hold.fact.hold, staff=staff))
    return None
