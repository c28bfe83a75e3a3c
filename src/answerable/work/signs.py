"""Signs of life: which gates are in contact, which processes run, when the last sweep and the last check were.

Law: a gate without contact beyond its lease is NOT IN FORCE for whoever asks, whichever process it last spoke to (L1).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.edge import parse_time, rfc3339
from answerable.errors import BadInput
from answerable.store.opening import SCHEMA
from answerable.store.protocol import Beat, Store

GATE, PROCESS, SWEEP, CHECK = "gate", "process", "sweep", "check"
EVERY_S = 2.0
ALIVE_S = 10.0
FORGOTTEN_AFTER = timedelta(hours=24)
GATES_MAX = 1000
_LAST = "last"
_ENDED = "ended"
_WELL = " after an end"
"""Behind the name of a run: the one before it had ended as it should."""


@dataclass(frozen=True, slots=True)
class SeenGate:
    """A gate as it was last heard of by any process."""

    name: str
    silent_s: float
    in_force: bool


@dataclass(frozen=True, slots=True)
class SeenProcess:
    """A process that holds the record and has not said that it ended; silent beyond 10 s it may be dead."""

    name: str
    roles: tuple[str, ...]
    version: str
    since: datetime
    silent_s: float


@dataclass(frozen=True, slots=True)
class LastCheck:
    """What the last check of the record came to."""

    at: datetime
    verdict: str
    first: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """The signs of life that all processes of a record have left; `gates` as any of them last wrote it down."""

    swept_at: datetime | None
    check: LastCheck | None
    gates: tuple[Beat, ...]
    processes: tuple[SeenProcess, ...]


class Gates:
    """The gates that one process hears, each with the monotonic second at which it did so last."""

    def __init__(self) -> None:
        """Begin with none."""
        self._heard: dict[str, tuple[float, str]] = {}

    def hear(self, name: str, monotonic: float, *, run: str = "", ended: bool = False) -> None:
        """Note that a gate was in contact, or said that it ends; `run` tells its process from the one before it."""
        if name in self._heard or len(self._heard) < GATES_MAX:
            _, before = self._heard.get(name, (0.0, ""))
            well = before in (_ENDED, run + _WELL)
            self._heard[name] = monotonic, _ENDED if ended else run + _WELL if well else run

    def beats(self, now: datetime, monotonic: float, *, within_s: float) -> list[Beat]:
        """Return what was heard within so many seconds before the record's time `now`."""
        heard = sorted(self._heard.items())  # one step: another thread may add to it
        return [
            Beat(kind=GATE, name=name, at=now - timedelta(seconds=monotonic - at), note=note)
            for name, (at, note) in heard
            if monotonic - at <= within_s
        ]


def is_ended(gate: Beat) -> bool:
    """Tell whether a gate said that it ended."""
    return gate.note == _ENDED


def was_killed(before: Beat, after: Beat) -> bool:
    """Tell whether between two signs of a gate a process of it ended without saying so."""
    runs = [one.note.removesuffix(_WELL) for one in (before, after)]
    is_other = all(runs) and runs[0] != runs[1]
    return is_other and _ENDED not in runs and not after.note.endswith(_WELL)


def gates(beats: Iterable[Beat], *, now: datetime, lease_s: float) -> list[SeenGate]:
    """Return every gate by name from what any process heard; not those that ended, nor those silent for a day."""
    last: dict[str, Beat] = {}
    for beat in beats:
        if beat.name not in last or last[beat.name].at <= beat.at:
            last[beat.name] = beat
    found = []
    for name, beat in sorted(last.items()):
        silent = max(now - beat.at, timedelta(0))
        if beat.note != _ENDED and silent < FORGOTTEN_AFTER:
            silent_s = silent.total_seconds()
            found.append(SeenGate(name, silent_s, in_force=silent_s <= lease_s))
    return found


def read(store: Store, *, now: datetime) -> Signs:
    """Return what the processes of a record have left in its store."""
    return Signs(
        swept_at=last_sweep(store),
        check=last_check(store),
        gates=tuple(store.beats(GATE)),
        processes=tuple(processes(store, now=now)),
    )


def alive(name: str, *, roles: Iterable[str], version: str, since: datetime, at: datetime) -> Beat:
    """Return the sign of life of a process."""
    note = {"roles": list(roles), "version": version, "schema": SCHEMA, "since": rfc3339(since)}
    return Beat(kind=PROCESS, name=name, at=at, note=json.dumps(note))


def ended(name: str, *, at: datetime) -> Beat:
    """Return the sign of a process that has ended as it should."""
    return Beat(kind=PROCESS, name=name, at=at, note=_ENDED)


def processes(store: Store, *, now: datetime) -> list[SeenProcess]:
    """Return the processes that run on a record, and those that fell silent within a day."""
    found = []
    for beat in store.beats(PROCESS):
        silent = max(now - beat.at, timedelta(0))
        if beat.note != _ENDED and silent < FORGOTTEN_AFTER:
            note = json.loads(beat.note)
            since, roles = parse_time(note["since"]), tuple(note["roles"])
            found.append(SeenProcess(beat.name, roles, note["version"], since, silent.total_seconds()))
    return found


def note_sweep(store: Store, *, at: datetime) -> None:
    """Keep that a sweep came to its end: what was due by then is written down."""
    store.beat([Beat(kind=SWEEP, name=_LAST, at=at)])


def last_sweep(store: Store) -> datetime | None:
    """Return when the last sweep came to its end, None where none ever did."""
    return next((beat.at for beat in store.beats(SWEEP)), None)


def note_check(store: Store, found: LastCheck) -> None:
    """Keep what a check came to."""
    note = json.dumps({"verdict": found.verdict, "first": found.first})
    store.beat([Beat(kind=CHECK, name=_LAST, at=found.at, note=note)])


def last_check(store: Store) -> LastCheck | None:
    """Return what the last check came to, None where there was none or its note cannot be read."""
    for beat in store.beats(CHECK):
        try:
            note = json.loads(beat.note)
            return LastCheck(beat.at, str(note["verdict"]), note["first"])
        except (ValueError, LookupError, TypeError, BadInput):
            return None
    return None
