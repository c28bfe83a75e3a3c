"""Where the programs of the simulated house keep their one record: in memory, or in the files of SQLite.

Law: each program opens the record for itself, and one that dies takes nothing of the record along.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from answerable.store import sqlite
from answerable.store.memory import MemoryStore
from answerable.store.memory_tx import State
from answerable.store.protocol import Store

ORIGIN = "simulation.example/log"
MARK = "0" * 32


class Ground(ABC):
    """One record that several programs open."""

    grows_later = False
    """Whether a fact gets its place in the tree only some time after its commit."""

    @abstractmethod
    def open(self, between: Callable[[str], None] | None = None) -> Store:
        """Open the record once more; whoever opened it closes it.

        `between` is called with each statement of an act, before it is run, where somebody else may commit there.
        """

    def waiting(self) -> list[bytes]:
        """Return the entries that are committed and not in the tree yet, in the order in which they will enter it."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Take the record away; every store on it is closed by now."""


class InMemory(Ground):
    """A record in memory, of which every store sees the same rows and keeps its own folds."""

    def __init__(self) -> None:
        """Begin an empty record."""
        self._state = State()

    def open(self, between: Callable[[str], None] | None = None) -> Store:  # noqa: ARG002 - one act at a time
        """Open the record once more."""
        return _Shared(self._state)

    def close(self) -> None:
        """Do nothing: what is in memory ends with the process."""


class _Shared(MemoryStore):
    def __init__(self, state: State) -> None:
        super().__init__(origin=ORIGIN)
        self._state = state


class InFiles(Ground):
    """A record in SQLite, in a folder that its owner removes."""

    def __init__(self, folder: Path) -> None:
        """Begin an empty record in an empty folder."""
        self.record, self._keys = folder / "record", folder / "keys"
        self._keys.mkdir()
        sqlite.create_store(self.record, keys=self._keys, origin=ORIGIN, mark=MARK).close()

    def open(self, between: Callable[[str], None] | None = None) -> Store:  # noqa: ARG002 - one act at a time
        """Open the record once more."""
        return self.open_at(self.record)

    def open_at(self, record: Path) -> Store:
        """Open a record that lies elsewhere: a copy of this one."""
        return sqlite.open_store(record, keys=self._keys, origin=ORIGIN, mark=MARK)

    def close(self) -> None:
        """Do nothing: the folder is its owner's."""
