"""Recalls: two people void what one version of a model said, and the cases that it alone made are let go (L4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable.core import evidence
from answerable.core.cases import Case, Files, Signal
from answerable.core.facts import (
    CaseClosed,
    CaseId,
    EndState,
    EvidenceRefuted,
    ItemId,
    MeasureLifted,
    ProposalId,
    RecallId,
    RecallProposed,
    RecallSigned,
    Refused,
    SourceRecalled,
    StaffId,
    TextRef,
    Tier,
)
from answerable.core.journal import Journal
from answerable.core.roster import Recall, Roster

SAMPLE = 20
LIFTS_MAX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is to be taken back: everything that one version of a source's model said in a span, by the record's time.
    """

    source: str
    model: str
    version: str
    since: datetime
    until: datetime


def barred(roster: Roster, staff: StaffId) -> Refused | None:
    """Say no to whoever may not recall."""
    return None if roster.may_decide(staff) else Refused("not_authorised", "You cannot recall a source.")


def propose(
    journal: Journal, said: Said, matching: Sequence[CaseId], *, staff: StaffId, recall: RecallId, reason: TextRef
) -> RecallProposed | Refused:
    """Propose a recall; the system draws the second person and the sample that both read. Nothing is lowered by it."""
    if refused := barred(journal.roster, staff):
        return refused
    if not said.since < said.until <= journal.now:
        return Refused("bad_input", "A recall is of a span that is over.")
    if not matching:
        return Refused("not_found", "No case rests on that alone.")
    before = _before(journal, said, staff)
    seed = before[0].fact.recall if before else recall
    second = _draw(journal, said, staff, seed, drawn=before[-1].fact.drawn if before else None)
    if second is None:
        return Refused("no_second_person", "Nobody else on the roster may sign; ask your partner.")
    fact = RecallProposed(
        recall=recall, source=said.source, model=said.model, version=said.version, since=said.since,
        until=said.until, staff=staff, drawn=second, sample=_sample(seed, matching), reason=reason,
    )  # fmt: skip
    journal.write(fact)
    return fact


def _before(journal: Journal, said: Said, staff: StaffId) -> list[Recall]:
    """Return what this person proposed of the same version shortly before, the oldest first.

    Who could propose until a friend is drawn, or until the sample is harmless, would choose both (F1).
    """
    again = journal.policy.lowering.redraw_after
    version = (said.source, said.model, said.version)
    return [
        one
        for one in journal.roster.recalls.values()
        if one.fact.staff == staff
        and (one.fact.source, one.fact.model, one.fact.version) == version
        and journal.now - one.at < again
    ]


def _draw(journal: Journal, said: Said, first: StaffId, seed: RecallId, *, drawn: StaffId | None) -> StaffId | None:
    """Draw the second person, as for any lowering: whom neither of the two can choose; `drawn` before stays."""
    able = [
        person
        for person in journal.roster.deciders()
        if person != first
        and journal.roster.since[person] <= said.until
        and not journal.roster.are_in_one_line(first, person)
    ]
    if drawn in able:
        return drawn
    return able[int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") % len(able)] if able else None


def _sample(seed: RecallId, matching: Iterable[CaseId]) -> tuple[CaseId, ...]:
    by_draw = sorted(matching, key=lambda case: hashlib.sha256(f"{seed} {case}".encode()).digest())
    return tuple(sorted(by_draw[:SAMPLE]))


def sign(journal: Journal, recall: RecallId, *, staff: StaffId) -> Refused | None:
    """Sign as one of the two, having opened every item of every case in the sample."""
    known = journal.roster.recalls.get(recall)
    refused = _not_ours(journal, known, staff)
    if refused is not None or known is None:
        return refused
    if staff in dict(known.signed):
        return Refused("signed_before", "You have signed it. The second signature is another person's.")
    unread = sum(_is_unread(journal, case, staff) for case in known.fact.sample)
    if unread:
        return Refused("not_opened", f"Open the sampled cases first; {unread} of {len(known.fact.sample)} are unread.")
    journal.write(RecallSigned(recall=recall, staff=staff))
    return None


def _not_ours(journal: Journal, known: Recall | None, staff: StaffId) -> Refused | None:
    if known is None:
        return Refused("not_found", "There is no such recall.")
    if not journal.roster.may_decide(staff) or staff not in (known.fact.staff, known.fact.drawn):
        return Refused("not_a_signer", "The system drew somebody else to sign this.")
    return None


def _is_unread(journal: Journal, case_id: CaseId, staff: StaffId) -> bool:
    case = journal.files.case(case_id)
    return bool(set(case.evidence) - case.opened_by.get(staff, set()))


def release(journal: Journal, recall: RecallId, *, staff: StaffId) -> Tier | Refused:
    """Let a signed recall take effect; return the most urgent tier of the cases that it lets go.

    That a machine was wrong and no person had set anything waives the cooling-off, but never in tier 1 (L4): cases of
    that tier are let go only once it is over, by a release of their own.
    """
    known = journal.roster.recalls.get(recall)
    refused = _not_ours(journal, known, staff)
    if refused is not None or known is None:
        return refused or Refused("not_found", "There is no such recall.")
    fact = known.fact
    if len(known.signed) < len({fact.staff, fact.drawn}):
        return Refused("second_person_needed", "Both have to sign it first.")
    if not all(journal.roster.may_decide(person) for person, _ in known.signed):
        return Refused("signer_unfit", "One of the two may sign no more: propose it anew.")
    if known.released is Tier.CRITICAL:
        return Refused("already_released", "This recall has let everything go that rests on it.")
    cooled = max(at for _, at in known.signed) + journal.policy.lowering.cooling_off[Tier.CRITICAL]
    tier = Tier.CRITICAL if journal.now >= cooled else Tier.SERIOUS
    if known.released is tier:
        return Refused("cooling_off", f"Cases of tier 1 can be let go from {cooled:%Y-%m-%d %H:%M} UTC on.")
    signed_by = tuple(person for person, _ in known.signed)
    recalled = SourceRecalled(
        recall=recall, source=fact.source, model=fact.model, version=fact.version, since=fact.since, until=fact.until,
        tier=tier, signed_by=signed_by,
    )  # fmt: skip
    journal.write(recalled)
    return tier


def settle(journal: Journal, case: Case) -> None:
    """Let a case go that rests on nothing but what was recalled; its lift counts once it is sealed."""
    for fact in journal.roster.recalled:
        said = Said(source=fact.source, model=fact.model, version=fact.version, since=fact.since, until=fact.until)
        if case.tier >= fact.tier and rests_on(journal.files, case, said):
            _let_go(journal, case, fact)


def rests_on(files: Files, case: Case, said: Said) -> bool:
    """Tell whether an open case has no other evidence than what is taken back, and nobody in particular to protect."""
    signals = [signal for signal in case.signals.values() if not signal.refuted]
    alone = all(_is_said(signal, said) for signal in signals) and set(case.evidence) <= set(case.signals)
    of_people = case.decisions or case.acts_recorded or case.adopted or case.orders or case.events
    if not (case.is_open and signals and alone) or of_people:
        return False
    untouched = all(held.is_default for held in case.held.values())
    return untouched and evidence.concerns_nobody(files.holder_cases(case.subject))


def _is_said(signal: Signal, said: Said) -> bool:
    fact = signal.fact
    same = (fact.source, fact.model, fact.version) == (said.source, said.model, said.version)
    return same and said.since <= signal.at <= said.until


def _let_go(journal: Journal, case: Case, fact: SourceRecalled) -> None:
    proposal = ProposalId(fact.recall)
    lifts = tuple(ItemId(held.item.id) for held in case.held.values() if held.lift is None)
    for start in range(0, max(len(lifts), 1), LIFTS_MAX):
        part = lifts[start : start + LIFTS_MAX]
        journal.write(
            MeasureLifted(subject=case.subject, case=case.id, proposal=proposal, lifts=part, staff=fact.signed_by)
        )
    for signal in [one.fact.signal for one in case.signals.values() if not one.refuted]:
        journal.write(
            EvidenceRefuted(subject=case.subject, case=case.id, evidence=signal, signed_by=fact.signed_by)
        )
    journal.write(
        CaseClosed(subject=case.subject, case=case.id, end=EndState.UNFOUNDED, proposal=proposal, sampled=False)
    )
