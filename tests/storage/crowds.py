"""A store as large as wanted, made of rows alone: what its lists cost depends on rows, never on what they mean.

Law: every kind of row stands in the proportion of a house that is old: most cases closed, nearly everything done.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import ClientCursor, Connection

from answerable.core.facts import ActorId, CaseId
from answerable.store import bulk, postgres, postgres_tx, sql_lists
from answerable.store.postgres import PostgresStore
from answerable.store.rows import LATEST, micros
from answerable.store.sqlite import SqliteStore

NOW = datetime(2026, 8, 1, tzinfo=UTC)
POLICY = "staffed-1"
BARRED = ActorId("staff_3")
DUE, LOOKING_BACK, WAITING, PENDING = 200, 50, 100, 50
PAGE = 50
_DAY = 86_400_000_000
_NOW = micros(NOW)

Rows = Iterator[tuple[object, ...]]


def token(kind: str, number: int) -> str:
    """Return the token of a number: in no order, as minted ones are."""
    return f"{kind}_{hashlib.sha256(f'{kind} {number}'.encode()).hexdigest()[:26]}"


def _cases(count: int) -> Rows:
    """Yield cases: four in five closed, one in a hundred barred to somebody, so many due."""
    step = count // DUE
    for number in range(count):
        closed = int(number % 5 != 0)
        spread = int(hashlib.sha256(b"%d" % number).hexdigest()[:8], 16)
        decide_due = LATEST if closed or spread % 3 else _NOW + spread % (7 * _DAY)
        late = number % step == 0 and number // step < DUE
        wake_at = _NOW - spread if late else None if closed else _NOW + 1 + spread % (90 * _DAY)
        barred = f"staff_1 {BARRED}" if spread % 100 == 0 else ""
        yield (
            token("case", number), token("su", number), "UNKNOWN", 1 + spread % 3, closed, "staff_1", None,
            _NOW - spread, decide_due, wake_at, spread % 4, barred, POLICY,
        )  # fmt: skip


def _look_backs(_: int) -> Rows:
    return ((token("case", one), token("nt", one), token("su", one), _NOW - one) for one in range(LOOKING_BACK))


def _outgoing(count: int) -> Rows:
    for number in range(count):
        at = _NOW - number
        yield token("idem", number), "page", "{}", at, at, 1, int(number >= WAITING)


def _feed(count: int) -> Rows:
    return ((token("su", one), one + 1, 1) for one in range(count))


def _effects(count: int) -> Rows:
    return ((token("act", one), token("case", one), _NOW - one * 60_000_000) for one in range(count))


def _exchanges(count: int) -> Rows:
    """Yield exchanges of a tenth as many accounts: one in ten is in no block yet, some blocks are being sealed."""
    for number in range(count):
        subject = token("su", number % (count // 10))
        block = None if number % 10 == 0 else token("root", number // 1000)
        pending = int(block is not None and number < PENDING)
        yield (
            token("ex", number), subject, _NOW - number, "gate_1", None, "m1", "allow", 0, 0, 100, "0" * 64, 1, block,
            pending,
        )  # fmt: skip


TABLES: dict[str, Callable[[int], Rows]] = {
    "case_row": _cases,
    "look_back": _look_backs,
    "outgoing": _outgoing,
    "feed": _feed,
    "effect": _effects,
}


def fill(store: SqliteStore | PostgresStore, count: int, *, analyse: bool = True) -> None:
    """Fill an empty store with so many cases, messages, places in the feed, effects and exchanges."""
    if isinstance(store, SqliteStore):
        _fill_sqlite(store, count, analyse=analyse)
    else:
        _fill_postgres(store, count, analyse=analyse)


def _fill_sqlite(store: SqliteStore, count: int, *, analyse: bool) -> None:
    record, rows = store._write, store._bulk._link._connection  # type: ignore[attr-defined]
    for connection, tables in ((record, TABLES), (rows, {"exchange": _exchanges})):
        connection.execute("BEGIN IMMEDIATE")
        for name, made in tables.items():
            _insert(connection, name, made(count))
        connection.execute("COMMIT")
        if analyse:
            connection.execute("ANALYZE")


def _insert(connection: sqlite3.Connection, table: str, rows: Rows) -> None:
    first = next(rows)
    marks = ", ".join("?" * len(first))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", [first])
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _fill_postgres(store: PostgresStore, count: int, *, analyse: bool) -> None:
    raw = store._link.get().raw
    with raw.transaction():
        for name, made in (TABLES | {"exchange": _exchanges}).items():
            _copy(raw, name, made(count))
        raw.execute("UPDATE feed_head SET seq = %s", (count,))
        _copy(raw, "subject", ((token("su", one), 1) for one in range(count)))
        _copy(raw, "fact (subject, pos, stream, seq, at, bytes)", _facts(count))
        raw.execute("INSERT INTO leaf SELECT id - 1, id, '' FROM fact")
        raw.execute("INSERT INTO pending SELECT id FROM fact ORDER BY id DESC LIMIT %s", (PENDING,))
    for name in (*TABLES, "exchange", "subject", "fact", "leaf"):
        _vacuum(raw, name, analyse=analyse)


def _vacuum(raw: Connection[Any], table: str, *, analyse: bool) -> None:
    """Vacuum until each page is known to be visible to all: an old table's is, and its indexes answer alone.

    While anybody holds an older snapshot of this database, as autovacuum's own ANALYZE does, no page is marked.
    """
    hidden = "SELECT relpages > relallvisible FROM pg_class WHERE oid = %s::regclass"
    for _ in range(600):
        raw.execute(f"VACUUM {'(ANALYZE)' if analyse else ''} {table}".encode())
        if raw.execute(hidden, (table,)).fetchone() == (False,):
            return
        time.sleep(0.1)
    raise AssertionError(f"somebody has held a snapshot for a minute: not all pages of {table} are visible")


def _facts(count: int) -> Rows:
    """Yield what stands for facts; only their places are read."""
    for number in range(count):
        subject = token("su", number)
        yield subject, 1, f"subject:{subject}", 1, _NOW - count + number, b"-" * 100


def _copy(raw: Connection[Any], table: str, rows: Iterable[tuple[object, ...]]) -> None:
    with raw.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


# --- the lists


def deep(store: SqliteStore | PostgresStore) -> CaseId:
    """Return the case three quarters down the queue of open cases."""
    open_ones = store._all("SELECT count(*) FROM case_row WHERE closed = 0")[0][0]
    asked = "SELECT case_id FROM case_row WHERE closed = 0 ORDER BY tier, decide_due, case_id LIMIT 1 OFFSET ?"
    return CaseId(store._all(asked, open_ones * 3 // 4)[0][0])


def lists(store: SqliteStore | PostgresStore) -> dict[str, Callable[[], object]]:
    """Return the questions that are asked again and again, by name, as the house asks them."""
    far, half = deep(store), store.feed_head() // 2
    return {
        "queue": lambda: store.cases(after=None, limit=PAGE),
        "queue_deep": lambda: store.cases(after=far, limit=PAGE),
        "queue_hidden": lambda: store.cases(after=far, limit=PAGE, hidden_from=BARRED),
        "queue_all": lambda: store.cases(after=far, limit=PAGE, only_open=False),
        "due": lambda: store.due(NOW, DUE),
        "behind": lambda: store.behind(POLICY, 100),
        "look_backs": lambda: store.look_backs(10),
        "outbox": lambda: store._all(store.WAITING, _NOW, 10),
        "feed": lambda: store._all(sql_lists.FEED, half, 100),
        "unsealed": lambda: store.unsealed(100),
        "pending_blocks": store.pending_blocks,
        "effects": lambda: _effects_of_an_hour(store),
    }


EFFECTS = "SELECT at FROM effect WHERE at >= ? ORDER BY at"


def _effects_of_an_hour(store: SqliteStore | PostgresStore) -> object:
    return store._all(EFFECTS, micros(NOW - timedelta(hours=1)))


Question = tuple[str, tuple[object, ...], frozenset[str]]
"""A statement, its values, and the indexes that it may walk."""


def questions(store: SqliteStore | PostgresStore) -> dict[str, Question]:
    """Return the statements behind the lists in PostgreSQL."""
    tier, due, case = store._all("SELECT tier, decide_due, case_id FROM case_row WHERE case_id = ?", deep(store))[0]
    half = store.feed_head() // 2
    return {
        "queue": (sql_lists.OPEN_CASES, (0, 0, "", sql_lists.NOBODY, PAGE), frozenset({"case_queue"})),
        "queue_deep": (sql_lists.OPEN_CASES, (tier, due, case, sql_lists.NOBODY, PAGE), frozenset({"case_queue"})),
        "queue_hidden": (sql_lists.OPEN_CASES, (tier, due, case, f" {BARRED} ", PAGE), frozenset({"case_queue"})),
        "queue_all": (sql_lists.ALL_CASES, (0, tier, due, case, sql_lists.NOBODY, PAGE), frozenset({"case_queue"})),
        "due": (f"{sql_lists.DUE} LIMIT ?", (_NOW, 2 * DUE), frozenset({"case_wake"})),
        "behind": (f"{postgres.BEHIND} LIMIT ?", (POLICY, POLICY, 200), frozenset({"case_policy"})),
        "look_backs": (sql_lists.LOOK_BACKS, (10,), frozenset({"look_back_started"})),
        "outbox": (postgres.WAITING, (_NOW, 10), frozenset({"outgoing_waiting"})),
        "feed": (sql_lists.FEED, (half, 100), frozenset({"feed_seq_key"})),
        "unsealed": (bulk.UNSEALED, (100,), frozenset({"exchange_unsealed"})),
        "pending_blocks": (bulk.PENDING, (), frozenset({"exchange_pending"})),
        "exchanges": (bulk.PAGE, (token("su", 1), 0, "", 500), frozenset({"exchange_of_subject"})),
        "effects": (EFFECTS, (micros(NOW - timedelta(hours=1)),), frozenset({"effect_at"})),
        "high_water": (postgres_tx.HIGH_WATER, (), frozenset({"fact_at"})),
        "facts": (postgres_tx._FACTS, (token("su", 1), 0), frozenset({"fact_subject_pos_key", "leaf_fact_key"})),
        "entries": (postgres._ENTRIES, (half, half + 500), frozenset({"leaf_pkey", "fact_pkey"})),
    }


Plan = dict[str, Any]

WALKS = frozenset({"Index Scan", "Index Only Scan"})
AROUND = frozenset({"Limit", "LockRows", "Append", "Result", "Nested Loop"})
WHOLE = frozenset({"look_back_started", "exchange_unsealed", "exchange_pending", "fact_at"})
"""Indexes walked from an end: they hold nothing but what is asked for, or their last entry is the answer."""


def plans(store: PostgresStore, asked: str, values: tuple[object, ...], *, run: bool = False) -> list[Plan]:
    """Return how PostgreSQL answers: knowing the values, and once for all values, as it does after some times.

    Where it is to `run`, each step also tells what it read.
    """
    raw, found = store._link.get().raw, []
    statement = asked
    for number in range(1, len(values) + 1):
        statement = statement.replace("?", f"${number}", 1)
    execute = "EXECUTE asked" + (f"({', '.join(['%s'] * len(values))})" if values else "")
    explain = f"EXPLAIN (FORMAT JSON{', ANALYZE, BUFFERS' if run else ''}) {execute}"
    with raw.transaction():
        raw.execute(f"PREPARE asked AS {statement}".encode())
        for mode in ("force_custom_plan", "force_generic_plan"):
            raw.execute(f"SET LOCAL plan_cache_mode = {mode}".encode())
            row = ClientCursor(raw).execute(explain.encode(), values).fetchone()
            found.append(row[0][0]["Plan"])  # type: ignore[index]
        raw.execute("DEALLOCATE asked")
    return found


def faults(plan: Plan, indexes: frozenset[str]) -> list[str]:
    """Return what a plan does beside walking a part of these indexes."""
    kind, index = plan["Node Type"], plan.get("Index Name")
    found = [fault for inner in plan.get("Plans", ()) for fault in faults(inner, indexes)]
    if kind in AROUND:
        return found
    if kind not in WALKS or index not in indexes:
        return [*found, f"{kind} {index}"]
    return found if "Index Cond" in plan or index in WHOLE else [*found, f"the whole of {index}"]


def pages(plan: Plan) -> int:
    """Return how many pages a plan that ran has read."""
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def vm_steps(store: SqliteStore, ask: Callable[[], object]) -> int:
    """Return how many steps of its machine SQLite took to answer."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    ask()  # prepares
    connections = [store._reader(), store._bulk._link._connection]  # type: ignore[attr-defined]
    for one in connections:
        one.set_progress_handler(count, 1)
    ask()
    for one in connections:
        one.set_progress_handler(None, 0)
    return taken
