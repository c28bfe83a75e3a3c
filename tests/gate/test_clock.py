"""The clock rule: never backwards, never slower than real time, whatever the wall clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Clock, ClockSuspect, adopt, tick
from answerable_gate.clock import NEVER, from_microseconds, microseconds
from tests.gate.build import START, after

# (real seconds that pass, seconds by which the wall clock is set while they do)
steps = st.lists(st.tuples(st.floats(0, 3600), st.just(0.0) | st.floats(-90_000, 90_000)), max_size=20)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_survives_as_microseconds(at: datetime) -> None:
    """Whole numbers lose nothing, and no time is the one that stands for none."""
    assert from_microseconds(microseconds(at)) == at
    assert microseconds(at) < NEVER


@given(steps)
def test_now_never_goes_back_and_never_lags(moves: list[tuple[float, float]]) -> None:
    """Between any two readings at least the real time between them has passed (to the microsecond)."""
    clock, now = Clock(START, 0.0), START
    real = wrong = 0.0
    for seconds, step in moves:
        real, wrong = real + seconds, wrong + step
        clock, later = tick(clock, after(real + wrong), real)
        assert later - now >= timedelta(seconds=seconds) - timedelta(microseconds=2)
        assert later >= after(real + wrong)
        now = later


@given(st.integers(1, 1_000_000))
def test_many_small_ticks_lose_nothing(ticks: int) -> None:
    """Ticks far below a microsecond apart add up while the wall clock stands behind."""
    clock = Clock(after(3600), 0.0)
    for number in range(1, 200):
        clock, now = tick(clock, START, ticks * 1e-7 * number / 200)
    assert now - after(3600) >= timedelta(seconds=ticks * 1e-7 * 199 / 200) - timedelta(microseconds=1)


def test_a_forward_step_and_its_correction_neither_freeze_nor_lag() -> None:
    """After the wall clock was an hour ahead and is put right, time goes on from where it was at full speed."""
    clock, now = tick(Clock(START, 0.0), after(3610), 10.0)
    assert now == after(3610)
    clock, now = tick(clock, after(20), 20.0)
    assert now == after(3620)
    clock, now = tick(clock, after(30), 30.0)
    assert now == after(3630)


def test_a_monotonic_reading_that_goes_back_is_no_time() -> None:
    """Even a broken monotonic clock cannot turn time back."""
    assert tick(Clock(START, 10.0), after(-60), 5.0)[1] == START


def test_the_store_may_raise_the_time() -> None:
    """A store's time within five minutes is adopted where it is later, and never lowers."""
    assert adopt(Clock(START, 0.0), after(300), START, 0.0) == (Clock(after(300), 0.0), None)
    clock, suspect = adopt(Clock(START, 0.0), after(-300), START, 0.0)
    assert tick(clock, START, 0.0)[1] == START
    assert suspect is None


def test_a_time_too_far_off_is_not_adopted() -> None:
    """More than five minutes off, either way, is a suspect and changes nothing."""
    clock = Clock(START, 0.0)
    for seconds in (300.000001, -300.000001):
        assert adopt(clock, after(seconds), START, 0.0) == (clock, ClockSuspect(offered=after(seconds), wall=START))
