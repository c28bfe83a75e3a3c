"""A child of the storm: it fires what is due until nothing is, or until it is killed; `python -m tests.storage.stormy`.

Law: with isolation broken on purpose the same run must be caught by the same check.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from answerable.core.facts import SubjectId
from answerable.edge import RandomMint, SeededMint
from answerable.store.sqlite import SqliteStore, open_store
from tests.core.builders import STAFFED
from tests.storage.worlds import MARK, ORIGIN, Stored

BATCH = 4
MIDDLE = "INTO outgoing"
"""Of what an act writes: its facts come before it, and without it nobody is told of them."""


class Autocommit(SqliteStore):
    """The store with its one promise broken: every statement commits by itself, and nothing is ever undone."""

    def _begin(self) -> None:
        pass

    def _commit(self) -> None:
        pass

    _save = _release = _rollback = _rollback_to_save = _commit


def storm(folder: Path, now: datetime, *, deadly: float, is_broken: bool) -> None:
    """Settle what is due, a few subjects in a batch, killing this process at a random statement now and then.

    With odds of 1 it dies in the middle of its first act.
    """
    store = open_store(folder / "record", keys=folder / "keys", origin=ORIGIN, mark=MARK)
    if is_broken:
        store = Autocommit(folder / "record", origin=ORIGIN)
    chance = RandomMint()
    world = Stored(
        store=store, policies={STAFFED.version: STAFFED}, mint=SeededMint(int(chance.fraction() * 2**53)), now=now,
        is_sealing=False, effects_left=1_000_000,
    )  # fmt: skip
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    store._write.set_trace_callback(lambda statement: _perhaps_die(chance, deadly, statement))
    while due := store.due(now, BATCH):
        if is_broken:
            _fire(world, due)
        else:
            with store.batch():
                _fire(world, due)
    store.close()


def _fire(world: Stored, due: list[SubjectId]) -> None:
    for subject in due:
        world.locks = [subject]
        world.act(lambda journal: None)


def _perhaps_die(chance: RandomMint, deadly: float, statement: str) -> None:
    if MIDDLE in statement if deadly == 1 else chance.fraction() < deadly:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    place, moment, odds, broken = sys.argv[1:]
    storm(Path(place), datetime.fromisoformat(moment), deadly=float(odds), is_broken=broken == "1")
