"""Tables for the signs of life of gates, processes, sweeps and checks, what more gates count, and sealed spans."""

from __future__ import annotations

from alembic import op

revision = "0002_pre"
down_revision = "0001_post"

BEAT = """
CREATE TABLE beat (
  kind TEXT NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID
"""
HANDED = """
CREATE TABLE handed (id TEXT PRIMARY KEY, documents INTEGER, mentions INTEGER) STRICT, WITHOUT ROWID
"""
SPAN = (
    """
CREATE TABLE span (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL, kind TEXT NOT NULL,
  token TEXT NOT NULL, author TEXT NOT NULL, slot TEXT NOT NULL, wrapped_key BLOB NOT NULL, nonce BLOB NOT NULL,
  ciphertext BLOB NOT NULL, commitment TEXT NOT NULL
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX span_of_subject ON span (subject, at, id)",
    "CREATE INDEX span_until ON span (until)",
)


def upgrade() -> None:
    """Make the tables in bulk.db; version 1 had no other database."""
    if op.get_context().opts["part"] == "bulk":
        op.execute(BEAT)
        op.execute(HANDED)
        for statement in SPAN:
            op.execute(statement)
