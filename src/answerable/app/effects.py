"""Effects outside: which facts make a message leave the house, and with nothing in it but tokens (L11, L12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from answerable.core import facts as f
from answerable.core.cases import Files
from answerable.core.roster import Roster
from answerable.edge import rfc3339
from answerable.store.protocol import Outgoing

PAGE = "page"
ANSWER = "answer"
RECEIPT = "receipt"
VENDOR = "vendor"
ATTEMPT = "attempt"
HOLD = "hold"
RELEASE = "release"


class Written(Protocol):
    """What an act has written and how files and roster stand after it: its journal, or a replay of its facts."""

    @property
    def written(self) -> Sequence[f.Recorded]: ...

    @property
    def files(self) -> Files: ...

    @property
    def roster(self) -> Roster: ...


def outgoing(act: Written) -> Iterator[Outgoing]:
    """Yield one message for each written fact that somebody outside must hear of; its idem is stream and place."""
    for recorded in act.written:
        found = _effect(act, recorded.fact)
        if found is not None:
            topic, body = found
            at = _not_before(act, recorded)
            yield Outgoing(idem=f"{recorded.stream}:{recorded.seq}", topic=topic, body=body, not_before=at)


def _not_before(act: Written, recorded: f.Recorded) -> datetime:
    """Return when a message leaves: at once, or when it may be told.

    That an answer is late is told by the day that was promised. The case's own clock may be shorter, and whoever warned
    of himself would learn from the earlier letter what else is known of him (L11).
    """
    fact = recorded.fact
    if isinstance(fact, f.DigestPlanned):
        return fact.send
    if isinstance(fact, f.AnswerLapsed):
        return max(recorded.at, act.files.case(fact.case).notices[fact.notice].fact.promised)
    return recorded.at


def _effect(act: Written, fact: f.Fact) -> tuple[str, dict[str, str]] | None:
    match fact:
        case f.NoticeReceived(case=case, notice=notice):
            return RECEIPT, {"notice": notice, "case": case}
        case f.NoticeAnswered(case=case, notice=notice, outcome=outcome, text=text):
            return ANSWER, {"notice": notice, "case": case, "outcome": outcome, "text": text}
        case f.AnswerLapsed(case=case, notice=notice):
            return ANSWER, {"notice": notice, "case": case, "outcome": "lapsed"}
        case f.HoldOrdered(case=case, hold=hold) | f.HoldLapsed(case=case, hold=hold):
            return HOLD if isinstance(fact, f.HoldOrdered) else RELEASE, {"case": case, "hold": hold}
        case f.VendorNoticed(vendor=vendor, notice=notice, reference=reference, kind=kind, seen=seen):
            body = {"vendor": vendor, "notice": notice, "reference": reference, "kind": kind, "seen": rfc3339(seen)}
            return VENDOR, body
        case f.VendorNoticeUnread():
            return PAGE, {"to": _lead(act), "why": "vendor_notice_unread"}
        case _:
            paged = _page(act, fact)
            return (PAGE, paged) if paged is not None else _from_outside(act, fact)


def _page(act: Written, fact: f.Fact) -> dict[str, str] | None:
    """Return whom of the staff a fact pages, and why."""
    match fact:
        case f.CaseAssigned(case=case, owner=owner):
            return {"to": owner, "why": "case_assigned", "case": case}
        case f.Escalated(case=case, to=to, rung=rung):
            return {"to": to, "why": "nobody_looked", "case": case, "rung": str(rung)}
        case f.DefaultTookEffect(case=case, item=item) | f.DefaultStepped(case=case, item=item):
            why = "default_stepped" if isinstance(fact, f.DefaultStepped) else "default_took_effect"
            return {"to": _owner(act, case), "why": why, "case": case, "item": item}
        case f.DeadlineMissed(case=case, deadline=deadline):
            return {"to": _late(act, case, deadline), "why": "deadline_missed", "case": case, "deadline": deadline}
        case f.CountersignerDrawn(case=case, proposal=proposal, staff=staff):
            return {"to": staff, "why": "countersign", "case": case, "proposal": proposal}
        case f.HoldUnconfirmed(case=case, hold=hold):
            return {"to": _owner(act, case), "why": "hold_unconfirmed", "case": case, "hold": hold}
        case f.AdoptionUndone(case=case) | f.TenantAnswered(case=case):
            why = "adoption_undone" if isinstance(fact, f.AdoptionUndone) else "tenant_answered"
            return {"to": _owner(act, case), "why": why, "case": case}
        case f.EffectsBounded(case=case):
            return {"to": _lead(act), "why": "effects_bounded", "case": case}
        case f.SourceFlooded(source=source):
            return {"to": _lead(act), "why": "source_flooded", "source": source}
        case f.RecallProposed(recall=recall, drawn=drawn):
            return {"to": drawn, "why": "recall_to_sign", "recall": recall}
        case f.ClockSuspected():
            return {"to": _lead(act), "why": "clock_suspected"}
        case _:
            return None


def _from_outside(act: Written, fact: f.Fact) -> tuple[str, dict[str, str]] | None:
    match fact:
        case f.SignalRaised(beyond=True, gravest=True, case=case, signal=signal):
            return _gravest_waits(act, case, signal)
        case f.OutsideEventReported(case=case, event=event):
            return PAGE, {"to": _owner(act, case), "why": "event_reported", "case": case, "event": event}
        case f.OrderReceived(case=case, order=order):
            return PAGE, {"to": _owner(act, case), "why": "order_received", "case": case, "order": order}
        case f.AccountsLinked(subject=subject, link=link):
            return _under_order(act, subject, link)
        case f.DigestPlanned(case=case, notice=notice, send=send):
            return ATTEMPT, {"notice": notice, "case": case, "send": rfc3339(send)}
        case _:
            return None


def _under_order(act: Written, subject: f.SubjectId, link: f.LinkId) -> tuple[str, dict[str, str]] | None:
    """Page who owns the order under which no new account may be: only a person confirms that it is the same person."""
    for case in act.files.subject(subject).cases.values():
        if case.binding(f.Clause.NO_NEW_ACCOUNT):
            return PAGE, {"to": _owner(act, case.id), "why": "account_under_order", "case": case.id, "link": link}
    return None


def _gravest_waits(act: Written, case: f.CaseId, signal: f.SignalId) -> tuple[str, dict[str, str]] | None:
    """Page the owner of a case in which the first gravest flag waits for a flood to be confirmed: a person sees it."""
    file = act.files.case(case)
    gravest = [one for one in file.beyond if file.signals[one].fact.gravest]
    return (PAGE, {"to": _owner(act, case), "why": "gravest_waits", "case": case}) if gravest == [signal] else None


def _owner(act: Written, case: f.CaseId) -> str:
    return act.files.case(case).owner or _lead(act)


def _late(act: Written, case: f.CaseId, deadline: f.DeadlineId) -> str:
    """Return who hears of a missed deadline: of a review that nobody inside did, the outside approver."""
    file = act.files.case(case)
    is_review = file.deadlines[deadline].kind in (f.DeadlineKind.DEFAULT_REVIEW, f.DeadlineKind.DEFAULT_STEP)
    outside = act.roster.partner(frozenset(file.barred)) if is_review else None
    return outside or _owner(act, case)


def _lead(act: Written) -> str:
    chosen = act.roster.owner(frozenset())
    return chosen[0] if chosen else "nobody"
