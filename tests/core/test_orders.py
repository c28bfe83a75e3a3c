"""Orders and outside events: what they are before and after the call, what each clause does, who is told of attempts.

Law: a claim until called back (L13); in force until its recorded end and the interlock (L4); told once a day (L12).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from answerable.core import attempts, evidence, exposure, orders
from answerable.core.cases import Case
from answerable.core.facts import (
    UNKNOWN,
    Authority,
    CaseReopened,
    Clause,
    ClauseExecuted,
    DeadlineKind,
    EndState,
    EventId,
    EventKind,
    ExposureSealed,
    Found,
    Grade,
    Hazard,
    HoldOrdered,
    LoweringKind,
    MeasureSet,
    OrderEnded,
    OrderId,
    OrderShown,
    OutsideEventVerified,
    PersonId,
    ProposalId,
    Refused,
    StaffId,
    SubjectId,
    Tier,
)
from answerable.core.journal import Journal
from answerable.edge import zone_of
from answerable_gate import NOTHING, Level
from tests.core.builders import (
    ALMA,
    CARL,
    HER,
    LEON,
    RENE,
    RITA,
    SECOND,
    START,
    SUBJECT,
    TEXT,
    World,
    a_world,
    at,
    hours,
    refusal,
)

ALL = tuple(Clause)
ON_IT = "hash of the number on it"
INDEPENDENT = "hash of the number in the register"


def report(
    world: World, kind: EventKind = EventKind.RELEASE, person: PersonId = HER, **fields: Any
) -> tuple[Case, ...]:
    """Report an event; return the cases it stands in."""
    world.count += 1
    mild: dict[str, Any] = {
        "subject": SUBJECT, "hazard": Hazard.STALKING, "text": TEXT, "commit": "00", "numbers": (ON_IT,), "barred": (),
        "dated": world.now,
    }
    came = orders.EventIn(event=EventId(f"ev_{world.count}"), person=person, kind=kind, **(mild | fields))
    return world.act(lambda journal: orders.report(journal, came), "desk")


def receive(world: World, *clauses: Clause, **fields: Any) -> tuple[Case, OrderId]:
    """Take in an order; return its case and its name."""
    world.count += 1
    mild: dict[str, Any] = {
        "subject": SUBJECT, "person": HER, "hazard": Hazard.STALKING, "authority": Authority.COURT,
        "jurisdiction": "US-CA", "document": TEXT, "document_commit": "00", "reference": TEXT,
        "reference_commit": "00", "numbers": (ON_IT,), "barred": (), "dated": world.now,
    }
    order = OrderId(f"or_{world.count}")
    came = orders.OrderIn(order=order, clauses=clauses or ALL, **(mild | fields))
    return world.act(lambda journal: orders.receive(journal, came), "desk"), order


def call(world: World, number: str = INDEPENDENT) -> orders.CallBack:
    """Call back, by default under a number that was found elsewhere."""
    return orders.CallBack(
        found=Found.OFFICIAL_REGISTER, hashed=number, number=TEXT, commit="00", called=world.now
    )


def verify_event(
    world: World, case: Case, event: EventId, staff: StaffId = RITA, number: str = INDEPENDENT
) -> Refused | None:
    """Say that the call gave that an event is so."""
    return world.act(
        lambda journal: orders.verify_event(journal, case.id, event, call(world, number), staff=staff), staff
    )


def verify(
    world: World, case: Case, order: OrderId, staff: StaffId = RITA, number: str = INDEPENDENT
) -> Refused | None:
    """Say that the call gave that an order is theirs."""
    return world.act(lambda journal: orders.verify(journal, case.id, order, call(world, number), staff=staff), staff)


def end(world: World, case: Case, order: OrderId, staff: StaffId = RITA, number: str = INDEPENDENT) -> Refused | None:
    """Say that the call gave that an order has ended."""
    return world.act(lambda journal: orders.end(journal, case.id, order, call(world, number), staff=staff), staff)


def in_force(world: World, *clauses: Clause, **fields: Any) -> tuple[Case, OrderId]:
    """Take in an order, read it, call back, and have it in force."""
    case, order = receive(world, *clauses, **fields)
    world.view(case)
    assert verify(world, case, order) is None
    return case, order


def refuse_some(world: World, number: int, account: SubjectId = SUBJECT, served: int = 0) -> None:
    """Let an account ask, and be refused so often."""
    block = ExposureSealed(
        subject=account, root="00", exchanges=number + served, served=served, looser=0, tokens=0, since=world.now,
        until=world.now,
    )
    seal_block(world, block, shut_out=number)


def seal_block(world: World, block: ExposureSealed, *, shut_out: int) -> None:
    """Let a block come in of whose exchanges so many were refused because the account gets nothing at all."""

    def come(journal: Journal) -> None:
        assert exposure.seal(journal, block) is None
        attempts.attempted(journal, block, shut_out=shut_out, zone_of=zone_of)

    world.act(come, "gate")


# --- outside events


def test_an_unverified_event_does_nothing_above_watch() -> None:
    """L13: however many there are, they are claims; one at a time is called back."""
    world = a_world()
    for _ in range(30):
        (case,) = report(world)
    assert evidence.grade(case) is Grade.E0
    assert world.fast_forward(days=30).level() <= Level.WATCH
    assert case.tier is Tier.CONCERN
    assert case.rests_on_claims


def test_somebody_owes_the_call() -> None:
    """An hour for a release, a day for the rest; verified, it is met, and a missed one is a fact."""
    world = a_world()
    (case,) = report(world)
    assert world.due(case, DeadlineKind.CALL_BACK) == hours(1)
    report(world, EventKind.ARREST)
    release, arrest = case.events
    world.view(case)
    assert verify_event(world, case, release) is None
    assert world.due(case, DeadlineKind.CALL_BACK) == hours(24)
    world.fast_forward(hours=25)
    assert [d.missed for d in case.deadlines.values() if d.kind is DeadlineKind.CALL_BACK] == [False, True]
    assert arrest not in case.verified


def test_a_verified_release_reopens_a_closed_case_in_tier_1() -> None:
    """F16: the report alone leaves it closed; the call reopens it, and nobody has to decide for it to protect."""
    world = a_world().with_notice()
    case = world.case()
    world.fast_forward(minutes=10).answer_all().all_view()
    assert world.close(case) is None
    assert report(world) == (case,)
    assert not case.is_open
    assert world.level() is Level.NONE
    world.view(case)
    assert verify_event(world, case, next(iter(case.events))) is None
    assert [fact.tier for fact in world.said(CaseReopened)] == [Tier.CRITICAL]
    assert world.level() is Level.GUARDED
    assert world.fast_forward(hours=1).level() is Level.SUSPENDED
    assert not case.rests_on_claims


def test_an_event_that_names_nobody_stands_in_every_case_of_the_account() -> None:
    """One call settles it in all that this person may see; whom somebody barred learns of no other case by it."""
    world = a_world().with_notice().with_notice(person=ALMA, reporter=ALMA, barred=(RITA,))
    first, second = world.files.subject(SUBJECT).cases.values()
    assert report(world, person=UNKNOWN) == (first, second)
    world.view(first)
    (event,) = first.events
    assert verify_event(world, first, event) is None
    assert (bool(first.verified), bool(second.verified)) == (True, False)
    world.view(second, RENE)
    assert verify_event(world, second, event, RENE) is None
    assert [fact.case for fact in world.said(OutsideEventVerified)] == [first.id, second.id]


def test_a_verified_event_about_care_pauses_nobody() -> None:
    """Discharged after harm to himself: care, and no level by itself."""
    world = a_world()
    (case,) = report(world, EventKind.DISCHARGE, UNKNOWN, hazard=Hazard.SELF_HARM)
    world.view(case)
    assert verify_event(world, case, next(iter(case.events))) is None
    assert case.tier is Tier.SERIOUS
    assert world.fast_forward(days=3).level() is Level.NONE
    assert world.standing() != NOTHING


def test_a_verified_event_is_evidence() -> None:
    """It stales a signature, restarts the cooling-off, and stands against a default's own step down (L4)."""
    world = a_world().with_flag()
    case = world.case()
    world.answer_all().all_view()
    assert evidence.concerns_nobody([case])
    before = evidence.digest([case], ())
    report(world, EventKind.OTHER, UNKNOWN)
    (event,) = case.events
    reported = evidence.digest([case], ())
    assert evidence.last_grave([case], ()) == START, "a claim restarts nothing"
    world.now += hours(1)
    world.view(case)
    assert verify_event(world, case, event) is None
    assert len({before, reported, evidence.digest([case], ())}) == 3
    assert evidence.last_grave([case], ()) == START + hours(1)
    assert not evidence.concerns_nobody([case])


def test_who_must_call_and_which_number() -> None:
    """Unread, without the right, by the message's own number, or twice: nothing is verified by it."""
    world = a_world()
    (case,) = report(world, barred=(RENE,))
    (event,) = case.events
    assert refusal(verify_event(world, case, event, CARL)) == "not_authorised"
    assert refusal(verify_event(world, case, event, RENE)) == "not_found"
    assert refusal(verify_event(world, case, EventId("ev_none"))) == "not_found"
    assert refusal(verify_event(world, case, event)) == "not_opened"
    world.view(case)
    assert refusal(verify_event(world, case, event, number=ON_IT)) == "same_number"
    early = orders.CallBack(
        found=Found.SWITCHBOARD, hashed=INDEPENDENT, number=TEXT, commit="00", called=world.now - timedelta(minutes=6)
    )
    verb = lambda journal: orders.verify_event(journal, case.id, event, early, staff=RITA)  # noqa: E731
    assert refusal(world.act(verb, RITA)) == "called_before"
    assert verify_event(world, case, event) is None
    assert refusal(verify_event(world, case, event)) == "already_settled"


# --- orders


def test_an_unverified_order_does_nothing_above_watch() -> None:
    """Tier 1, so that somebody calls back within the hour; until then it is a claim like any other (L13)."""
    world = a_world()
    case, _ = receive(world)
    assert (case.tier, evidence.grade(case)) == (Tier.CRITICAL, Grade.E0)
    assert world.due(case, DeadlineKind.CALL_BACK) == hours(1)
    assert world.fast_forward(days=30).level() is Level.WATCH
    assert not world.said(ClauseExecuted)


def test_each_clause_of_a_verified_order_is_put_in_force_at_once() -> None:
    """F17: blocked with a measure, kept by a hold, and each executed clause a fact that names what executes it."""
    world = a_world()
    case, order = in_force(world)
    assert world.level() is Level.SUSPENDED
    (measure,), (hold,) = world.said(MeasureSet), [one for one in world.said(HoldOrdered) if one.about == order]
    executed = {fact.clause: (fact.item, fact.hold) for fact in world.said(ClauseExecuted)}
    assert executed == {
        Clause.BLOCK: (measure.item, None), Clause.NO_NEW_ACCOUNT: (None, None), Clause.NOTIFY: (None, None),
        Clause.PRESERVE: (None, hold.hold),
    }
    assert case.orders[order].executed.keys() == set(Clause)
    assert world.due(case, DeadlineKind.DECIDE) == hours(1), "an order decides nothing about the rest of the case"


def test_an_order_asks_only_for_what_it_says() -> None:
    """Without a clause to block, the evidence bounds what happens by itself."""
    world = a_world()
    in_force(world, Clause.PRESERVE)
    assert world.level() is Level.GUARDED
    assert not world.said(MeasureSet)


def test_an_order_in_force_is_lowered_only_after_its_end() -> None:
    """L4: two people cannot go below it, nor close; its end lowers nothing, and opens the way to the interlock."""
    world = a_world()
    case, order = in_force(world)
    world.answer_all().all_view()
    assert refusal(world.propose(case, LoweringKind.LIFT, to=at(Level.PAUSED))) == "order_in_force"
    assert refusal(world.propose(case, LoweringKind.CLOSE, to=at(Level.PAUSED), end=EndState.RESOLVED)) == (
        "order_in_force"
    )
    assert refusal(end(world, case, order, CARL)) == "not_authorised"
    assert refusal(end(world, case, OrderId("or_none"))) == "not_found"
    assert refusal(end(world, case, order, number=ON_IT)) == "same_number"
    assert end(world, case, order) is None
    assert refusal(end(world, case, order)) == "not_in_force"
    assert len(world.said(OrderEnded)) == 1
    assert world.level() is Level.SUSPENDED
    world.lower(case, LoweringKind.LIFT, RENE, to=at(Level.PAUSED))
    assert world.level() is Level.PAUSED


def test_an_order_that_only_preserves_leaves_the_level_to_people_and_the_case_open() -> None:
    """What is to be kept is kept: the case that says so does not close under it."""
    world = a_world()
    case, _ = in_force(world, Clause.PRESERVE)
    assert world.decide(case, Level.SUSPENDED) is None
    world.all_view()
    assert refusal(world.propose(case, LoweringKind.CLOSE, RENE, to=at(Level.PAUSED), end=EndState.RESOLVED)) == (
        "order_in_force"
    )
    assert isinstance(world.propose(case, LoweringKind.LIFT, RENE, to=at(Level.PAUSED)), str)


def test_a_signature_from_before_does_not_lift_an_order_that_came_after() -> None:
    """Everything is checked again when the proposal is carried out."""
    world = a_world().with_notice()
    case = world.case()
    assert world.decide(case, Level.PAUSED) is None
    world.answer_all(RENE).all_view()
    proposal = world.propose(case, LoweringKind.LIFT, RENE, to=at(Level.GUARDED))
    assert isinstance(proposal, str)
    assert world.sign(case, ProposalId(proposal)) is None
    world.now += timedelta(days=4)
    in_force(world)
    assert refusal(world.lift(case, ProposalId(proposal), RENE)) in ("stale", "order_in_force")
    assert world.level() is Level.SUSPENDED


def test_a_void_order_binds_nobody() -> None:
    """Two people found that it concerns another account: it counts no more, and its measure goes by the interlock."""
    world = a_world()
    case, order = in_force(world)
    world.lower(case, LoweringKind.REFUTE, RENE, evidence=order)
    assert case.binding() == []
    assert evidence.grade(case) is Grade.E0
    assert refusal(verify(world, case, order)) == "already_settled"
    world.lower(case, LoweringKind.LIFT, RENE, to=at(Level.PAUSED))
    assert world.level() is Level.PAUSED


def test_no_new_account_is_refused_once_a_person_confirmed_the_link() -> None:
    """A strong link limits at its first request, whatever is ordered; a person makes it the same person (L2)."""
    world = a_world().see(SECOND)
    in_force(world)
    link = world.link("phone", "card")
    assert world.level(SECOND) is Level.GUARDED
    assert world.confirm_link(link) is None
    assert world.level(SECOND) is Level.SUSPENDED


def test_preserve_waits_for_an_account_that_nobody_found_yet() -> None:
    """The clause stands; what the stores are to keep is ordered when the account is found."""
    world = a_world()
    case, order = in_force(world, Clause.PRESERVE, subject=SECOND)
    assert case.orders[order].executed[Clause.PRESERVE].hold is None
    world.see(SECOND)
    assert [(fact.case, fact.about) for fact in world.said(HoldOrdered)] == [(case.id, None), (case.id, order)]


def test_an_order_reopens_a_closed_case() -> None:
    """Never a second case for the pair."""
    world = a_world().with_notice()
    case = world.case()
    world.fast_forward(minutes=10).answer_all().all_view()
    assert world.close(case) is None
    assert receive(world)[0] is case
    assert case.is_open


def test_a_barred_lead_verifies_nothing() -> None:
    """Whoever the order itself concerns has no hand in it (L6)."""
    world = a_world()
    case, order = receive(world, barred=(LEON,))
    assert refusal(verify(world, case, order, LEON)) == "not_found"


def test_what_shows_an_order_is_listed_for_one_that_is_there() -> None:
    """The list is a fact in the case's own stream, and the newest counts; nothing else follows from it."""
    world = a_world()
    case, order = in_force(world)
    before = (world.standing(), case.binding(), evidence.digest([case], ()))

    def show(name: OrderId) -> Refused | None:
        return world.act(lambda journal: orders.show(journal, case.id, name, leaves=(1, 4), left_out=2), "lead-1")

    assert refusal(show(OrderId("or_none"))) == "not_found"
    assert case.orders[order].shown is None
    for _ in range(2):
        assert show(order) is None
        assert case.orders[order].shown == case.seq
    assert (world.standing(), case.binding(), evidence.digest([case], ())) == before
    assert [(fact.leaves, fact.left_out) for fact in world.said(OrderShown)] == [((1, 4), 2)] * 2
