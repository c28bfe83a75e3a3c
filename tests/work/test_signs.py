"""Signs of life: every gate by its own name, whoever heard it, and no silence that looks like contact (L1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from answerable.store.memory import MemoryStore
from answerable.store.protocol import Beat
from answerable.work import signs
from answerable.work.signs import GATE, GATES_MAX, PROCESS, Gates, SeenGate

NOW = datetime(2026, 4, 30, 12, 0, tzinfo=UTC)


def beat(name: str, seconds_ago: float, note: str = "") -> Beat:
    """Return what somebody wrote down of a gate."""
    return Beat(kind=GATE, name=name, at=NOW - timedelta(seconds=seconds_ago), note=note)


def seen(*beats: Beat) -> list[SeenGate]:
    """Return the gates that are shown."""
    return signs.gates(beats, now=NOW, lease_s=60)


def test_a_gate_beyond_its_lease_is_not_in_force() -> None:
    """To the second."""
    assert [(one.name, one.in_force) for one in seen(beat("a", 60), beat("b", 60.1))] == [("a", True), ("b", False)]


def test_the_last_contact_counts_whoever_heard_it() -> None:
    """Of two processes that heard a gate, the later one tells; in either order."""
    for beats in ((beat("a", 300), beat("a", 1)), (beat("a", 1), beat("a", 300))):
        assert seen(*beats) == [SeenGate("a", 1.0, in_force=True)]


def test_a_gate_that_ended_is_no_alarm_until_it_speaks_again() -> None:
    """It leaves the list at once, and is back with its next contact."""
    assert seen(beat("a", 200), beat("a", 100, "ended")) == []
    assert seen(beat("a", 100, "ended"), beat("a", 90)) == [SeenGate("a", 90.0, in_force=False)]


def test_a_gate_gone_for_good_leaves_the_list_after_a_day() -> None:
    """Until then it is shown, for it may be there and cut off."""
    assert [one.name for one in seen(beat("a", 86_399), beat("b", 86_400))] == ["a"]


def test_a_clock_behind_makes_nobody_silent() -> None:
    """What another process wrote a moment ahead of this one's time is now."""
    assert seen(beat("a", -3)) == [SeenGate("a", 0.0, in_force=True)]


def test_what_a_process_hears_is_told_once_it_is_fresh() -> None:
    """Each gate with its own time; an end is told as an end; names are bounded."""
    gates = Gates()
    gates.hear("b", 100.0)
    gates.hear("a", 99.0)
    gates.hear("gone", 95.0)
    gates.hear("gone", 98.0, ended=True)
    told = gates.beats(NOW, 101.0, within_s=2.5)
    assert [(one.name, (NOW - one.at).total_seconds(), one.note) for one in told] == [("a", 2, ""), ("b", 1, "")]
    assert [one.note for one in gates.beats(NOW, 101.0, within_s=4) if one.name == "gone"] == ["ended"]
    for number in range(GATES_MAX + 10):
        gates.hear(f"n{number}", 101.0)
    assert len(gates.beats(NOW, 101.0, within_s=60)) == GATES_MAX


def test_processes_are_listed_until_they_say_that_they_end() -> None:
    """Role, version and since when; one that was killed stays a day with its silence."""
    store = MemoryStore(origin="record/test")
    since = NOW - timedelta(hours=3)
    for name, ago in (("ended", 5), ("killed", 600), ("lives", 1), ("forgotten", 86_400)):
        at = NOW - timedelta(seconds=ago)
        store.beat([signs.alive(name, roles=["api", "worker"], version="0.1.0", since=since, at=at)])
    store.beat([signs.ended("ended", at=NOW)])
    found = signs.read(store, now=NOW).processes
    assert [(one.name, one.silent_s) for one in found] == [("killed", 600), ("lives", 1)]
    assert (found[1].roles, found[1].version, found[1].since) == (("api", "worker"), "0.1.0", since)
    assert len(store.beats(PROCESS)) == 4


def test_sweep_and_check_are_the_last_ones() -> None:
    """Where there was none, none is shown."""
    store = MemoryStore(origin="record/test")
    assert signs.last_sweep(store) is None
    assert signs.last_check(store) is None
    for minutes in (2, 1):
        signs.note_sweep(store, at=NOW - timedelta(minutes=minutes))
    assert signs.read(store, now=NOW).swept_at == NOW - timedelta(minutes=1)
