"""What a database's tables are read as: the queue, what is due, the outbox, the feed's places, the check of L7.

Law: each list is one walk along one index, however many cases there are.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from answerable.core.facts import ActorId, CaseId, SubjectId
from answerable.errors import NotFound
from answerable.store.protocol import CaseRow, Claimed, Outgoing
from answerable.store.rows import LATEST, Table, case_tuple, in_order, micros, moment, place
from answerable.store.sql_tx import Connection

OPEN_CASES = """
SELECT * FROM case_row
WHERE closed = 0 AND (tier, decide_due, case_id) > (?, ?, ?) AND instr(' ' || barred || ' ', ?) = 0
ORDER BY tier, decide_due, case_id LIMIT ?
"""
ALL_CASES = """
SELECT * FROM case_row
WHERE (closed, tier, decide_due, case_id) > (?, ?, ?, ?) AND instr(' ' || barred || ' ', ?) = 0
ORDER BY closed, tier, decide_due, case_id LIMIT ?
"""
DUE = "SELECT subject FROM case_row WHERE wake_at <= ? ORDER BY wake_at, case_id"
BEHIND = """
SELECT subject FROM case_row INDEXED BY case_policy WHERE closed = 0 AND policy < ?
UNION ALL SELECT subject FROM case_row INDEXED BY case_policy WHERE closed = 0 AND policy > ?
"""
LOOK_BACKS = "SELECT subject, case_id, notice FROM look_back ORDER BY started_at, case_id, notice LIMIT ?"
WAITING = """
SELECT idem, topic, body, not_before, attempts FROM outgoing
WHERE done = 0 AND next_at <= ? ORDER BY next_at, idem LIMIT ?
"""
FEED = "SELECT subject, seq, version FROM feed WHERE seq > ? ORDER BY seq LIMIT ?"
SETTLE = """
UPDATE outgoing SET done = CASE WHEN done = 1 THEN 1 ELSE ? END, next_at = coalesce(?, next_at) WHERE idem = ?
"""

FIRST = (False, 0, 0, "")
NOBODY = "\n"  # no token holds a line's end, so this is barred nowhere


class Lists(ABC):
    """The part of a store in a database that reads lists; the connections are the store's."""

    BEHIND, WAITING = BEHIND, WAITING

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def _writing_to(self) -> AbstractContextManager[Connection]: ...

    def _releasing_rows(self) -> Table:
        return self._all("SELECT idx, subject FROM releasing")

    def _one(self, asked: str, *values: object) -> tuple[Any, ...] | None:
        with self._reading() as connection:
            row: tuple[Any, ...] | None = connection.execute(asked, values).fetchone()
            return row

    def _all(self, asked: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reading() as connection:
            return connection.execute(asked, values).fetchall()

    # --- cases ---

    def due(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with a case whose `wake_at` has come, the longest overdue first, each once."""
        return self._subjects(DUE, micros(now), limit=limit)

    def behind(self, policy: str, limit: int) -> list[SubjectId]:
        """Return subjects with an open case that this policy version has not reached, each once."""
        return self._subjects(self.BEHIND, policy, policy, limit=limit)

    def _subjects(self, asked: str, *values: object, limit: int) -> list[SubjectId]:
        # How many cases of one subject come before the next one is not known beforehand.
        at_once = 2 * limit
        while True:
            rows = self._all(f"{asked} LIMIT ?", *values, at_once)
            found = list(dict.fromkeys(subject for (subject,) in rows))
            if len(found) >= limit or len(rows) < at_once:
                return found[:limit]
            at_once *= 4

    def cases(
        self, *, after: CaseId | None, limit: int, only_open: bool = True, hidden_from: ActorId | None = None
    ) -> list[CaseRow]:
        """Return a page of cases, open ones first, by tier and decide_due; never one that a person is barred from."""
        closed, *start = FIRST if after is None else self._place_of(after)
        barred = NOBODY if hidden_from is None else f" {hidden_from} "
        if not only_open:
            rows = self._all(ALL_CASES, int(closed), *start, barred, limit)
        elif closed:  # the case before has closed meanwhile, and closed cases stand behind all open ones
            rows = []
        else:
            rows = self._all(OPEN_CASES, *start, barred, limit)
        return [_case_row(row) for row in rows]

    def _place_of(self, case: CaseId) -> tuple[bool, int, int, str]:
        row = self.case_row(case)
        if row is None:
            raise NotFound(f"there is no case {case}")
        return place(row)

    def case_row(self, case: CaseId) -> CaseRow | None:
        """Return one case's row."""
        row = self._one("SELECT * FROM case_row WHERE case_id = ?", case)
        return _case_row(row) if row else None

    def look_backs(self, limit: int) -> list[tuple[SubjectId, CaseId, str]]:
        """Return look-backs that have started and not ended, the oldest first: subject, case, notice."""
        return [(subject, case, notice) for subject, case, notice in self._all(LOOK_BACKS, limit)]

    # --- what acts left ---

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        row = self._one("SELECT content FROM blob WHERE address = ?", address)
        return row[0] if row else None

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        row = self._one("SELECT answer FROM answer WHERE source = ? AND key = ?", source, key)
        return row[0] if row else None

    # --- the outbox ---

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
        """Take outgoing messages under lease; a lease that ran out is taken again (at least once)."""
        if not self._all(WAITING, micros(now), 1):  # an idle outbox keeps nobody from writing
            return []
        with self._writing_to() as connection:
            rows = connection.execute(self.WAITING, (micros(now), limit)).fetchall()
            take = "UPDATE outgoing SET next_at = ?, attempts = attempts + 1 WHERE idem = ?"
            connection.executemany(take, [(micros(lease_until), row[0]) for row in rows])
        return [_claimed(row) for row in rows]

    def settle_outgoing(self, idem: str, *, done: bool, retry_at: datetime | None) -> None:
        """Record a delivery or plan the next attempt; with neither, it comes again when its lease runs out."""
        next_at = None if retry_at is None else micros(retry_at)
        with self._writing_to() as connection:
            if not connection.execute(SETTLE, (int(done), next_at, idem)).rowcount:
                raise NotFound(f"there is no message {idem}")

    # --- the feed ---

    def feed_head(self) -> int:
        """Return the last place in the feed."""
        row = self._one("SELECT coalesce(max(seq), 0) FROM feed")
        return int(row[0]) if row else 0

    def _feed_rows(self, after: int, limit: int) -> list[tuple[SubjectId, int, int, tuple[str, ...]]]:
        return [
            (subject, seq, version, self._gate_aliases(subject))
            for subject, seq, version in self._all(FEED, after, limit)
        ]

    def _gate_aliases(self, subject: SubjectId) -> tuple[str, ...]:
        rows = self._all("SELECT alias FROM gate_alias WHERE subject = ? ORDER BY alias", subject)
        return tuple(alias for (alias,) in rows)

    # --- checks ---

    def tables(self) -> dict[str, Table]:
        """Return the read tables, sorted, for comparison with the fold of all facts (L7)."""
        return {
            "cases": in_order(case_tuple(_case_row(row)) for row in self._all("SELECT * FROM case_row")),
            "look_backs": in_order(self._all("SELECT case_id, notice, subject, started_at FROM look_back")),
            "effects": in_order(self._all("SELECT act, case_id, at FROM effect")),
            "releasing": in_order(self._releasing_rows()),
        }


def _case_row(row: tuple[Any, ...]) -> CaseRow:
    case, subject, person, tier, closed, owner, deputy, opened_at, decide_due, wake_at, yardstick, barred, policy = row
    return CaseRow(
        case=case,
        subject=subject,
        person=person,
        tier=tier,
        is_open=not closed,
        owner=owner,
        deputy=deputy,
        opened_at=moment(opened_at),
        decide_due=None if decide_due == LATEST else moment(decide_due),
        wake_at=None if wake_at is None else moment(wake_at),
        yardstick=yardstick,
        barred=tuple(barred.split()),
        policy=policy,
    )


def _claimed(row: tuple[Any, ...]) -> Claimed:
    idem, topic, body, not_before, attempts = row
    outgoing = Outgoing(idem=idem, topic=topic, body=json.loads(body), not_before=moment(not_before))
    return Claimed(outgoing=outgoing, attempts=attempts + 1)
