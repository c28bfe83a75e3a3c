"""Connections that are made again where they were lost, and leases over one: who of several processes leads.

Law: a lease asks no clock of another machine, and nothing that protects depends on it (L1).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from threading import RLock
from time import sleep

import psycopg

from answerable.edge import RandomMint, SystemClock
from answerable.errors import AnswerableError, Unsure
from answerable.store.opening import SCHEMA
from answerable.store.postgres_opening import PgConnection, connect, known_faults
from answerable.store.rows import Leaf
from answerable.store.sql_tx import Connection

RENEWED_S, PATIENCE_S = 1.0, 3.0
NOBODY = ""
AGAIN_S, RESOLVE_S = 0.5, 30.0

_LEAD = """
INSERT INTO lead VALUES (?, ?, 1, ?) ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, term = lead.term + 1,
  logic = excluded.logic WHERE lead.holder = ? AND lead.term = ? AND lead.logic <= excluded.logic RETURNING term
"""


class Fate(Enum):
    """What became of a transaction whose COMMIT was not answered."""

    KEPT = auto()
    UNDONE = auto()
    NOT_KNOWN = auto()


class Link:
    """A connection that is made again where it was lost, for one user at a time."""

    def __init__(self, dsn: str) -> None:
        """Take the database's address; the first use connects."""
        self._dsn = dsn
        self._connection: PgConnection | None = None
        self._lock = RLock()

    def get(self) -> PgConnection:
        """Return an open connection."""
        if self._connection is None or not self._connection.is_open:
            self._connection = connect(self._dsn)
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open one transaction."""
        with self._lock, known_faults():
            connection = self.get()
            with connection.raw.transaction():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend the connection to read with."""
        with self._lock, known_faults():
            yield self.get()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()


def find_out(dsn: str, xid: str, witness: Leaf | None, error: psycopg.OperationalError) -> PgConnection:
    """Return a fresh connection where a commit holds whose answer was lost; `witness` is a fact that it wrote.

    Raise the error where it does not hold, `Unsure` where nobody can tell.
    """
    clock = SystemClock()
    until = clock.monotonic() + RESOLVE_S
    while clock.monotonic() < until:
        found = None
        with suppress(AnswerableError, psycopg.Error):
            fresh = connect(dsn)
            found = _fate(fresh, xid, witness)
            if found is Fate.KEPT:
                return fresh
            fresh.close()
        if found is Fate.UNDONE:
            raise error
        if found is Fate.NOT_KNOWN:
            break
        # Out of reach, or the server has not yet seen that its client is gone.
        sleep(AGAIN_S)
    raise Unsure from error


def _fate(fresh: PgConnection, xid: str, witness: Leaf | None) -> Fate | None:
    """Return what became of a transaction, None while it is under way."""
    try:
        (status,) = fresh.execute("SELECT pg_xact_status(?::xid8)", (xid,)).fetchone()
    except psycopg.errors.InvalidParameterValue:
        return Fate.UNDONE  # a server that crashed has no memory of ever having begun it
    if status == "in progress":
        return None
    if status == "aborted":
        return Fate.UNDONE
    # A server that crashed gives the numbers out again that it had not written down: another's commit may bear ours.
    if witness is None:
        return Fate.NOT_KNOWN
    asked = "SELECT 1 FROM fact WHERE stream = ? AND seq = ? AND bytes = ?"
    is_kept = fresh.execute(asked, (witness.stream, witness.seq, witness.data)).fetchone() is not None
    return Fate.KEPT if is_kept else Fate.UNDONE


class Leads:
    """The roles in which one process leads, or stands by."""

    def __init__(self, link: Link) -> None:
        """Take a connection of its own."""
        self._link = link
        self._name = RandomMint().token("proc")
        self._seen: dict[str, tuple[str, int, float]] = {}
        self._led: dict[str, float] = {}

    def leads(self, role: str) -> bool:
        """Tell whether this process leads in a role.

        The leader's term grows every second; who saw it stand still for three seconds of its own takes over, by a
        comparison that only one can win. Whoever is an older program than the last leader never leads.
        """
        now = SystemClock().monotonic()
        if now - self._led.get(role, -RENEWED_S) < RENEWED_S:
            return True
        with self._link.transaction() as connection:
            # A lease that a crash forgets is only taken anew.
            connection.execute("SELECT set_config('synchronous_commit', 'off', true)")
            row = connection.execute("SELECT holder, term, logic FROM lead WHERE role = ?", (role,)).fetchone()
            holder, term, logic = row or (self._name, 0, SCHEMA)
            known = self._seen.get(role)
            if known is None or known[:2] != (holder, term):
                known = self._seen[role] = (holder, term, now)
            is_free = holder in (self._name, NOBODY) or now - known[2] >= PATIENCE_S
            if not is_free or logic > SCHEMA:
                return False
            taken = connection.execute(_LEAD, (role, self._name, SCHEMA, holder, term)).fetchone()
        if taken is not None:
            self._led[role] = now
        return taken is not None

    def step_down(self) -> None:
        """Give up every role, so that the next one need not wait."""
        if self._led:
            with self._link.transaction() as connection:
                connection.execute("UPDATE lead SET holder = ? WHERE holder = ?", (NOBODY, self._name))
            self._led.clear()
