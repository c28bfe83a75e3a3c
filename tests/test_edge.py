"""The edge: clocks, mints and the one spelling of a time."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.edge import (
    Clock,
    ManualClock,
    Mint,
    RandomMint,
    RecordedMint,
    SeededMint,
    SystemClock,
    parse_time,
    read_offset,
    rfc3339,
    shift_clock,
    zone_of,
)
from answerable.errors import BadInput, ConfigError

START = datetime(2026, 4, 30, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_and_read_back_the_same(at: datetime) -> None:
    """Every time has one spelling of 27 letters, and reading gives it back."""
    text = rfc3339(at)
    assert len(text) == 27
    assert parse_time(text) == at
    assert parse_time(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-30T12:00:00Z",
        "2026-04-30T12:00:00.000000+00:00",
        "2026-04-30 12:00:00.000000Z",
        "2026-04-30T12:00:00.000000z",
        "2026-02-30T12:00:00.000000Z",
        "2026-04-30T23:59:60.000000Z",
        "0000-04-30T12:00:00.000000Z",
        "２０２６-04-30T12:00:00.000000Z",
        "2026-04-30T12:00:00.000000Z\n",
        "",
    ],
)
def test_any_other_spelling_of_a_time_is_refused(text: str) -> None:
    """Two spellings of one time would be two entries; only one is read."""
    with pytest.raises(BadInput):
        parse_time(text)


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))])  # noqa: DTZ001
def test_only_aware_utc_times_are_written(at: datetime) -> None:
    """A time without UTC is a programmer's error, at the clock and at the wire."""
    with pytest.raises(AssertionError):
        rfc3339(at)
    with pytest.raises(AssertionError):
        ManualClock(at)


def test_the_system_clock_is_aware_and_runs() -> None:
    """Without an offset the clock is the machine's, in UTC, and never runs back monotonically."""
    clock: Clock = SystemClock()
    before = clock.monotonic()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() >= before


def test_all_clocks_of_one_file_jump_together(tmp_path: Path) -> None:
    """A jump written by one process is seen by every other at its next look."""
    path = tmp_path / "offset"
    clocks = [SystemClock(path), SystemClock(path)]
    assert all(abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1) for clock in clocks)
    for expected in (Decimal(86_400), Decimal(172_800)):
        assert shift_clock(path, Decimal(86_400)) == expected
        jumped = timedelta(seconds=int(expected))
        assert all(abs(clock.now() - datetime.now(UTC) - jumped) < timedelta(minutes=1) for clock in clocks)
    assert os.listdir(tmp_path) == ["offset"]


def test_a_deleted_offset_file_turns_no_clock_back(tmp_path: Path) -> None:
    """What was moved forward stays so, for deadlines run on it (L3)."""
    path = tmp_path / "offset"
    shift_clock(path, Decimal(86_400))
    clock = SystemClock(path)
    forward = clock.now()
    assert clock.now() >= forward
    path.unlink()
    assert clock.now() >= forward


def test_an_offset_keeps_its_microseconds(tmp_path: Path) -> None:
    """Offsets are decimal: a tenth stays a tenth."""
    path = tmp_path / "offset"
    assert read_offset(path) == 0
    shift_clock(path, Decimal("0.1"))
    assert shift_clock(path, Decimal("-0.3")) == read_offset(path) == Decimal("-0.2")


@pytest.mark.parametrize("content", ["", "soon", "NaN", "1e3", "1.0000001", "99999999999", "1\n2", "١"])
def test_a_strange_offset_stops_the_clock(tmp_path: Path, content: str) -> None:
    """A rehearsal whose clock cannot be read stops, rather than run on another time than its siblings."""
    path = tmp_path / "offset"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        SystemClock(path).now()


def test_an_unreadable_offset_stops_the_clock(tmp_path: Path) -> None:
    """A folder, or a file where a folder should be, is no offset."""
    (tmp_path / "file").write_text("0")
    for path in (tmp_path, tmp_path / "file" / "offset"):
        with pytest.raises(ConfigError):
            SystemClock(path).now()


@pytest.mark.parametrize("seconds", [Decimal("NaN"), Decimal("Infinity"), Decimal(10) ** 11])
def test_no_jump_beyond_a_century(tmp_path: Path, seconds: Decimal) -> None:
    """A jump that no date can hold is refused and leaves the file alone."""
    with pytest.raises(ConfigError):
        shift_clock(tmp_path / "offset", seconds)
    assert os.listdir(tmp_path) == []


def test_the_manual_clock_passes_and_steps() -> None:
    """Passing moves both clocks, a step only the wall; time never passes backwards."""
    clock = ManualClock(START)
    assert (clock.now(), clock.monotonic()) == (START, 0.0)
    clock.advance(SECOND)
    clock.step(-5 * SECOND)
    assert (clock.now(), clock.monotonic()) == (START - 4 * SECOND, 1.0)
    with pytest.raises(AssertionError):
        clock.advance(-SECOND)


@pytest.mark.parametrize("mint", [RandomMint(), SeededMint(7), RecordedMint(source=SeededMint(7))])
def test_every_mint_keeps_the_form(mint: Mint) -> None:
    """Tokens are prefix and 26 letters of [a-z0-9], never twice the same; fractions lie in [0, 1)."""
    tokens = [mint.token("case") for _ in range(200)]
    assert len(set(tokens)) == 200
    assert all(re.fullmatch(r"case_[a-z0-9]{26}", token) for token in tokens)
    assert all(0 <= mint.fraction() < 1 for _ in range(200))
    assert len(mint.secret(32)) == 32
    assert mint.secret(32) != mint.secret(32)


@pytest.mark.parametrize("prefix", ["", "Case", "1case", "a b", "a" * 17])
def test_a_strange_prefix_is_a_programmers_error(prefix: str) -> None:
    """Prefixes are ours: letters and digits, a letter first."""
    with pytest.raises(AssertionError):
        RandomMint().token(prefix)


def test_tokens_use_every_letter() -> None:
    """Each of the 26 places takes all 32 letters: 130 bits."""
    tokens = [SeededMint(seed).token("t")[2:] for seed in range(600)]
    assert all(len({token[place] for token in tokens}) == 32 for place in range(26))


def test_a_time_zone_is_one_of_iana_and_the_same_everywhere() -> None:
    """A place that is none, a folder of places, a way out of it, and what only this machine calls so are not known."""
    for name in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "America/Port-au-Prince"):
        zone = zone_of(name)
        assert zone is not None, name
        assert str(zone) == name
    for name in ("", "Middle/Earth", "America", "../Europe/Berlin", "Europe/../UTC", "localtime", "right/UTC", "UTC\n"):
        assert zone_of(name) is None, name


def test_the_same_seed_gives_the_same_draws() -> None:
    """L16: the draws of a seed are fixed for ever, in every Python version."""
    mint = SeededMint(1)
    assert mint.token("case") == "case_neeyxune8j9jr73r6h9db5jfzc"
    again, other = SeededMint(1), SeededMint(2)
    assert again.token("case") == "case_neeyxune8j9jr73r6h9db5jfzc"
    assert other.token("case") != "case_neeyxune8j9jr73r6h9db5jfzc"
    assert mint.fraction() == again.fraction()
    assert mint.secret(40) == again.secret(40)


def test_a_recording_replays_and_then_goes_on() -> None:
    """L16: replay draws what was drawn, in order, and records what it draws afterwards."""
    first = RecordedMint(source=RandomMint())
    drawn = (first.token("case"), first.fraction(), first.secret(16))
    replay = RecordedMint(tuple(first.draws))
    assert (replay.token("case"), replay.fraction(), replay.secret(16)) == drawn
    with pytest.raises(AssertionError, match="ends before a draw of fraction"):
        replay.fraction()


def test_a_recording_refuses_another_order() -> None:
    """A replay that asks for something else than was asked has gone astray and says so."""
    first = RecordedMint(source=SeededMint(1))
    first.token("case")
    replay = RecordedMint(tuple(first.draws), source=SeededMint(1))
    with pytest.raises(AssertionError, match="token:case where token:fact"):
        replay.token("fact")
