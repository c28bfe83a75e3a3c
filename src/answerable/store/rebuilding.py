"""The read tables made anew from the facts, a hundred accounts at a time, beside whoever writes.

Law L7: what follows from the facts stands in the tables, and nothing else; a row that is right is not touched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerable.core.cases import Files
from answerable.core.facts import DefaultArmed, Recorded, SubjectId, SystemFact
from answerable.core.fold import evolve
from answerable.errors import AnswerableError, Busy
from answerable.ledger.codec import read_entry
from answerable.store.opening import RECORD, connect, known_faults
from answerable.store.rows import RELEASES, case_row, is_effect, micros
from answerable.store.sql_tx import Connection, columns

AT_ONCE = 100
TRIES = 20
SUBJECTS = "SELECT DISTINCT subject FROM fact WHERE subject > ? ORDER BY subject LIMIT ?"
STRAY_CASES = "DELETE FROM case_row WHERE NOT EXISTS (SELECT 1 FROM fact WHERE fact.subject = case_row.subject)"
STRAY_LOOK_BACKS = """
DELETE FROM look_back WHERE NOT EXISTS
  (SELECT 1 FROM case_row WHERE case_row.case_id = look_back.case_id AND case_row.subject = look_back.subject)
"""
EFFECTS = "SELECT act, case_id, at FROM effect WHERE (act, case_id) > (?, ?) ORDER BY act, case_id LIMIT ?"

Stored = tuple[Any, ...]
Key = tuple[Any, ...]


@dataclass(slots=True)
class Rebuilt:
    """What a rebuilding came to: how many accounts it read, how many rows it wrote or took away, whom it left alone."""

    subjects: int = 0
    rows: int = 0
    unread: list[str] = field(default_factory=list)


class Tables(ABC):
    """The rows of one record, to read facts from and to write read tables to."""

    key: str
    """The column by which `releasing` names a fact."""

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """The connection that everything here runs on."""

    @abstractmethod
    def holding(self, subjects: Sequence[SubjectId]) -> AbstractContextManager[None]:
        """Open a transaction in which nobody else writes about these subjects, given in sorted order."""

    @abstractmethod
    def facts(self, subject: SubjectId) -> Iterable[tuple[int, int | None, bytes]]:
        """Return a subject's facts in their order: what `releasing` names them by, their leaf index, their bytes."""

    @abstractmethod
    def fact(self, key: int) -> bytes | None:
        """Return the fact that `releasing` would name so."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""


class SqliteTables(Tables):
    """The rows of a file."""

    key = "idx"

    def __init__(self, folder: Path) -> None:
        """Take the folder of a record."""
        self._connection = connect(folder / RECORD)

    @property
    def connection(self) -> Connection:
        """The connection that everything here runs on."""
        return self._connection

    @contextmanager
    def holding(self, subjects: Sequence[SubjectId]) -> Iterator[None]:  # noqa: ARG002 - the whole file is held
        """Open a transaction that holds the file."""
        with known_faults():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def facts(self, subject: SubjectId) -> Iterable[tuple[int, int | None, bytes]]:
        """Return a subject's facts in the order of the tree."""
        return self._connection.execute("SELECT idx, idx, bytes FROM fact WHERE subject = ? ORDER BY idx", (subject,))

    def fact(self, key: int) -> bytes | None:
        """Return the fact of a leaf."""
        row = self._connection.execute("SELECT bytes FROM fact WHERE idx = ?", (key,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class _Made:
    """The rows that one subject's facts make, by their keys."""

    cases: dict[Key, Stored]
    look_backs: dict[Key, Stored]
    effects: dict[Key, Stored]
    releasing: dict[Key, Stored]


def rebuild(tables: Tables, said: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Make the read tables anew; `said` hears after each hundred accounts how many were read.

    Each hundred is a transaction of its own: broken off, it is begun anew and finds those right. An account whose facts
    cannot be put together is left alone and named.
    """
    rebuilt, after = Rebuilt(), ""
    while found := [subject for (subject,) in tables.connection.execute(SUBJECTS, (after, AT_ONCE)).fetchall()]:
        _patiently(lambda found=found: _some(tables, rebuilt, found))  # type: ignore[misc]
        after = found[-1]
        said(rebuilt.subjects)
    _patiently(lambda: _strays(tables, rebuilt))
    return rebuilt


def _patiently(verb: Callable[[], None]) -> None:
    for _ in range(TRIES - 1):
        try:
            return verb()
        except Busy:  # somebody holds one of them for longer than a statement waits
            continue
    return verb()


def _some(tables: Tables, rebuilt: Rebuilt, subjects: Sequence[SubjectId]) -> None:
    rows, unread = 0, []
    with tables.holding(subjects):
        for subject in subjects:
            try:
                made = _made(tables, subject)
            except (AnswerableError, AssertionError, LookupError) as error:
                unread.append(f"{subject}: {error}")
                continue
            rows += _write(tables, subject, made)
    rebuilt.subjects += len(subjects)
    rebuilt.rows += rows
    rebuilt.unread += unread


def _made(tables: Tables, subject: SubjectId) -> _Made:
    files, made = Files(), _Made({}, {}, {}, {})
    for key, index, data in tables.facts(subject):
        recorded = read_entry(data, index)
        evolve(files, recorded)
        if (effect := effect_of(recorded)) is not None:
            made.effects.setdefault(effect[:2], effect)
        if isinstance(recorded.fact, RELEASES):
            made.releasing[key,] = (key, subject)
    for case in files.subject(subject).cases.values():
        made.cases[case.id,] = columns(case_row(case))
        for notice, one in case.look_backs.items():
            if one.result is None:
                made.look_backs[case.id, notice] = (case.id, notice, subject, micros(one.started_at))
    return made


def effect_of(recorded: Recorded) -> tuple[str, str, int] | None:
    """Return the row of `effect` that a fact makes, if any."""
    fact = recorded.fact
    if not isinstance(fact, DefaultArmed) or not is_effect(fact):
        return None
    return recorded.act, fact.case, micros(recorded.at)


def _write(tables: Tables, subject: SubjectId, made: _Made) -> int:
    run = tables.connection.execute
    cases = run("SELECT * FROM case_row WHERE subject = ?", (subject,)).fetchall()
    known = {row[0] for row in cases}
    for (case,) in made.cases:
        if case not in known:  # it may stand under another's name
            cases += run("SELECT * FROM case_row WHERE case_id = ?", (case,)).fetchall()
    look_backs, effects, releasing = [], [], []
    for (case,) in made.cases:
        look_backs += run("SELECT * FROM look_back WHERE case_id = ?", (case,)).fetchall()
    for key in made.effects:
        effects += run("SELECT * FROM effect WHERE act = ? AND case_id = ?", key).fetchall()
    for key in made.releasing:
        releasing += run(f"SELECT * FROM releasing WHERE {tables.key} = ?", key).fetchall()  # noqa: S608 - names of ours
    return sum((
        _settle(tables.connection, "case_row", ("case_id",), made.cases, cases),
        _settle(tables.connection, "look_back", ("case_id", "notice"), made.look_backs, look_backs),
        _settle(tables.connection, "effect", ("act", "case_id"), made.effects, effects),
        _settle(tables.connection, "releasing", (tables.key,), made.releasing, releasing),
    ))  # fmt: skip


def _settle(
    connection: Connection, table: str, keys: tuple[str, ...], made: Mapping[Key, Stored], stored: Iterable[Stored]
) -> int:
    """Bring the rows of some keys to what was made; return how many were written or taken away."""
    right = {row[: len(keys)] for row in stored if made.get(row[: len(keys)]) == row}
    wrong = [row[: len(keys)] for row in stored if row[: len(keys)] not in right]
    missing = [row for key, row in made.items() if key not in right]
    if wrong:
        which = " AND ".join(f"{key} = ?" for key in keys)
        connection.executemany(f"DELETE FROM {table} WHERE {which}", wrong)  # noqa: S608 - names of ours
    if missing:
        places = ", ".join("?" * len(missing[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", missing)  # noqa: S608 - names of ours
    return len({*wrong, *(row[: len(keys)] for row in missing)})


# --- rows that follow from no fact at all ---


def _strays(tables: Tables, rebuilt: Rebuilt) -> None:
    with tables.holding(()):
        rows = sum(tables.connection.execute(statement).rowcount for statement in (STRAY_CASES, STRAY_LOOK_BACKS))
        rows += _stray_releasing(tables) + _stray_effects(tables)
    rebuilt.rows += rows


def _stray_releasing(tables: Tables) -> int:
    key = tables.key
    asked = f"SELECT {key}, subject FROM releasing WHERE {key} > ? ORDER BY {key} LIMIT ?"  # noqa: S608 - names of ours
    last, gone = -1, []
    while rows := tables.connection.execute(asked, (last, AT_ONCE)).fetchall():
        gone += [(fact,) for fact, subject in rows if not _releases(tables.fact(fact), subject)]
        last = rows[-1][0]
    if gone:
        tables.connection.executemany(f"DELETE FROM releasing WHERE {key} = ?", gone)  # noqa: S608 - names of ours
    return len(gone)


def _releases(data: bytes | None, subject: str) -> bool:
    if data is None:
        return False
    try:
        fact = read_entry(data, None).fact
    except AnswerableError:
        return True  # whoever can read it knows
    return isinstance(fact, RELEASES) and not isinstance(fact, SystemFact) and fact.subject == subject


def _stray_effects(tables: Tables) -> int:
    last: Key = ("", "")
    gone: list[Key] = []
    while rows := tables.connection.execute(EFFECTS, (*last, AT_ONCE)).fetchall():
        gone += [row[:2] for row in rows if not _is_made(tables, row)]
        last = rows[-1][:2]
    if gone:
        tables.connection.executemany("DELETE FROM effect WHERE act = ? AND case_id = ?", gone)
    return len(gone)


def _is_made(tables: Tables, row: Stored) -> bool:
    owner = tables.connection.execute("SELECT subject FROM case_row WHERE case_id = ?", (row[1],)).fetchone()
    if owner is None:
        return False
    try:
        return any(effect_of(read_entry(data, index)) == row for _, index, data in tables.facts(owner[0]))
    except AnswerableError:
        return True
