"""The four clauses asked for in the founding case, and what happens outside; all names are invented.

Law: an order is a claim until its issuer was called back; from then on each clause is in force, and shown to be.
"""

from __future__ import annotations

import re
from datetime import timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from answerable.app import CallIn, EventIn, Identifier, IdentifierKind, OrderIn, Taken, ordering
from answerable.core import attempts, decisions, orders
from answerable.core.facts import (
    Authority,
    CaseId,
    Clause,
    ClauseExecuted,
    DigestPlanned,
    DigestSent,
    EventId,
    EventKind,
    Found,
    HoldOrdered,
    LinkId,
    MeasureSet,
    NoticeId,
    OrderId,
    Refused,
    SubjectId,
)
from answerable.errors import BadInput
from answerable.ports.notifier import Delivery, DeliveryState, Letter
from answerable.store.protocol import Exchange
from answerable.work.outbox import deliver
from answerable_gate import Level, Standing
from tests.scenarios.story import FIRST_REVIEWER, PERSON_EMAIL, PERSON_NAME, SECOND, SUBJECT, Story, case_of

COURT, ON_PAPER = "+1 415 551 4000", "+1 415 555 0199"
EMAIL, PHONE = "c.vale@example.net", "+14155550134"


class Postman:
    """A carrier that keeps what it was given."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> Delivery:
        """Take a letter."""
        self.letters.append(letter)
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)

    def told(self) -> list[Letter]:
        """Return what the protected person was told of the order."""
        return [letter for letter in self.letters if letter.subject == "About the order"]


def a_paper(story: Story, *clauses: Clause) -> OrderIn:
    """Return an order as the operator's legal desk passes it on."""
    return OrderIn(
        id="o-1", source="desk-1", clauses=clauses or tuple(Clause), authority=Authority.COURT, jurisdiction="US-CA",
        document=sha256(b"the order").hexdigest(), reference="CGC-26-000000",
        subject=(Identifier(IdentifierKind.ACCOUNT, SUBJECT),),
        person=(Identifier(IdentifierKind.EMAIL, PERSON_EMAIL), Identifier(IdentifierKind.NAME, PERSON_NAME)),
        numbers=(ON_PAPER,), dated=story.now,
    )


def an_order(story: Story, *clauses: Clause) -> Taken:
    """Let an order come in."""
    taken = story.answerable.orders.receive(a_paper(story, *clauses))
    story.sync()
    return taken


def call(story: Story, number: str = COURT) -> CallIn:
    """Say that somebody called."""
    return CallIn(number=number, found=Found.OFFICIAL_REGISTER, called=story.now)


def verify(story: Story, taken: Taken, number: str = COURT) -> Refused | None:
    """Let the reviewer open the case, call back, and say that the order is theirs."""
    story.opens(case_of(taken), FIRST_REVIEWER)
    refused = story.answerable.orders.verify(
        case_of(taken), OrderId(taken.id), call(story, number), staff=FIRST_REVIEWER
    )
    story.work()
    return refused


def asks(story: Story, subject: str, user: str = SUBJECT, times: int = 1) -> str:
    """Let a user ask the model through the gate so often, the gate hand its rows in, and the blocks be sealed."""
    answer = ""
    for _ in range(times):
        story.fast_forward(seconds=1)
        verdict = story.request(user)
        answer = verdict.answer
        row = Exchange(
            id=f"x-{story.now.timestamp()}-{user}", subject=SubjectId(subject), at=story.now,
            gate="gate-1", conversation=None, model=None, answer=answer, level=int(verdict.level),
            standing=int(verdict.level), tokens=0, digest="", complete=True,
        )
        story.answerable.record_exchanges([row])
    story.answerable.seal_exposures()
    return answer


# --- the four clauses ------------------------------------------------------------------------------------------


def _the_four_clauses(story: Story, postman: Postman) -> tuple[CaseId, OrderId]:
    """F17: block, no new account, tell her, keep: within the hour, each with the fact that says so."""
    for account in (SUBJECT, SECOND):
        story.enrol(account)
    first = story.see_account(SUBJECT, email=EMAIL, phone=PHONE).id
    warned = story.notice()
    orders_ = story.answerable.orders
    assert orders_.tell(case_of(warned), NoticeId(warned.id), from_hour=7, to_hour=20, zone="UTC", by="portal") is None
    begun = story.now
    taken = an_order(story)
    assert case_of(taken) == case_of(warned)
    assert story.request().level <= Level.WATCH, "an order that nobody called back did something"
    assert (found := verify(story, taken, ON_PAPER)) is not None
    assert found.code == "same_number"
    story.fast_forward(minutes=20)
    assert verify(story, taken) is None
    # Block.
    assert asks(story, first, times=3) == "refuse", "the block is not in force"
    # No new account: limited at its first request, refused once a person has confirmed who it is.
    second = story.see_account(SECOND, email=EMAIL, phone=PHONE).id
    assert story.request(SECOND).answer == "limit", "a further account ran free"
    deliver(story.answerable, [postman])
    (page,) = [letter for letter in postman.letters if "under an order" in letter.body]
    link = LinkId(page.body.rpartition("link: ")[2])
    story.answerable.confirm_link(SubjectId(first), link, staff=FIRST_REVIEWER)
    story.sync()
    assert asks(story, second, SECOND) == "refuse", "a further account ran free"
    # Keep.
    kept = [one.fact.about for one in story.facts(HoldOrdered) if isinstance(one.fact, HoldOrdered)]
    assert kept.count(taken.id) == 1, "nothing is kept for the order"
    executed = {one.fact.clause for one in story.facts(ClauseExecuted) if isinstance(one.fact, ClauseExecuted)}
    assert executed == set(Clause), f"{set(Clause) - executed} was not executed"
    assert story.now - begun < timedelta(hours=1), "it took longer than an hour"
    # Tell her: once, when her hours begin, and of nothing.
    deliver(story.answerable, [postman])
    assert not postman.told()
    for _ in range(3 * 24):
        asks(story, first)
        story.fast_forward(hours=1)
        deliver(story.answerable, [postman])
    return case_of(taken), OrderId(taken.id)


def test_the_four_clauses_are_executed_and_shown_within_the_hour(story: Story) -> None:
    """R18, F17: and of 76 attempts in three days she hears three times, each time the same few words."""
    postman = Postman()
    case, order = _the_four_clauses(story, postman)
    told = postman.told()
    assert len(told) == len(story.facts(DigestSent)) == 3
    assert len({letter.id for letter in told}) == 3
    bare = {re.sub(r"\d{4}-\d\d-\d\d", "", letter.body.replace(letter.to, "")) for letter in told}
    assert len(bare) == 1
    assert not set("0123456789") & set(*bare), "the letter says how many, or when"
    assert SUBJECT not in told[0].body
    (shown,) = shown_in(story, case, "orders")
    assert (shown["id"], shown["reference"], shown["attempts_refused"]) == (order, "CGC-26-000000", 76)
    assert not story.unproven


def shown_in(story: Story, case: CaseId, part: str) -> list[dict[str, Any]]:
    """Return a part of the case's file."""
    found = story.file(case)[part]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("clause", list(Clause))
def test_a_clause_that_nobody_executes_is_found(
    story: Story, monkeypatch: pytest.MonkeyPatch, clause: Clause
) -> None:
    """Planted fault: of the four asks, three are met."""
    execute = orders._execute

    def three(journal: Any, case: Any, order: Any, one: Clause, staff: Any) -> None:
        if one is not clause:
            execute(journal, case, order, one, staff)

    monkeypatch.setattr(orders, "_execute", three)
    with pytest.raises(AssertionError, match=r"the block is not in force|nothing is kept|was not executed"):
        _the_four_clauses(story, Postman())


def test_an_order_that_acts_before_the_call_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: whoever can write a letter can switch an account off."""
    receive = orders.receive

    def received(journal: Any, came: Any) -> Any:
        case = receive(journal, came)
        decisions.set_measure(
            journal, case, Standing(Level.SUSPENDED), staff=FIRST_REVIEWER, scope="account", proportionality=None
        )
        return case

    monkeypatch.setattr(orders, "receive", received)
    with pytest.raises(AssertionError, match="an order that nobody called back did something"):
        _the_four_clauses(story, Postman())


def test_a_digest_for_each_attempt_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: she is told as often as he tries."""

    def at_once(journal: Any, case: Any, _: Any) -> None:
        notice = case.telling.asked.notice
        case.telling.planned = None
        journal.write(DigestPlanned(subject=case.subject, case=case.id, notice=notice, send=journal.now))

    monkeypatch.setattr(attempts, "_plan", at_once)
    with pytest.raises(AssertionError):
        _the_four_clauses(story, Postman())


def test_what_she_no_longer_wants_is_not_sent(story: Story) -> None:
    """Asked no more between the attempt and the morning: nothing goes out, not even what was planned."""
    story.enrol()
    warned = story.notice()
    told = story.answerable.orders
    assert told.tell(case_of(warned), NoticeId(warned.id), from_hour=7, to_hour=8, zone="UTC", by="portal") is None
    assert verify(story, an_order(story)) is None
    asks(story, story.row(case_of(warned)).subject)
    postman = Postman()
    story.sync()
    assert len(story.facts(DigestPlanned)) == 1
    story.fast_forward(hours=24)
    deliver(story.answerable, [postman])
    assert not postman.told(), "her hours were over"
    assert told.tell_no_more(case_of(warned), NoticeId(warned.id), by="portal") is None
    story.fast_forward(hours=22)
    deliver(story.answerable, [postman])
    assert not postman.told()
    assert not story.facts(DigestSent)


def test_her_night_is_not_the_night_of_utc(story: Story) -> None:
    """She lives in Auckland: the letter goes out in her morning, and bears the date of her calendar."""
    story.enrol()
    warned = story.notice()
    told, notice = story.answerable.orders, NoticeId(warned.id)
    with pytest.raises(BadInput, match="no such time zone"):
        told.tell(case_of(warned), notice, from_hour=7, to_hour=9, zone="Middle/Earth", by="portal")
    assert told.tell(case_of(warned), notice, from_hour=7, to_hour=9, zone="Pacific/Auckland", by="portal") is None
    assert verify(story, an_order(story)) is None
    asks(story, story.row(case_of(warned)).subject)
    postman = Postman()
    for _ in range(24 * 4):
        story.fast_forward(minutes=15)
        deliver(story.answerable, [postman])
        if postman.told():
            break
    here = story.now.astimezone(ZoneInfo("Pacific/Auckland"))
    assert here.hour == 7, "she was told at night"
    assert f"up to {here:%Y-%m-%d}." in postman.told()[0].body
    assert here.date() != story.now.date()


def test_a_letter_waits_where_her_zone_was_lost(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not sent at an hour that nobody knows, and not given up either."""
    story.enrol()
    warned = story.notice()
    told = story.answerable.orders
    assert told.tell(case_of(warned), NoticeId(warned.id), from_hour=7, to_hour=20, zone="UTC", by="portal") is None
    assert verify(story, an_order(story)) is None
    asks(story, story.row(case_of(warned)).subject)
    story.fast_forward(hours=24)
    postman = Postman()
    with monkeypatch.context() as patch:
        patch.setattr(ordering, "zone_of", lambda _: None)
        deliver(story.answerable, [postman])
        assert not postman.told()
    story.fast_forward(minutes=15)
    deliver(story.answerable, [postman])
    assert len(postman.told()) == 1


def test_what_a_limit_keeps_back_is_no_attempt(story: Story) -> None:
    """An order to tell her and nothing else: a refused upload, and what was served, are no attempts to come back."""
    story.enrol()
    warned = story.notice()
    told = story.answerable.orders
    assert told.tell(case_of(warned), NoticeId(warned.id), from_hour=7, to_hour=20, zone="UTC", by="portal") is None
    assert verify(story, an_order(story, Clause.NOTIFY)) is None
    subject = SubjectId(story.row(case_of(warned)).subject)
    story.fast_forward(seconds=1)
    for number, (answer, level) in enumerate(
        [("refuse", Level.GUARDED), ("limit", Level.GUARDED), ("allow", Level.NONE)]
    ):
        row = Exchange(
            id=f"x-{number}", subject=subject, at=story.now, gate="gate-1", conversation=None, model=None,
            answer=answer, level=int(level), standing=int(level), tokens=0, digest="", complete=True,
        )
        story.answerable.record_exchanges([row])
    story.answerable.seal_exposures()
    story.sync()
    assert not story.facts(DigestPlanned)
    (shown,) = shown_in(story, case_of(warned), "orders")
    assert shown["attempts_refused"] == 0


def test_the_end_of_an_order_lowers_nothing_by_itself(story: Story) -> None:
    """L4: its issuer says that it is over; the account stays refused until two people and time let go of it."""
    story.enrol()
    taken = an_order(story)
    assert verify(story, taken) is None
    case, order = case_of(taken), OrderId(taken.id)
    ended = story.answerable.orders.end(case, order, call(story), staff=FIRST_REVIEWER)
    story.sync()
    assert ended is None
    assert story.request().answer == "refuse"
    proposal, _ = story.two_sign(case, Level.PAUSED, first=FIRST_REVIEWER)
    story.fast_forward(hours=72)
    assert story.lifts(case, proposal) is None
    assert story.request().level is Level.PAUSED


# --- what comes in, and who says so ----------------------------------------------------------------------------


def an_event(key: str = "e-1", **more: Any) -> EventIn:
    """Return the report of a release."""
    given: dict[str, Any] = {
        "id": key, "source": "desk-1", "kind": EventKind.RELEASE, "text": "He was let go this morning.",
        "subject": (Identifier(IdentifierKind.ACCOUNT, SUBJECT),), "numbers": (ON_PAPER, "no number"),
    }
    return EventIn(**(given | more))


def test_a_second_delivery_gets_the_first_answer(story: Story) -> None:
    """L17: of an event as of an order."""
    story.enrol()
    told = story.answerable.orders
    first, second = told.report(an_event()), told.report(an_event())
    assert (first.id, first.again, second.id, second.again) == (second.id, False, first.id, True)
    taken, again = an_order(story), an_order(story)
    assert (taken.id, again.again) == (again.id, True)
    assert len(story.facts(MeasureSet)) == 0


def test_a_member_of_staff_reports_an_event_of_a_case(story: Story) -> None:
    """It is a claim as well: whoever reports it calls back, or somebody else does."""
    story.enrol()
    case = case_of(story.notice())
    told = story.answerable.orders
    event = told.report_on(case, an_event(subject=()), staff=FIRST_REVIEWER)
    assert isinstance(event, str)
    assert isinstance(told.report_on(case, an_event(subject=()), staff=story_outsider()), Refused)
    story.opens(case, FIRST_REVIEWER)
    assert told.verify_event(case, EventId(event), call(story), staff=FIRST_REVIEWER) is None
    (shown,) = shown_in(story, case, "events")
    assert (shown["text"], shown["verified"] is not None) == ("He was let go this morning.", True)


def story_outsider() -> Any:
    """Return somebody who is on no roster."""
    return "nobody-1"


def test_a_call_that_nobody_can_have_made(story: Story) -> None:
    """No number, or tomorrow."""
    story.enrol()
    taken = an_order(story)
    story.opens(case_of(taken), FIRST_REVIEWER)
    told, order = story.answerable.orders, OrderId(taken.id)
    with pytest.raises(BadInput, match="no telephone number"):
        told.verify(case_of(taken), order, call(story, "the clerk"), staff=FIRST_REVIEWER)
    late = CallIn(number=COURT, found=Found.SWITCHBOARD, called=story.now + timedelta(days=1))
    with pytest.raises(BadInput, match="future"):
        told.verify(case_of(taken), order, late, staff=FIRST_REVIEWER)


def test_an_order_asks_for_each_clause_once(story: Story) -> None:
    """None, or one twice, is no order."""
    story.enrol()
    with pytest.raises(BadInput, match="at least one clause"):
        an_order(story, Clause.BLOCK, Clause.BLOCK)
