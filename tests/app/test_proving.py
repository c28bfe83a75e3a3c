"""Proof of effect: what was done for an order, checked by whoever has the log's key and nothing else.

Law: a summary that says more than its entries is found, and so is an entry of anything else, or one that is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from answerable.app import Identifier, IdentifierKind, ProposalIn, proving
from answerable.core.facts import (
    CaseId,
    Clause,
    ClauseExecuted,
    ItemId,
    LoweringKind,
    NoticeId,
    OrderEnded,
    OrderId,
    Refused,
    SubjectId,
)
from answerable.errors import BadInput
from answerable.ledger.export import write_export
from answerable.ledger.proofs import read_receipt, write_receipt
from answerable.ledger.verify import VerifierKey, parse_vkey
from answerable_gate import Level, Standing
from tests.scenarios.story import EVERYBODY, FIRST_REVIEWER, PERSON_EMAIL, PERSON_NAME, SUBJECT, Story, case_of
from tests.scenarios.test_orders import EMAIL, PHONE, a_paper, an_order, asks, call, verify


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Begin a story in memory."""
    begun = Story(folder=tmp_path)
    with closing(begun.store):
        yield begun


def an_order_in_force(story: Story) -> tuple[Any, OrderId]:
    """Let an order come into force, a gate confirm its measure, and the account try."""
    story.enrol()
    warned = story.notice()
    told = story.answerable.orders
    assert told.tell(case_of(warned), NoticeId(warned.id), from_hour=7, to_hour=20, zone="UTC", by="portal") is None
    taken = an_order(story)
    assert verify(story, taken) is None
    case, subject = case_of(taken), story.row(case_of(taken)).subject
    items = [one.fact.item for one in story.facts(ClauseExecuted) if isinstance(one.fact, ClauseExecuted)]
    story.answerable.confirm_measure(SubjectId(subject), [ItemId(one) for one in items if one], gate="gate-1")
    assert asks(story, subject, times=2) == "refuse"
    asks(story, subject, times=1)
    story.sync()
    return case, OrderId(taken.id)


def keys(story: Story) -> tuple[VerifierKey, ...]:
    """Return the key that a reader has pinned."""
    return (parse_vkey(story.reading.vkey),)


def written(proof: object) -> bytes:
    """Return a proof as it travels."""
    return json.dumps(proof).encode()


def draw(story: Story, case: CaseId, order: OrderId) -> Refused | None:
    """Have the list of an order's entries written down and signed; what was due in the case is written first."""
    story.answerable.settle(SubjectId(story.row(case).subject))
    found = proving.gather(story.answerable.acts, case, order)
    drawn = found if isinstance(found, Refused) else story.answerable.orders.show(found, by=FIRST_REVIEWER)
    story.sync()
    return drawn if isinstance(drawn, Refused) else None


def proof_by(story: Story, case: CaseId, order: OrderId) -> dict[str, Any]:
    """Return the proof of an order as of now."""
    assert draw(story, case, order) is None
    found = proving.prove(story.answerable.acts, case, order)
    assert not isinstance(found, Refused)
    return found


def proof_of(story: Story) -> dict[str, Any]:
    """Return the proof of an order in force."""
    return proof_by(story, *an_order_in_force(story))


def test_a_proof_says_what_was_done_and_checks_under_the_key_alone(story: Story) -> None:
    """R18: verified by whose role, each clause when, the gate when, and so many attempts refused since."""
    proof = proof_of(story)
    assert proving.check(written(proof), keys(story)) == proof
    said = proof["summary"]
    assert said["verified"]["by_role"] == "reviewer"
    assert [one["clause"] for one in said["clauses"]] == sorted(Clause)
    assert all(one["executed"] for one in said["clauses"])
    assert [one["gate"] for clause in said["clauses"] for one in clause["confirmed"] if "gate" in one] == ["gate-1"]
    assert said["attempts"]["refused"] == 3
    page = proving.render(proof)
    assert page.splitlines()[0] == f"as of {story.now:%Y-%m-%d %H:%M:%S} UTC; says nothing of later"
    assert "3 refused between" in page
    assert "in force since" in page
    assert "confirmed" in page


def test_a_proof_holds_no_reporter_and_nobodys_words(story: Story) -> None:
    """L11: not even that there is a notice; what is sealed stays a commitment."""
    text = written(proof_of(story)).decode()
    carried = "".join(line for line in text.split('"') if line)
    entries = [read_receipt(one.encode()).entry or b"" for one in json.loads(text)["entries"]]
    whole = carried + b"".join(entries).decode()
    for word in (PERSON_EMAIL, PERSON_NAME, SUBJECT, "CGC-26-000000", "551 4000", "notice", "Notice", "person_"):
        assert word not in whole, f"the proof holds {word}"


def test_before_the_call_and_after_the_end(story: Story) -> None:
    """An unverified order proves that it came; an ended one that it ended."""
    story.enrol()
    taken = an_order(story)
    early = proof_by(story, case_of(taken), OrderId(taken.id))
    assert proving.check(written(early), keys(story))["summary"]["verified"] is None
    assert "nothing is executed" in proving.render(early)
    assert "none that the gates have told of" in proving.render(early)
    assert verify(story, taken) is None
    told = story.answerable.orders
    assert told.end(case_of(taken), OrderId(taken.id), call(story), staff=FIRST_REVIEWER) is None
    story.sync()
    late = proof_by(story, case_of(taken), OrderId(taken.id))
    assert late["summary"]["ended"] is not None


def test_what_is_kept_only_when_the_account_is_found_is_shown(story: Story) -> None:
    """L9: the clause is in force from the call on; the hold it names is the one that was ordered later."""
    came = replace(a_paper(story), subject=(Identifier(IdentifierKind.EMAIL, EMAIL),))
    taken = story.answerable.orders.receive(came)
    story.sync()
    assert verify(story, taken) is None
    story.see_account("cv-late", email=EMAIL, phone=PHONE)
    proof = proof_by(story, case_of(taken), OrderId(taken.id))
    assert proving.check(written(proof), keys(story)) == proof
    (preserve,) = [one for one in proof["summary"]["clauses"] if one["clause"] == "preserve"]
    assert preserve["hold"] is not None


@pytest.mark.parametrize("is_void", [False, True])
def test_what_was_taken_away_again_is_shown(story: Story, is_void: bool) -> None:
    """A court reads when the measure was lifted, and that it is void where two people found it so."""
    case, order = an_order_in_force(story)
    if is_void:
        _by_two(story, case, ProposalIn(kind=LoweringKind.REFUTE, reason="The court denies it.", evidence=order))
    else:
        assert story.answerable.orders.end(case, order, call(story), staff=FIRST_REVIEWER) is None
    _by_two(story, case, ProposalIn(kind=LoweringKind.LIFT, reason="It is over.", to=Standing(Level.PAUSED)))
    story.sync()
    proof = proof_by(story, case, order)
    assert proving.check(written(proof), keys(story)) == proof
    lifted = {one["clause"] for one in proof["summary"]["clauses"] if "lifted" in one}
    assert (lifted, proof["summary"]["void"] is not None) == ({"block"}, is_void)
    page = proving.render(proof)
    assert ("lifted" in page, "void" in page) == (True, is_void)


def _by_two(story: Story, case: CaseId, wanted: ProposalIn) -> None:
    """Propose something, have it signed on all there is, wait, and carry it out."""
    story.opens(case, *EVERYBODY)
    story.answers_everything(case)
    proposal = story.answerable.propose(case, wanted, staff=FIRST_REVIEWER)
    assert not isinstance(proposal, Refused), proposal
    assert story.answerable.countersign(case, proposal, staff=story._drawn(case, proposal)) is None
    story.fast_forward(hours=73)
    assert story.lifts(case, proposal) is None


def test_what_cannot_be_proved_yet_is_not(story: Story) -> None:
    """No such order; one that nobody asked to be shown; and one whose list no checkpoint covers."""
    story.enrol()
    story.works = False
    acts, case = story.answerable.acts, case_of(story.notice())
    for missing in (proving.prove(acts, case, OrderId("none")), proving.gather(acts, case, OrderId("none"))):
        assert isinstance(missing, Refused)
        assert missing.code == "not_found"
    taken = story.answerable.orders.receive(a_paper(story))
    order = OrderId(taken.id)
    early = proving.prove(acts, case_of(taken), order)
    assert isinstance(early, Refused)
    assert early.code == "not_drawn"
    found = proving.gather(acts, case_of(taken), order)
    assert not isinstance(found, Refused)
    strange = replace(found, order=OrderId("none"))
    assert isinstance(refused := story.answerable.orders.show(strange, by=FIRST_REVIEWER), Refused)
    assert refused.code == "not_found"
    assert not isinstance(story.answerable.orders.show(found, by=FIRST_REVIEWER), Refused)
    unsigned = proving.prove(acts, case_of(taken), order)
    assert isinstance(unsigned, Refused)
    assert unsigned.code == "not_sealed"


def test_what_came_meanwhile_is_not_passed_over(story: Story) -> None:
    """The end is recorded after the list was gathered and before it was written: it is gathered anew."""
    case, order = an_order_in_force(story)
    found = proving.gather(story.answerable.acts, case, order)
    assert not isinstance(found, Refused)
    assert story.answerable.orders.end(case, order, call(story), staff=FIRST_REVIEWER) is None
    assert isinstance(refused := story.answerable.orders.show(found, by=FIRST_REVIEWER), Refused)
    assert refused.code == "not_sealed"
    story.sync()
    assert proof_by(story, case, order)["summary"]["ended"] is not None


def test_a_proof_from_before_the_end_says_how_old_it_is(story: Story) -> None:
    """The end cannot be cut out of a newer proof; an older one still holds, of its time, unless one asks for later."""
    case, order = an_order_in_force(story)
    before = proof_by(story, case, order)
    story.fast_forward(hours=1)
    assert story.answerable.orders.end(case, order, call(story), staff=FIRST_REVIEWER) is None
    ended = story.now
    story.sync()
    after = proof_by(story, case, order)
    assert proving.check(written(after), keys(story), as_of_at_least=ended) == after
    ends = next(one for one in after["entries"] if _kind(one) == "OrderEnded")
    cut = after | {"entries": [one for one in after["entries"] if one != ends]}
    cut["summary"] = after["summary"] | {"ended": None}
    with pytest.raises(BadInput, match=r"entry \d+ of the log shows what was done for this order, and is missing"):
        proving.check(written(cut), keys(story))
    cut["entries"][-1] = before["entries"][-1]
    with pytest.raises(BadInput, match="more than one checkpoint"):
        proving.check(written(cut), keys(story))
    assert proving.check(written(before), keys(story)) == before
    with pytest.raises(BadInput, match="says nothing of later"):
        proving.check(written(before), keys(story), as_of_at_least=ended)


def _kind(receipt: str) -> str:
    """Return the kind of an entry that travels in a receipt."""
    found = json.loads(read_receipt(receipt.encode()).entry or b"")["kind"]
    assert isinstance(found, str)
    return found


def test_whichever_entry_is_left_out_is_missed(story: Story) -> None:
    """One after another, with the summary made anew over the rest: the check names the place in the log."""
    proof = proof_of(story)
    kinds = {_kind(one) for one in proof["entries"]}
    assert {"OrderReceived", "OrderVerified", "ClauseExecuted", "MeasureSet", "HoldOrdered", "AttemptsRefused"} < kinds
    for place, receipt in enumerate(proof["entries"][:-1]):
        entries = proof["entries"][:place] + proof["entries"][place + 1 :]
        index = read_receipt(receipt.encode()).index
        with pytest.raises(BadInput, match=f"entry {index} of the log .* is missing"):
            proving.check(written(proof | {"entries": entries}), keys(story))


def test_only_the_newest_attempts_travel_along(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the others the proof says how many they are; it counts what it proves."""
    monkeypatch.setattr(proving, "ATTEMPTS_MAX", 1)
    proof = proof_of(story)
    assert (proof["left_out"], proof["summary"]["attempts"]["refused"]) == (1, 1)
    assert proving.check(written(proof), keys(story))
    assert "1 further entries say the like" in proving.render(proof)


def _better(proof: dict[str, Any]) -> None:
    proof["summary"]["attempts"]["refused"] += 100


def _earlier(proof: dict[str, Any]) -> None:
    proof["summary"]["clauses"][0]["executed"] = "2020-01-01T00:00:00.000000Z"


def _newer(proof: dict[str, Any]) -> None:
    proof["as_of"] = "2099-01-01T00:00:00.000000Z"


def _as_if_whole(proof: dict[str, Any]) -> None:
    proof["left_out"] = 5


def _without_its_list(proof: dict[str, Any]) -> None:
    proof["entries"].pop()


def _without_entries(proof: dict[str, Any]) -> None:
    proof["entries"].clear()


def _in_another_order(proof: dict[str, Any]) -> None:
    entries = proof["entries"]
    entries[1], entries[2] = entries[2], entries[1]


def _with_one_twice(proof: dict[str, Any]) -> None:
    proof["entries"].insert(1, proof["entries"][1])


def _of_another_case(proof: dict[str, Any]) -> None:
    proof["case"] = "case_other"


def _of_another_order(proof: dict[str, Any]) -> None:
    proof["order"] = "order_other"


def _of_another_log(proof: dict[str, Any]) -> None:
    proof["log"] = "other/log"


def _of_another_version(proof: dict[str, Any]) -> None:
    proof["format"] = "answerable-order-proof/1"


def _with_an_entry_rewritten(proof: dict[str, Any]) -> None:
    one = proof["entries"][1]
    proof["entries"][1] = one.replace("\nextra ey", "\nextra fy", 1)


def _with_an_entry_that_does_not_travel(proof: dict[str, Any]) -> None:
    lines = proof["entries"][1].split("\n")
    proof["entries"][1] = "\n".join(line for line in lines if not line.startswith("extra "))


FORGERIES = {
    _better: "summary", _earlier: "summary", _newer: "summary", _as_if_whole: "summary",
    _without_its_list: "the log's own list", _without_entries: "the log's own list",
    _in_another_order: "another order than in the log", _with_one_twice: "doubled",
    _of_another_case: "of another order", _of_another_order: "of another order", _of_another_log: "another log",
    _of_another_version: "this version", _with_an_entry_rewritten: "entry 2 of the file",
    _with_an_entry_that_does_not_travel: "entry 2 of the file",
}  # fmt: skip


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__.strip("_"))
def test_a_forged_proof_is_found(story: Story, forge: Any) -> None:
    """Whatever is changed in it, by the operator or on the way, is named."""
    proof = proof_of(story)
    forge(proof)
    with pytest.raises(BadInput, match=FORGERIES[forge]):
        proving.check(written(proof), keys(story))


def test_a_list_that_passes_over_an_entry_is_found_in_the_log(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's own program leaves the end out of the list: the proof holds, and the whole log contradicts it."""
    case, order = an_order_in_force(story)
    honest = proof_by(story, case, order)
    assert story.answerable.orders.end(case, order, call(story), staff=FIRST_REVIEWER) is None
    story.sync()
    found = proving._of
    with monkeypatch.context() as patch:
        patch.setattr(
            proving, "_of", lambda *of: [one for one in found(*of) if not isinstance(one.fact, OrderEnded)]
        )
        lying = proof_by(story, case, order)
    assert proving.check(written(lying), keys(story))["summary"]["ended"] is None
    folder = tmp_path / "export"
    store = story.store
    notes = [(one.size, one.note) for one in store.checkpoints()]
    write_export(folder, store.entries(0, store.size()), notes)
    exported = folder / "entries.jsonl"
    proving.compare(honest, folder, keys(story))
    with pytest.raises(BadInput, match="tells of this order, and the log's own list passes over it"):
        proving.compare(lying, folder, keys(story))
    receipt = read_receipt(honest["entries"][-1].encode())
    forked = write_receipt(replace(receipt, entry=b"{}")).decode()
    with pytest.raises(BadInput, match="another log"):
        proving.compare(honest | {"entries": [*honest["entries"][:-1], forked]}, folder, keys(story))
    later = proof_by(story, case, order)
    with pytest.raises(BadInput, match="ends before this proof"):
        proving.compare(later, folder, keys(story))
    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join(lines[1:]))
    with pytest.raises(BadInput, match="does not hold"):
        proving.compare(honest, folder, keys(story))


def test_an_entry_of_something_else_is_found(story: Story) -> None:
    """Proved in the same tree, and not on the list; and one that an older checkpoint proves."""
    case, order = an_order_in_force(story)
    older, newer = proof_by(story, case, order), proof_by(story, case, order)
    mixed = [older["entries"][0], *newer["entries"][1:]]
    with pytest.raises(BadInput, match="more than one checkpoint"):
        proving.check(written(newer | {"entries": mixed}), keys(story))
    before = read_receipt(older["entries"][-1].encode()).index
    newest = story.store.newest_checkpoint()
    assert newest is not None
    strange = proving._receipt(story.store, before, newest).decode()
    entries = [*newer["entries"][:-1], strange, newer["entries"][-1]]
    with pytest.raises(BadInput, match=f"entry {before} of the log is not among"):
        proving.check(written(newer | {"entries": entries}), keys(story))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"entries":[],"summary":{}}', b'{"entries":1,"summary":{},"format":"","log":""}']
)
def test_what_is_no_proof_is_told(story: Story, text: bytes) -> None:
    """Anybody may hand in anything."""
    with pytest.raises(BadInput):
        proving.check(text, keys(story))


def test_another_key_proves_nothing(story: Story, tmp_path: Path) -> None:
    """Under the key of another log, or under none."""
    proof = proof_of(story)
    (tmp_path / "other").mkdir()
    other = Story(folder=tmp_path / "other")
    other_key = VerifierKey(keys(story)[0].name, b"\0\0\0\0", b"\1" * 32)
    with closing(other.store), pytest.raises(BadInput):
        proving.check(written(proof), (other_key,))
    with pytest.raises(BadInput):
        proving.check(written(proof), ())
