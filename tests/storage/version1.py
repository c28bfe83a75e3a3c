"""Version 1 of the SQLite record, frozen: its schema, its rule for opening, the statements it wrote and read with.

Law: nothing here follows the product; it is what programs of version 1 still do beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

RECORD_SQL = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE fact (
  idx INTEGER PRIMARY KEY, subject TEXT, high_water INTEGER NOT NULL, nodes BLOB NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE INDEX fact_of_subject ON fact (subject);
CREATE TRIGGER fact_stays BEFORE UPDATE ON fact BEGIN SELECT raise(ABORT, 'a fact is never changed'); END;
CREATE TRIGGER fact_is_kept BEFORE DELETE ON fact BEGIN SELECT raise(ABORT, 'a fact is never deleted'); END;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
CREATE TABLE text (
  token TEXT PRIMARY KEY, case_id TEXT NOT NULL, author TEXT NOT NULL, slot TEXT NOT NULL,
  wrapped_key BLOB NOT NULL, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL, commitment TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE author_key (
  case_id TEXT NOT NULL, author TEXT NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (case_id, author)
) STRICT, WITHOUT ROWID;
CREATE TABLE blob (address TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
  space TEXT NOT NULL, blind TEXT NOT NULL, token TEXT NOT NULL, kind TEXT NOT NULL, verified_at INTEGER,
  PRIMARY KEY (space, blind, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_of_token ON alias (space, token);
CREATE TABLE answer (
  source TEXT NOT NULL, key TEXT NOT NULL, answer BLOB NOT NULL, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE outgoing (
  idem TEXT PRIMARY KEY, topic TEXT NOT NULL, body TEXT NOT NULL, not_before INTEGER NOT NULL,
  next_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX outgoing_waiting ON outgoing (next_at, idem) WHERE done = 0;
CREATE TABLE feed (subject TEXT PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, version INTEGER NOT NULL)
  STRICT, WITHOUT ROWID;
CREATE TABLE gate_alias (subject TEXT NOT NULL, alias TEXT NOT NULL, PRIMARY KEY (subject, alias))
  STRICT, WITHOUT ROWID;
CREATE TABLE case_row (
  case_id TEXT PRIMARY KEY, subject TEXT NOT NULL, person TEXT NOT NULL, tier INTEGER NOT NULL,
  closed INTEGER NOT NULL, owner TEXT, deputy TEXT, opened_at INTEGER NOT NULL, decide_due INTEGER NOT NULL,
  wake_at INTEGER, yardstick INTEGER NOT NULL, barred TEXT NOT NULL, policy TEXT NOT NULL,
  UNIQUE (subject, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_queue ON case_row (closed, tier, decide_due, case_id);
CREATE INDEX case_wake ON case_row (wake_at, case_id, subject) WHERE wake_at IS NOT NULL;
CREATE INDEX case_policy ON case_row (policy) WHERE closed = 0;
CREATE TABLE look_back (
  case_id TEXT NOT NULL, notice TEXT NOT NULL, subject TEXT NOT NULL, started_at INTEGER NOT NULL,
  PRIMARY KEY (case_id, notice)
) STRICT, WITHOUT ROWID;
CREATE INDEX look_back_started ON look_back (started_at, case_id, notice);
CREATE TABLE effect (act TEXT NOT NULL, case_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (act, case_id))
  STRICT, WITHOUT ROWID;
CREATE INDEX effect_at ON effect (at);
CREATE TABLE releasing (idx INTEGER PRIMARY KEY, subject TEXT NOT NULL) STRICT;
"""
BULK_SQL = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE exchange (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, gate TEXT NOT NULL, conversation TEXT, model TEXT,
  answer TEXT NOT NULL, level INTEGER NOT NULL, standing INTEGER NOT NULL, tokens INTEGER NOT NULL,
  digest TEXT NOT NULL, complete INTEGER NOT NULL, block TEXT,
  pending INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX exchange_of_subject ON exchange (subject, at, id);
CREATE INDEX exchange_unsealed ON exchange (subject, at, id) WHERE block IS NULL;
CREATE INDEX exchange_pending ON exchange (block, at, id) WHERE pending = 1;
"""

WRITES = {
    "fact": """
INSERT INTO fact SELECT ?1, ?2, max(?3, ifnull((SELECT high_water FROM fact WHERE idx = ?1 - 1), ?3)), ?4, ?5
""",
    "checkpoint": "INSERT INTO checkpoint VALUES (?, ?) ON CONFLICT (size) DO UPDATE SET note = excluded.note",
    "text": "INSERT INTO text VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "author_key": "INSERT INTO author_key VALUES (?, ?, ?)",
    "blob": "INSERT OR IGNORE INTO blob VALUES (?, ?)",
    "alias": """
INSERT INTO alias VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, blind, token) DO UPDATE SET kind = excluded.kind,
  verified_at = max(coalesce(verified_at, excluded.verified_at), coalesce(excluded.verified_at, verified_at))
""",
    "answer": "INSERT OR IGNORE INTO answer VALUES (?, ?, ?)",
    "outgoing": "INSERT OR IGNORE INTO outgoing (idem, topic, body, not_before, next_at) VALUES (?, ?, ?, ?, ?)",
    "feed": """
INSERT INTO feed VALUES (?, (SELECT ifnull(max(seq), 0) + 1 FROM feed), 1)
ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, version = version + 1
""",
    "gate_alias": "INSERT INTO gate_alias VALUES (?, ?)",
    "case_row": """
INSERT INTO case_row VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (case_id) DO UPDATE SET person = excluded.person, tier = excluded.tier, closed = excluded.closed,
  owner = excluded.owner, deputy = excluded.deputy, decide_due = excluded.decide_due, wake_at = excluded.wake_at,
  yardstick = excluded.yardstick, barred = excluded.barred, policy = excluded.policy
""",
    "look_back": """
INSERT INTO look_back VALUES (?, ?, ?, ?)
ON CONFLICT (case_id, notice) DO UPDATE SET started_at = excluded.started_at
""",
    "effect": "INSERT OR IGNORE INTO effect VALUES (?, ?, ?)",
    "releasing": "INSERT INTO releasing VALUES (?, ?)",
    "exchange": "INSERT OR IGNORE INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)",
}
CHANGES: list[tuple[str, tuple[object, ...]]] = [
    ("UPDATE case_row SET owner = ?, deputy = ? WHERE case_id = ?", ("a", "b", "none")),
    ("DELETE FROM look_back WHERE case_id = ? AND notice = ?", ("none", "none")),
    ("UPDATE outgoing SET next_at = ?, attempts = attempts + 1 WHERE idem = ?", (1, "none")),
    ("UPDATE outgoing SET done = max(done, ?), next_at = ifnull(?, next_at) WHERE idem = ?", (0, None, "none")),
]
BULK_CHANGES: list[tuple[str, tuple[object, ...]]] = [
    ("UPDATE exchange SET block = ?, pending = 1 WHERE id = ? AND subject = ? AND block IS NULL", ("r", "none", "s")),
    ("UPDATE exchange SET pending = 0 WHERE block = ? AND pending = 1", ("r",)),
]
READS: list[tuple[str, tuple[object, ...]]] = [
    ("SELECT ifnull(max(idx) + 1, 0) FROM fact", ()),
    ("SELECT substr(nodes, ? + 1, ?) FROM fact WHERE idx = ?", (0, 32, 1)),
    ("SELECT bytes FROM fact WHERE idx = ?", (0,)),
    ("SELECT bytes FROM fact WHERE idx >= ? AND idx < ? ORDER BY idx", (0, 1000)),
    ("SELECT max(idx) FROM fact WHERE subject IS ?", (None,)),
    ("SELECT idx, bytes FROM fact WHERE subject IS ? AND idx >= ? ORDER BY idx", (None, 0)),
    ("SELECT high_water FROM fact ORDER BY idx DESC LIMIT 1", ()),
    ("SELECT size, note FROM checkpoint ORDER BY size", ()),
    ("SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1", ()),
    ("SELECT ifnull(max(size), 0) FROM checkpoint", ()),
    ("SELECT subject FROM releasing WHERE idx >= ? AND idx < ? ORDER BY idx", (0, 1000)),
    ("SELECT subject FROM case_row WHERE case_id = ?", ("none",)),
    ("SELECT at FROM effect WHERE at >= ? ORDER BY at", (0,)),
    ("SELECT * FROM text WHERE token = ?", ("none",)),
    ("SELECT wrapped FROM author_key WHERE case_id = ? AND author = ?", ("none", "none")),
    ("SELECT content FROM blob WHERE address = ?", ("none",)),
    ("SELECT blind, kind, token, verified_at FROM alias WHERE space = ? AND blind = ? ORDER BY token", ("s", "b")),
    ("SELECT blind, kind, token, verified_at FROM alias WHERE space = ? AND token = ? ORDER BY kind, blind", ("", "")),
    ("SELECT answer FROM answer WHERE source = ? AND key = ?", ("none", "none")),
    ("SELECT alias FROM gate_alias WHERE subject = ? ORDER BY alias", ("none",)),
    ("SELECT ifnull(max(seq), 0) FROM feed", ()),
    ("SELECT subject, seq, version FROM feed WHERE seq > ? ORDER BY seq LIMIT ?", (0, 1000)),
    ("""
SELECT * FROM case_row
WHERE (closed, tier, decide_due, case_id) > (?, ?, ?, ?) AND instr(' ' || barred || ' ', ?) = 0
ORDER BY closed, tier, decide_due, case_id LIMIT ?
""", (0, 0, 0, "", " x ", 1000)),
    ("SELECT subject FROM case_row WHERE wake_at <= ? ORDER BY wake_at, case_id", (2**62,)),
    ("""
SELECT subject FROM case_row INDEXED BY case_policy WHERE closed = 0 AND policy < ?1
UNION ALL SELECT subject FROM case_row INDEXED BY case_policy WHERE closed = 0 AND policy > ?1
""", ("",)),
    ("SELECT subject, case_id, notice FROM look_back ORDER BY started_at, case_id, notice LIMIT ?", (1000,)),
    ("""
SELECT idem, topic, body, not_before, attempts FROM outgoing
WHERE done = 0 AND next_at <= ? ORDER BY next_at, idem LIMIT ?
""", (2**62, 1000)),
    ("SELECT * FROM case_row", ()),
    ("SELECT case_id, notice, subject, started_at FROM look_back", ()),
    ("SELECT act, case_id, at FROM effect", ()),
    ("SELECT idx, subject FROM releasing", ()),
]  # fmt: skip
BULK_READS: list[tuple[str, tuple[object, ...]]] = [
    ("SELECT * FROM exchange WHERE subject = ? AND (at, id) > (?, ?) ORDER BY at, id LIMIT ?", ("s", 0, "", 1000)),
    ("SELECT * FROM exchange WHERE block IS NULL ORDER BY subject, at, id LIMIT ?", (1000,)),
    ("SELECT * FROM exchange WHERE pending = 1 ORDER BY block, at, id", ()),
]


def begin(folder: Path, *, origin: str, mark: str) -> None:
    """Begin a record as version 1 did."""
    folder.mkdir(mode=0o700)
    for name, script in (("bulk.db", BULK_SQL), ("record.db", RECORD_SQL)):
        with closing(sqlite3.connect(folder / name, isolation_level=None)) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.executescript(script)
            made.executemany("INSERT INTO meta VALUES (?, ?)", [("origin", origin), ("mark", mark)])
            made.execute("PRAGMA user_version=1")


class Client:
    """A program of version 1 on a record, as far as its SQL goes."""

    def __init__(self, folder: Path, *, origin: str, mark: str) -> None:
        """Open a record, or refuse it as version 1 would: with ValueError."""
        self.record, self.bulk = (self._open(folder / name, origin, mark) for name in ("record.db", "bulk.db"))

    def _open(self, path: Path, origin: str, mark: str) -> sqlite3.Connection:
        found = sqlite3.connect(path, isolation_level=None)
        found.execute("PRAGMA foreign_keys=ON")
        if found.execute("PRAGMA user_version").fetchone()[0] > 1:
            found.close()
            raise ValueError("a newer program wrote this")
        meta = dict(found.execute("SELECT key, value FROM meta").fetchall())
        assert (meta.get("origin"), meta.get("mark")) == (origin, mark)
        return found

    def write(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write rows in one transaction."""
        file = self.bulk if table == "exchange" else self.record
        file.execute("BEGIN IMMEDIATE")
        file.executemany(WRITES[table], list(rows))
        file.execute("COMMIT")

    def change(self) -> None:
        """Run each statement that changed rows."""
        for file, changes in ((self.record, CHANGES), (self.bulk, BULK_CHANGES)):
            for statement, values in changes:
                file.execute(statement, values)

    def read(self) -> list[list[Any]]:
        """Return what each statement reads."""
        files = ((self.record, READS), (self.bulk, BULK_READS))
        return [file.execute(asked, values).fetchall() for file, reads in files for asked, values in reads]

    def place_of(self, notice: str) -> int | None:
        """Return the leaf index of a notice, as version 1 made its receipt."""
        asked = "SELECT answer FROM answer WHERE source = 'notice_entry' AND key = ?"
        row = self.record.execute(asked, (notice,)).fetchone()
        return None if row is None else int(row[0])

    def close(self) -> None:
        """Close the files."""
        self.record.close()
        self.bulk.close()
