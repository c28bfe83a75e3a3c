"""Deadlines as data.

Law: evidence may shorten a clock and can never extend one (L1, L3).
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from answerable.core.deadlines import RUNGS, further_due, rung_due, rungs_passed
from tests.core.builders import START, hours

SPANS = st.timedeltas(timedelta(seconds=1), timedelta(days=30))


@given(running=st.none() | st.timedeltas(-timedelta(days=3), timedelta(days=30)), limit=SPANS)
def test_a_further_due_is_never_later_than_the_running_one(running: timedelta | None, limit: timedelta) -> None:
    """The earlier of the running due and now plus the limit; one that has passed counts for nothing."""
    due = further_due(None if running is None else START + running, now=START, limit=limit)
    assert START < due <= START + limit
    if running is not None and running > timedelta(0):
        assert due == min(START + running, START + limit)


@given(running=st.none() | st.timedeltas(-timedelta(days=3), timedelta(days=30)), limit=SPANS, waited=SPANS)
def test_what_was_announced_before_has_its_limit_from_then_on(
    running: timedelta | None, limit: timedelta, waited: timedelta
) -> None:
    """However long reading it took: never later than without the wait, and at once where the limit is over (L3)."""
    before = None if running is None else START + running
    due = further_due(before, now=START, limit=limit, since=START - waited)
    assert due == max(START, min(START - waited + limit, further_due(before, now=START, limit=limit)))


@given(limit=SPANS, rung=st.integers(1, 200))
def test_a_rung_is_reached_when_it_is_due_and_not_a_moment_sooner(limit: timedelta, rung: int) -> None:
    """The two directions of the ladder agree at every rung, so that a sweep neither spins nor sleeps."""
    due = rung_due(START, limit, rung)
    assert rungs_passed(START, limit, now=due) == rung
    assert rungs_passed(START, limit, now=due - timedelta(microseconds=1)) == rung - 1


def test_four_rungs_then_daily() -> None:
    """Owner, deputy, lead, executive; then the executive every day."""
    assert [rung_due(START, hours(1), rung) - START for rung in range(1, RUNGS + 3)] == [
        hours(1), hours(2), hours(3), hours(4), hours(28), hours(52),
    ]
