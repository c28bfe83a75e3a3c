"""Proof of effect: what was done for an order, as a document that anybody can check under the log's pinned key.

Law: the summary is a fold over the entries that travel with it, and nothing else; no reporter is in it (L11).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from answerable.app.acts import Acts
from answerable.core import facts as f
from answerable.core.facts import CaseId, OrderId, Recorded, Refused, StreamId, SubjectId
from answerable.edge import rfc3339
from answerable.errors import BadInput
from answerable.ledger.codec import read_entry
from answerable.ledger.proofs import Receipt, read_receipt, verify_receipt, write_receipt
from answerable.ledger.tree import inclusion
from answerable.ledger.verify import VerifierKey
from answerable.store.protocol import Checkpointed, Store

FORMAT = "answerable-order-proof/1"
ATTEMPTS_MAX = 200
"""So many blocks of refused requests travel with a proof, the newest; of the others it says how many they are."""


def prove(acts: Acts, case: CaseId, order: OrderId) -> dict[str, Any] | Refused:
    """Return the proof of an order as a document, by the newest signed checkpoint."""
    store = acts.store
    with acts.store.act() as tx:
        subject = tx.subject_of(case)
        file = tx.files((subject,)).case(case) if subject is not None else None
        staff = tx.roster().seq
    newest = store.newest_checkpoint()
    if file is None or order not in file.orders:
        return Refused("not_found", "There is no such order.")
    if newest is None:
        return Refused("not_sealed", "Nothing is inside a signed checkpoint yet; ask again shortly.")
    stream = list(_stream(store, file.subject, StreamId(f"case:{case}"), file.seq, newest))
    found = _of(order, [one for one in stream if one is not None])
    if not found:
        return Refused("not_sealed", "The order is durable and not yet inside a signed checkpoint; ask again shortly.")
    attempts = [one for one in found if isinstance(one.fact, f.AttemptsRefused)]
    left_out = attempts[: max(len(attempts) - ATTEMPTS_MAX, 0)]
    enrolled = _enrolment(_stream(store, None, f.SYSTEM, staff, newest), found)
    kept = [*enrolled, *(one for one in found if one not in left_out)]
    return {
        "format": FORMAT,
        "log": store.origin,
        "case": case,
        "order": order,
        "summary": summary(kept),
        "attempt_blocks_left_out": len(left_out),
        "entries_not_yet_signed": stream.count(None),
        "entries": [_receipt(store, one, newest).decode() for one in kept],
    }


def _stream(
    store: Store, subject: SubjectId | None, stream: StreamId, count: int, newest: Checkpointed
) -> Iterator[Recorded | None]:
    """Yield the facts of a stream, None for each that no checkpoint covers yet."""
    for seq in range(1, count + 1):
        index = store.place_of(subject, stream, seq)
        if index is None or index >= newest.size:
            yield None
        else:
            (entry,) = store.entries(index, index + 1)
            yield read_entry(entry, index)


def _of(order: OrderId, recorded: Sequence[Recorded]) -> list[Recorded]:
    """Return the entries that show what was done for an order: its own, and those of the measure and the hold.

    What took any of it away again is among them: a proof that leaves that out would say that it is in force.
    """
    facts = [one.fact for one in recorded]
    items = {fact.item for fact in facts if isinstance(fact, f.ClauseExecuted) and fact.order == order}
    holds = {fact.hold for fact in facts if isinstance(fact, f.HoldOrdered) and fact.about == order}

    def is_of(fact: f.Fact) -> bool:
        match fact:
            case f.OrderReceived() | f.OrderVerified() | f.ClauseExecuted() | f.OrderEnded() | f.AttemptsRefused():
                return fact.order == order
            case f.MeasureSet() | f.MeasureConfirmed():
                return fact.item in items
            case f.MeasureLifted():
                return not items.isdisjoint(fact.lifts)
            case f.EvidenceRefuted():
                return fact.evidence == order
            case f.HoldOrdered() | f.HoldConfirmed() | f.HoldUnconfirmed():
                return fact.hold in holds
            case _:
                return False

    return [one for one in recorded if is_of(one.fact)]


def _enrolment(system: Iterable[Recorded | None], kept: Sequence[Recorded]) -> list[Recorded]:
    """Return the entry that says in which role the person who called back was enrolled then."""
    verified = next((one for one in kept if isinstance(one.fact, f.OrderVerified)), None)
    if verified is None or not isinstance(verified.fact, f.OrderVerified):
        return []
    staff, at = verified.fact.staff, verified.at
    known = [
        one for one in system
        if one is not None and isinstance(one.fact, f.StaffEnrolled) and one.fact.staff == staff and one.at <= at
    ]  # fmt: skip
    return known[-1:]


def _receipt(store: Store, recorded: Recorded, newest: Checkpointed) -> bytes:
    assert recorded.index is not None, "what is proved is in the tree"
    (entry,) = store.entries(recorded.index, recorded.index + 1)
    path = tuple(inclusion(recorded.index, newest.size, store.node))
    return write_receipt(Receipt(index=recorded.index, path=path, note=newest.note, entry=entry))


# --- the fold --------------------------------------------------------------------------------------------------


_OVER: dict[type, str] = {f.OrderEnded: "ended", f.EvidenceRefuted: "void"}


def summary(kept: Sequence[Recorded]) -> dict[str, Any]:
    """Return what the entries of an order say, in their order; a clause without a time was not executed."""
    found: dict[str, Any] = dict.fromkeys(("received", "verified", "attempts", "ended", "void"))
    roles: dict[str, str] = {}
    clauses: dict[str, dict[str, Any]] = {}
    for one in kept:
        at = rfc3339(one.at)
        match one.fact:
            case f.StaffEnrolled() as fact:
                roles[fact.staff] = fact.role.value
            case f.OrderReceived() as fact:
                found["received"] = _received(fact, at)
                clauses |= {clause.value: {"clause": clause.value, "executed": None} for clause in fact.clauses}
            case f.OrderVerified() as fact:
                role = roles.get(fact.staff, "not shown")
                told = {"at": at, "called": rfc3339(fact.called), "found": fact.found.value, "by_role": role}
                found["verified"] = told
            case f.ClauseExecuted() as fact:
                done: dict[str, Any] = {"executed": at, "item": fact.item, "hold": fact.hold, "confirmed": []}
                clauses[fact.clause.value] |= done
            case f.HoldOrdered() as fact:
                # Of an account that nobody had found yet it is ordered later than the clause was put in force.
                clauses[f.Clause.PRESERVE.value]["hold"] = fact.hold
            case f.MeasureConfirmed() as fact:
                _confirmed(clauses, "item", fact.item, {"gate": fact.gate, "at": at})
            case f.HoldConfirmed() as fact:
                _confirmed(clauses, "hold", fact.hold, {"stores": "the operator's", "at": at})
            case f.AttemptsRefused() as fact:
                found["attempts"] = _more(found["attempts"], fact)
            case f.OrderEnded() | f.EvidenceRefuted():
                found[_OVER[type(one.fact)]] = at
            case f.MeasureLifted() as fact:
                _lifted(clauses, fact, at)
            case _:
                pass
    return {**found, "clauses": [clauses[name] for name in sorted(clauses)]}


def _received(fact: f.OrderReceived, at: str) -> dict[str, str]:
    return {
        "at": at,
        "authority": fact.authority.value,
        "jurisdiction": fact.jurisdiction,
        "dated": rfc3339(fact.dated),
        "document_commitment": fact.document_commit,
        "reference_commitment": fact.reference_commit,
    }


def _confirmed(clauses: dict[str, dict[str, Any]], by: str, name: str, said: dict[str, str]) -> None:
    for clause in clauses.values():
        if clause.get(by) == name:
            clause["confirmed"].append(said)


def _lifted(clauses: dict[str, dict[str, Any]], fact: f.MeasureLifted, at: str) -> None:
    for clause in clauses.values():
        if clause.get("item") in fact.lifts:
            clause["lifted"] = at


def _more(attempts: dict[str, Any] | None, fact: f.AttemptsRefused) -> dict[str, Any]:
    before = attempts or {"refused": 0, "since": rfc3339(fact.since), "until": rfc3339(fact.until)}
    return {
        "refused": before["refused"] + fact.exchanges,
        "since": min(before["since"], rfc3339(fact.since)),
        "until": max(before["until"], rfc3339(fact.until)),
    }


def render(proof: dict[str, Any]) -> str:
    """Return a proof as a page of plain text."""
    said = proof["summary"]
    received, verified, attempts = said["received"], said["verified"], said["attempts"]
    issuer = f"a {received['authority']} in {received['jurisdiction']}, dated {received['dated'][:10]}"
    lines = [
        f"Order {proof['order']} in the log {proof['log']}",
        f"received  {_time(received['at'])}, from {issuer}",
        f"verified  {_verified(verified)}",
    ]
    for clause in said["clauses"]:
        when = f"in force since {_time(clause['executed'])}" if clause["executed"] else "not executed"
        until = f", lifted {_time(clause['lifted'])}" if "lifted" in clause else ""
        lines.append(f"  {clause['clause']:<15} {when}{until}")
        for one in clause.get("confirmed", ()):
            who = one.get("gate", "the operator's stores")
            lines.append(f"  {'':<15} confirmed {_time(one['at'])} by {who}")
    told = "none that the gates have told of"
    if attempts:
        told = f"{attempts['refused']} refused between {_time(attempts['since'])} and {_time(attempts['until'])}"
    lines += [
        f"attempts  {told}",
        f"ended     {_time(said['ended']) if said['ended'] else 'no'}",
        *([f"void      {_time(said['void'])}, as two people found"] if said["void"] else []),
        f"{len(proof['entries'])} entries of the ledger prove this; `answerable order check` checks them.",
    ]
    return "\n".join(lines) + "\n"


def _verified(said: dict[str, str] | None) -> str:
    if said is None:
        return "not yet, so nothing is executed"
    return f"{_time(said['at'])}, by a {said['by_role']}, who called an independent number ({said['found']})"


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def check(document: bytes, keys: Sequence[VerifierKey]) -> dict[str, Any]:
    """Return a proof whose every entry is in the tree that the log signed, and whose summary is what they say.

    Raise `BadInput` where anything of that does not hold.
    """
    try:
        proof = json.loads(document)
        entries, said, form = proof["entries"], proof["summary"], proof["format"]
        found = [_proved(one.encode(), keys, proof["log"]) for one in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput("this is no proof of an order") from error
    if form != FORMAT or not isinstance(proof, dict):
        raise BadInput("this is no proof of an order that this version reads")
    of_it = [one.fact for one in found if not isinstance(one.fact, f.StaffEnrolled)]
    if any(getattr(fact, "case", None) != proof["case"] for fact in of_it):
        raise BadInput("an entry belongs to another case")
    if any(getattr(fact, "order", proof["order"]) != proof["order"] for fact in of_it):
        raise BadInput("an entry belongs to another order")
    if summary(found) != said:
        raise BadInput("the summary is not what the entries say")
    return dict(proof)


def _proved(text: bytes, keys: Sequence[VerifierKey], log: str) -> Recorded:
    receipt = read_receipt(text)
    if receipt.entry is None or verify_receipt(receipt, keys).origin != log:
        raise BadInput("an entry does not travel with its proof, or is in another log")
    return read_entry(receipt.entry, receipt.index)
