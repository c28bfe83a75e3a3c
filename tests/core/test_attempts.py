"""Attempts: what is one, and when the protected person is told of them, by the clock on her wall.

Law: an attempt is what an account that is shut out asks all the same; she is told once a day, in her hours (L12).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from answerable.core import attempts
from answerable.core.cases import Case
from answerable.core.facts import (
    AttemptNoticesAsked,
    AttemptsRefused,
    Clause,
    DigestPlanned,
    DigestSent,
    ExposureSealed,
    NoticeId,
    Refused,
)
from tests.core.builders import ALMA, SECOND, START, SUBJECT, World, a_world, hours, refusal
from tests.core.test_orders import end, in_force, receive, refuse_some, seal_block, verify

BERLIN, NEW_YORK, AUCKLAND = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Auckland")


def ask(
    world: World, case: Case, notice: NoticeId, from_hour: int = 9, to_hour: int = 18, zone: str = "UTC"
) -> Refused | None:
    """Let her ask to be told."""
    hours_ = {"from_hour": from_hour, "to_hour": to_hour}
    return world.act(lambda journal: attempts.ask(journal, case.id, notice, **hours_, zone=zone), "portal")


def planned(world: World) -> list[datetime]:
    """Return when digests are planned for."""
    return [fact.send for fact in world.said(DigestPlanned)]


def told() -> tuple[World, Case, NoticeId]:
    """Make a world in which she is told of attempts between 9 and 18, and it is 9 in the morning."""
    world = a_world()
    notice = world.notice()
    case, _ = in_force(world)
    assert ask(world, case, notice) is None
    return world, case, notice


def test_whatever_the_count_there_is_one_digest_a_day() -> None:
    """A hundred attempts over three days are three digests, each when her hours begin, and every attempt is a fact."""
    world, case, notice = told()
    for _ in range(72):
        refuse_some(world, 5)
        refuse_some(world, 0, served=3)
        world.now += hours(1)
    days = planned(world)
    assert days == [START + timedelta(days=number) for number in (1, 2, 3)]
    assert sum(fact.exchanges for fact in world.said(AttemptsRefused)) == 360
    assert case.orders[next(iter(case.orders))].refused == 360
    for _ in range(2):
        world.act(lambda journal: attempts.sent(journal, case.id, days[0]))
    assert [(fact.notice, fact.send) for fact in world.said(DigestSent)] == [(notice, days[0])]


def test_other_hours_are_no_way_to_a_second_digest() -> None:
    """Asked for at 20 instead, after the digest of the day: the next is tomorrow's."""
    world, case, notice = told()
    refuse_some(world, 1)
    world.now = datetime(2031, 3, 4, 10, 0, tzinfo=UTC)
    assert ask(world, case, notice, 20, 23) is None
    refuse_some(world, 1)
    assert planned(world) == [START + timedelta(days=1), datetime(2031, 3, 5, 20, 0, tzinfo=UTC)]


def test_who_asks_no_more_is_told_no_more() -> None:
    """From then on nothing is planned, and what was planned is not recorded as sent."""
    world, case, notice = told()
    refuse_some(world, 1)
    end_it = lambda: world.act(lambda journal: attempts.ask_no_more(journal, case.id, notice))  # noqa: E731
    assert end_it() is None
    assert refusal(end_it()) == "not_found"
    world.now += timedelta(days=2)
    refuse_some(world, 1)
    assert len(planned(world)) == 1
    world.act(lambda journal: attempts.sent(journal, case.id, planned(world)[0]))
    assert not world.said(DigestSent)


def test_only_the_protected_person_may_ask() -> None:
    """Not who warned for somebody else, not in hours that are none."""
    world = a_world()
    hers, theirs = world.notice(), world.notice(reporter=ALMA)
    case = world.case()
    assert refusal(ask(world, case, theirs)) == "not_found"
    assert refusal(ask(world, case, NoticeId("nt_none"))) == "not_found"
    for wrong in ((9, 9), (9, 24), (-1, 9)):
        assert refusal(ask(world, case, hers, *wrong)) == "bad_input"
    assert ask(world, case, hers) is None


def test_attempts_count_for_the_order_alone() -> None:
    """Not from before it was verified, not under an order to keep things, not of an account nobody confirmed."""
    world = a_world().see(SECOND)
    case, order = receive(world)
    world.view(case)
    world.now += hours(1)
    early = ExposureSealed(
        subject=SUBJECT, root="00", exchanges=4, served=0, looser=0, tokens=0, since=START, until=world.now
    )
    seal_block(world, early, shut_out=4)
    assert verify(world, case, order) is None
    seal_block(world, early, shut_out=4)
    assert not world.said(AttemptsRefused)
    link = world.link("phone", "card")
    refuse_some(world, 1, SECOND)
    assert not world.said(AttemptsRefused)
    world.confirm_link(link)
    refuse_some(world, 2, SECOND)
    assert [(fact.account, fact.exchanges, fact.case) for fact in world.said(AttemptsRefused)] == [(SECOND, 2, case.id)]
    assert not planned(world), "nobody asked to be told"
    other = a_world()
    in_force(other, Clause.PRESERVE)
    refuse_some(other, 1)
    assert not other.said(AttemptsRefused)


@pytest.mark.parametrize(("notify", "digests"), [(True, 1), (False, 0)])
def test_nobody_is_told_where_no_order_says_so(*, notify: bool, digests: int) -> None:
    """A block alone is enforced in silence."""
    world = a_world()
    notice = world.notice()
    case, _ = in_force(world, *((Clause.BLOCK, Clause.NOTIFY) if notify else (Clause.BLOCK,)))
    assert ask(world, case, notice) is None
    refuse_some(world, 1)
    assert len(planned(world)) == digests


def test_her_hours_may_wrap_midnight() -> None:
    """From 22 to 6: at 23 and at 5, not at 6 and not at noon."""
    world = a_world()
    notice = world.notice()
    case = world.case()
    assert ask(world, case, notice, 22, 6) is None
    asked = case.telling.asked
    assert asked is not None
    inside = [attempts.is_within(asked, UTC, now=START.replace(hour=hour)) for hour in (22, 23, 5, 6, 12, 21)]
    assert inside == [True, True, True, False, False, False]


def test_a_limit_is_no_attempt_and_neither_is_what_was_served() -> None:
    """An order to tell her shuts nobody out: what is kept back or served then is no attempt to return."""
    world = a_world()
    notice = world.notice()
    case, _ = in_force(world, Clause.NOTIFY)
    assert ask(world, case, notice) is None
    block = ExposureSealed(
        subject=SUBJECT, root="00", exchanges=9, served=5, looser=0, tokens=0, since=world.now, until=world.now
    )
    seal_block(world, block, shut_out=0)
    assert not world.said(AttemptsRefused)
    assert not planned(world)
    seal_block(world, block, shut_out=3)
    assert [fact.exchanges for fact in world.said(AttemptsRefused)] == [3], "three of four refused were attempts"
    assert len(planned(world)) == 1


# --- the clock on her wall


def asked_for(from_hour: int, to_hour: int) -> AttemptNoticesAsked:
    """Return the hours that somebody gave."""
    return AttemptNoticesAsked(
        subject=SUBJECT, case=a_world().with_notice().case().id, notice=NoticeId("n"), from_hour=from_hour,
        to_hour=to_hour,
    )


@pytest.mark.parametrize(
    ("zone", "hour", "now", "send"),
    [
        # An ordinary day, before and after her hours begin, and at the very moment.
        (BERLIN, 9, "2031-01-10T07:59", "2031-01-10T08:00"),
        (BERLIN, 9, "2031-01-10T08:00", "2031-01-11T08:00"),
        # Her date is another than that of UTC.
        (AUCKLAND, 9, "2031-01-10T19:00", "2031-01-10T20:00"),
        # The clocks are put forward: 9 is an hour earlier, and 2 begins when it is 3.
        (BERLIN, 9, "2031-03-29T12:00", "2031-03-30T07:00"),
        (BERLIN, 2, "2031-03-29T12:00", "2031-03-30T01:00"),
        (NEW_YORK, 2, "2031-03-09T05:00", "2031-03-09T07:00"),
        # They are put back: the hour comes twice, and begins once.
        (BERLIN, 2, "2031-10-25T12:00", "2031-10-26T00:00"),
        (BERLIN, 2, "2031-10-26T00:30", "2031-10-27T01:00"),
        (NEW_YORK, 9, "2031-11-01T14:00", "2031-11-02T14:00"),
        # Midnight itself is skipped.
        (ZoneInfo("Africa/Cairo"), 0, "2031-04-24T12:00", "2031-04-24T22:00"),
        # A whole day never was.
        (ZoneInfo("Pacific/Apia"), 9, "2011-12-30T08:00", "2011-12-30T19:00"),
    ],
)
def test_her_hours_begin_by_the_clock_on_her_wall(zone: tzinfo, hour: int, now: str, send: str) -> None:
    """Also where clocks are changed: never before her hours, never twice for one of them."""
    begins = attempts.next_start(hour, zone, now=datetime.fromisoformat(f"{now}Z"))
    assert begins == datetime.fromisoformat(f"{send}Z")
    assert begins.utcoffset() == timedelta(0)


def test_each_digest_of_a_year_is_in_her_hours_and_on_a_day_of_its_own() -> None:
    """In zones with changes, with half hours, and across the date line; hours over midnight among them."""
    for name in ("Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland", "America/St_Johns"):
        zone, asked = ZoneInfo(name), asked_for(23, 5)
        now, days = START, set()
        for _ in range(365):
            now = attempts.next_start(23, zone, now=now + hours(20))
            assert attempts.is_within(asked, zone, now=now)
            days.add(now.astimezone(zone).date())
        assert len(days) == 365, name


def test_her_hours_are_those_of_the_zone() -> None:
    """From 22 to 6 in Auckland is the morning in UTC; the hour that comes twice counts twice."""
    night = asked_for(22, 6)
    assert attempts.is_within(night, AUCKLAND, now=datetime(2031, 1, 10, 10, 0, tzinfo=UTC))
    assert not attempts.is_within(night, AUCKLAND, now=datetime(2031, 1, 10, 22, 0, tzinfo=UTC))
    twice = asked_for(2, 3)
    both = [attempts.is_within(twice, BERLIN, now=datetime(2031, 10, 26, hour, 30, tzinfo=UTC)) for hour in range(3)]
    assert both == [True, True, False]


def test_a_digest_is_planned_for_her_morning() -> None:
    """Asked for in New York, it goes out at 9 there; with other hours never a second one on her day."""
    world = a_world()
    notice = world.notice()
    case, _ = in_force(world)
    assert ask(world, case, notice, 1, 6, "America/New_York") is None
    refuse_some(world, 1)
    assert planned(world) == [datetime(2031, 3, 4, 6, 0, tzinfo=UTC)]
    world.now = datetime(2031, 3, 4, 7, 0, tzinfo=UTC)
    assert ask(world, case, notice, 22, 23, "America/New_York") is None
    refuse_some(world, 1)
    assert planned(world)[1:] == [datetime(2031, 3, 6, 3, 0, tzinfo=UTC)], "the fourth had its digest"


def test_an_attempt_is_not_forgotten_where_her_zone_was_lost() -> None:
    """The machine that sees it may know no zones; what goes out waits for one that does."""
    world = a_world()
    notice = world.notice()
    case, _ = in_force(world)
    assert ask(world, case, notice, zone="Europe/Berlin") is None
    block = ExposureSealed(
        subject=SUBJECT, root="00", exchanges=1, served=0, looser=0, tokens=0, since=world.now, until=world.now
    )
    world.act(lambda journal: attempts.attempted(journal, block, shut_out=1, zone_of=lambda _: None))
    assert planned(world) == [START + timedelta(days=1)]


def test_a_digest_that_a_later_one_has_overtaken_is_not_wanted() -> None:
    """What could not go out on its day goes out until the next is due, and then only that: once a day."""
    world, case, notice = told()
    refuse_some(world, 1)
    world.now += timedelta(days=1, hours=1)
    refuse_some(world, 1)
    first, second = planned(world)
    assert attempts.is_wanted(case, notice, first, now=second - hours(1))
    assert not attempts.is_wanted(case, notice, first, now=second)
    assert attempts.is_wanted(case, notice, second, now=second)
    assert not attempts.is_wanted(case, NoticeId("nt_none"), second, now=second)
    assert end(world, case, next(iter(case.orders))) is None
    assert not attempts.is_wanted(case, notice, second, now=second), "no order says so any more"
