"""The case file as whoever opened it sees it, had only through the verb that records the opening (L6)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from answerable.app import spans
from answerable.app.acts import Act
from answerable.core import evidence, exposure, holds, lowerings
from answerable.core.cases import Case, Held, Hold, Notice, Proposal, Signal
from answerable.core.claims import Event, Order
from answerable.core.deadlines import Deadline
from answerable.core.facts import CaseId
from answerable.core.standing import standing, yardstick
from answerable.store.protocol import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """Everything known in a case at the moment it was opened; plain values, ready to be shown."""

    case: CaseId
    opened_at: datetime
    body: dict[str, Any]


def read(act: Act, case_id: CaseId, kept: Sequence[Span]) -> CaseFile:
    """Read a case, with the sealed spans of its account, within the act that recorded its opening."""
    journal = act.journal
    case = journal.files.case(case_id)
    now_standing = standing(journal.files, case.subject, sealed=journal.sealed, now=act.now)
    floor = yardstick(journal.files, case.subject, sealed=journal.sealed, now=act.now)
    first = exposure.first_notice_at(journal.files.holder_cases(case.subject))
    served = exposure.after(journal.files.subject(case.subject), first) if first else exposure.Exposure()
    body: dict[str, Any] = {
        "tier": int(case.tier),
        "is_open": case.is_open,
        "owner": case.owner,
        "deputy": case.deputy,
        "hazards": sorted(case.hazards),
        "person": case.person,
        "grade": evidence.grade(case).name,
        "standing": now_standing.level.word,
        "yardstick": floor.level.word,
        "digest": lowerings.current_digest(journal, case),
        "signals": [_signal(act, one) for one in case.signals.values()],
        "notices": [_notice(act, one) for one in case.notices.values()],
        "deadlines": [_deadline(one) for one in case.deadlines.values() if one.is_running],
        "measures": [_item(held) for held in case.held.values()],
        "proposals": [_proposal(act, one) for one in case.proposals.values()],
        "events": [_event(act, case, one) for one in case.events.values()],
        "orders": [_order(act, case, one) for one in case.orders.values()],
        "dissents": sorted(case.dissents),
        "party": journal.files.subject(case.subject).party,
        "asks": [
            {"id": one.fact.ask, "asked": one.at, "received": one.received_at, "answered": one.answered_at}
            for one in case.asks.values()
        ],
        "holds": [_hold(act, case, one) for one in case.holds.values()],
        "crossed_with": sorted({n.crossed_with for n in case.notices.values() if n.crossed_with}),
        "spans": spans.shown(act, kept),
        "exposure_after_notice": _served(served),
        "exposure_since": [_since(act, case, one) for one in case.notices.values()],
        "linked_cases": sorted(one.id for one in journal.files.holder_cases(case.subject) if one.id != case.id),
    }
    return CaseFile(case=case.id, opened_at=act.now, body=body)


def _text(act: Act, token: str | None) -> str | None:
    """Return a text, or what stands in its place where it was erased by a recorded act."""
    if token is None:
        return None
    opened = act.open(token)
    return "[erased]" if opened is None else opened.decode("utf-8", "replace")


def _signal(act: Act, signal: Signal) -> dict[str, Any]:
    fact = signal.fact
    return {
        "id": fact.signal, "kind": fact.kind, "source": fact.source, "model": fact.model, "version": fact.version,
        "label": fact.label or _text(act, fact.label_text), "hazard": fact.hazard, "score_thousandths": fact.score,
        "gravest": fact.gravest, "act": fact.act, "identified": fact.identified, "seen": fact.seen,
        "text": _text(act, fact.evidence), "answered": signal.answered, "refuted": signal.refuted,
    }


def _notice(act: Act, notice: Notice) -> dict[str, Any]:
    fact = notice.fact
    content = _text(act, fact.text)
    given = json.loads(content) if content and content != "[erased]" else {"text": content}
    return {
        "id": fact.notice, "received": notice.at, "hazard": fact.hazard, "danger_now": fact.danger_now,
        "text": given["text"], "answered": notice.answered, "lapsed": notice.lapsed, "withdrawn": notice.withdrawn,
        "confirmed": notice.confirmed_at, "crossed_with": notice.crossed_with, "repeats": fact.repeats,
    }


def _event(act: Act, case: Case, event: Event) -> dict[str, Any]:
    fact = event.fact
    return {
        "id": fact.event, "kind": fact.kind, "reported": event.at, "dated": fact.dated, "text": _text(act, fact.text),
        "verified": event.verified_at, "refuted": fact.event in case.refuted,
    }


def _order(act: Act, case: Case, order: Order) -> dict[str, Any]:
    fact = order.fact
    return {
        "id": fact.order, "clauses": fact.clauses, "authority": fact.authority, "jurisdiction": fact.jurisdiction,
        "dated": fact.dated, "received": order.at, "document_sha256": _text(act, fact.document),
        "reference": _text(act, fact.reference), "verified": order.verified_at, "ended": order.ended_at,
        "executed": sorted(order.executed), "attempts_refused": order.refused, "refuted": fact.order in case.refuted,
    }


def _served(served: exposure.Exposure) -> dict[str, Any]:
    return asdict(served)


def _since(act: Act, case: Case, notice: Notice) -> dict[str, Any]:
    """Return what the holder was served since a notice, and for which spans nobody can say (R9, L10)."""
    accounts, lost = act.journal.files.holder(case.subject), act.journal.roster.lost
    found = exposure.gaps(accounts, lost, notice.at)
    return _served(exposure.of_holder(accounts, notice.at)) | {
        "notice": notice.fact.notice, "since": notice.at, "is_whole": not found, "gaps": [asdict(one) for one in found],
    }


def _deadline(deadline: Deadline) -> dict[str, Any]:
    return {"id": deadline.id, "kind": deadline.kind, "due": deadline.due, "about": deadline.about}


def _item(held: Held) -> dict[str, Any]:
    return {
        "id": held.item.id, "kind": held.item.kind, "level": held.item.standing.level.word,
        "limits": sorted(held.item.standing.limits), "effective": held.item.effective, "settled": held.settled,
        "fell": held.fell, "lifted": held.lift.at if held.lift else None, "review_by": held.item.review_by,
    }


def _hold(act: Act, case: Case, hold: Hold) -> dict[str, Any]:
    return {
        "id": hold.fact.hold, "about": hold.fact.about, "ordered": hold.at, "confirmed": hold.confirmed_at,
        "reference": _text(act, hold.reference), "upheld_by": hold.upheld_by, "lapsed": hold.lapsed_at,
        "lapses_at": holds.lapses_at(case, hold),
    }


def _proposal(act: Act, proposal: Proposal) -> dict[str, Any]:
    fact = proposal.fact
    return {
        "id": fact.proposal, "kind": fact.kind, "by": fact.staff, "drawn": proposal.drawn, "to": fact.to.level.word,
        "reason": _text(act, fact.reason), "performed": proposal.performed_at, "voided": proposal.voided,
        "signatures": [{"by": s.staff, "at": s.at, "digest": s.digest} for s in proposal.signatures],
    }


