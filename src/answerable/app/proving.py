"""Proof of effect: what was done for an order, as a document that anybody can check under the log's pinned key.

Law: the summary is a fold over the entries that travel with it, and nothing else; which they are, and as of when, the
log itself says, so that none can be left out on the way (L8); no reporter is in it (L11).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from answerable.app.acts import Acts
from answerable.core import facts as f
from answerable.core import orders
from answerable.core.facts import CaseId, OrderId, Recorded, Refused, StreamId, SubjectId
from answerable.edge import rfc3339
from answerable.errors import BadInput
from answerable.ledger.codec import read_entry
from answerable.ledger.entries import decode
from answerable.ledger.proofs import Receipt, read_receipt, verify_receipt, write_receipt
from answerable.ledger.tree import inclusion
from answerable.ledger.verify import VerifierKey, audit_folder, canonical
from answerable.store.protocol import Checkpointed, Store
from answerable_gate import strict

FORMAT = "answerable-order-proof/2"
ATTEMPTS_MAX = CONFIRMED_MAX = 200
"""So many blocks of refused requests are on the list, the newest, and so many confirmations by gates, the first."""

_NOT_THERE = Refused("not_found", "There is no such order.")
_NOT_DRAWN = Refused("not_drawn", "Nobody has asked for this proof yet: ask for it, then fetch it.")
_NOT_SEALED = Refused(
    "not_sealed", "What shows this is durable and not yet inside a signed checkpoint; ask again shortly."
)


# --- the list --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Which leaves show what was done for an order, while so many entries stand in its case's stream."""

    case: CaseId
    order: OrderId
    entries: int
    leaves: tuple[int, ...]
    left_out: int


def gather(acts: Acts, case: CaseId, order: OrderId) -> Gathered | Refused:
    """Return which entries show what was done for an order, once all of its case's are in the tree."""
    with acts.store.act() as tx:
        subject = tx.subject_of(case)
        file = tx.files((subject,)).case(case) if subject is not None else None
        staff = tx.roster().seq
    if file is None or order not in file.orders:
        return _NOT_THERE
    stream = list(_stream(acts.store, file.subject, StreamId(f"case:{case}"), file.seq))
    placed = [one for one in stream if one is not None]
    if len(placed) < file.seq:
        return _NOT_SEALED
    found = _of(order, placed)
    kept = [*_enrolment(_stream(acts.store, None, f.SYSTEM, staff), found), *_bounded(found)]
    leaves = sorted(one.index for one in kept if one.index is not None)
    left_out = len(found) - len(_bounded(found))
    return Gathered(case=case, order=order, entries=file.seq, leaves=tuple(leaves), left_out=left_out)


def draw(acts: Acts, found: Gathered, *, by: str) -> datetime | Refused:
    """Record the list for whoever asked; return as of when it speaks. Refuse where the case has grown meanwhile."""
    with acts.on_case(found.case, by) as act:
        file = act.journal.files.case(found.case)
        if file.seq != found.entries:
            return _NOT_SEALED
        refused = orders.show(act.journal, file.id, found.order, leaves=found.leaves, left_out=found.left_out)
        return refused or act.now


def _stream(store: Store, subject: SubjectId | None, stream: StreamId, count: int) -> Iterator[Recorded | None]:
    """Yield the facts of a stream, None for each that waits for its place in the tree."""
    for seq in range(1, count + 1):
        index = store.place_of(subject, stream, seq)
        yield None if index is None else _entry(store, index)


def _entry(store: Store, index: int) -> Recorded:
    (entry,) = store.entries(index, index + 1)
    return read_entry(entry, index)


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


def _bounded(found: Sequence[Recorded]) -> list[Recorded]:
    """Return the entries of an order without those that are too many of one kind to say anything new."""
    attempts = [one for one in found if isinstance(one.fact, f.AttemptsRefused)]
    confirmed = [one for one in found if isinstance(one.fact, f.MeasureConfirmed)]
    beyond = attempts[: max(len(attempts) - ATTEMPTS_MAX, 0)] + confirmed[CONFIRMED_MAX:]
    over = {one.index for one in beyond}
    return [one for one in found if one.index not in over]


# --- the proof -------------------------------------------------------------------------------------------------


def prove(acts: Acts, case: CaseId, order: OrderId) -> dict[str, Any] | Refused:
    """Return the proof of an order as a document, by its newest list and the newest signed checkpoint."""
    store = acts.store
    with store.act() as tx:
        subject = tx.subject_of(case)
        file = tx.files((subject,)).case(case) if subject is not None else None
    if file is None or order not in file.orders:
        return _NOT_THERE
    place = file.orders[order].shown
    if place is None:
        return _NOT_DRAWN
    index, newest = store.place_of(file.subject, StreamId(f"case:{case}"), place), store.newest_checkpoint()
    if index is None or newest is None or index >= newest.size:
        return _NOT_SEALED
    listed = _entry(store, index)
    assert isinstance(listed.fact, f.OrderShown), "the fold notes the place of the list"
    kept = [_entry(store, leaf) for leaf in listed.fact.leaves]
    return {
        "format": FORMAT,
        "log": store.origin,
        "case": case,
        "order": order,
        "as_of": rfc3339(listed.at),
        "left_out": listed.fact.left_out,
        "summary": summary(kept),
        "entries": [_receipt(store, leaf, newest).decode() for leaf in (*listed.fact.leaves, index)],
    }


def _receipt(store: Store, index: int, newest: Checkpointed) -> bytes:
    (entry,) = store.entries(index, index + 1)
    path = tuple(inclusion(index, newest.size, store.node))
    return write_receipt(Receipt(index=index, path=path, note=newest.note, entry=entry))


# --- the fold --------------------------------------------------------------------------------------------------


_MEMBERS = ("format", "log", "case", "order", "as_of", "left_out", "summary")

_BY_OTHERS = (f.Clause.BLOCK, f.Clause.PRESERVE)
"""What gates and the operator's stores do: decided here, confirmed there (L9)."""

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
        f"as of {_time(proof['as_of'])}; says nothing of later",
        f"Order {proof['order']} in the log {proof['log']}",
        f"received  {_time(received['at'])}, from {issuer}",
        f"verified  {_verified(verified)}",
    ]
    for clause in said["clauses"]:
        when = f"in force since {_time(clause['executed'])}" if clause["executed"] else "not executed"
        until = f", lifted {_time(clause['lifted'])}" if "lifted" in clause else ""
        lines.append(f"  {clause['clause']:<15} {when}{until}")
        if clause["executed"] and clause["clause"] in _BY_OTHERS and not clause["confirmed"]:
            lines.append(f"  {'':<15} not confirmed so far")
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
        *([f"{proof['left_out']} further entries say the like, and are not shown"] if proof["left_out"] else []),
        f"{len(proof['entries'])} entries of the ledger prove this; `answerable order check` checks them.",
    ]
    return "\n".join(lines) + "\n"


def _verified(said: dict[str, str] | None) -> str:
    if said is None:
        return "not yet, so nothing is executed"
    found = f"who recorded a call to an independent number ({said['found']})"
    return f"{_time(said['at'])}, by a {said['by_role']}, {found}"


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


# --- the check -------------------------------------------------------------------------------------------------


def check(
    document: bytes, keys: Sequence[VerifierKey], *, as_of_at_least: datetime | None = None
) -> dict[str, Any]:
    """Return a proof that holds: each entry is in the signed tree, they are those of its list, the summary is theirs.

    Raise `BadInput`, which says what does not hold, or that the proof speaks up to an earlier time than is wanted.
    """
    try:
        # Whoever reads the file must read what was checked: no member stands twice in it, and none besides these.
        proof = strict.members(strict.parse(document), *_MEMBERS, "entries")
        entries = proof["entries"] if isinstance(proof["entries"], list) else []
        texts = [strict.text(one, len(document)).encode() for one in entries]
        said = canonical([proof[name] for name in _MEMBERS])
    except ValueError as error:
        raise BadInput("this is no proof of an order") from error
    if proof["format"] != FORMAT:
        raise BadInput("this is no proof of an order that this version reads")
    shown = [_proved(place, text, keys, str(proof["log"])) for place, text in enumerate(texts, 1)]
    listed = shown.pop() if shown else None
    if listed is None or not isinstance(listed.fact, f.OrderShown):
        raise BadInput("the last entry is not the log's own list of what shows this order")
    if (listed.fact.case, listed.fact.order) != (proof["case"], proof["order"]):
        raise BadInput("the list is that of another order")
    if len({read_receipt(text).note for text in texts}) != 1:
        raise BadInput("the entries are proved by more than one checkpoint")
    _compare([one.index for one in shown], listed.fact.leaves)
    _tell(listed.fact, shown)
    told = [FORMAT, proof["log"], listed.fact.case, listed.fact.order, rfc3339(listed.at), listed.fact.left_out]
    if canonical([*told, summary(shown)]) != said:
        raise BadInput("the summary is not what the entries say")
    if as_of_at_least is not None and listed.at < as_of_at_least:
        raise BadInput(f"this speaks as of {_time(rfc3339(listed.at))} and says nothing of later: ask for a newer one")
    return dict(proof)


def _compare(got: Sequence[int | None], listed: Sequence[int]) -> None:
    """Raise where entries are not those of the list, in its order."""
    missing, strange = [one for one in listed if one not in got], [one for one in got if one not in listed]
    if missing:
        raise BadInput(f"entry {missing[0]} of the log shows what was done for this order, and is missing")
    if strange:
        raise BadInput(f"entry {strange[0]} of the log is not among those that show what was done for this order")
    if list(got) != list(listed):
        raise BadInput("the entries are doubled, or stand in another order than in the log")


def _tell(listed: f.OrderShown, shown: Sequence[Recorded]) -> None:
    """Raise where an entry of the list tells of something else: folded with the others, it would speak for this."""
    places = {f.SYSTEM: _enrolment(shown, shown), StreamId(f"case:{listed.case}"): _of(listed.order, shown)}
    for one in shown:
        if one not in places.get(one.stream, ()):
            raise BadInput(f"entry {one.index} of the log is on the list, and tells nothing of this order")


def _proved(place: int, text: bytes, keys: Sequence[VerifierKey], log: str) -> Recorded:
    try:
        receipt = read_receipt(text)
        origin = verify_receipt(receipt, keys).origin
    except BadInput as error:
        raise BadInput(f"entry {place} of the file: {error}") from error
    if receipt.entry is None or origin != log:
        raise BadInput(f"entry {place} of the file is of another log")
    return read_entry(receipt.entry, receipt.index)


def compare(proof: dict[str, Any], folder: Path, keys: Sequence[VerifierKey]) -> None:
    """Hold a proof against an export of the whole log: its list passes over nothing that tells of the order.

    Raise `BadInput` where it does, where the export does not hold, or ends before the list.
    """
    audit, listed = audit_folder(folder, keys), read_receipt(proof["entries"][-1].encode())
    if audit.findings:
        raise BadInput(f"the export of the log does not hold: {audit.findings[0]}")
    if audit.sealed <= listed.index:
        raise BadInput("the export of the log ends before this proof was drawn up")
    name, stream = f"case:{proof['case']}", []
    with (folder / "entries.jsonl").open("rb") as lines:
        for index, line in enumerate(islice(lines, listed.index)):
            if name.encode() in line and decode(line[:-1]).stream == name:
                stream.append(read_entry(line[:-1], index))
        if next(lines)[:-1] != listed.entry:
            raise BadInput("the export is of another log")
    leaves = [read_receipt(one.encode()).index for one in proof["entries"]]
    passed = [one.index for one in _bounded(_of(proof["order"], stream)) if one.index not in leaves]
    if passed:
        raise BadInput(f"entry {passed[0]} of the log tells of this order, and the log's own list passes over it")
