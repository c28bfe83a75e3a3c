"""Tables for the signs of life of gates, processes, sweeps and checks, and for what more gates count."""

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


def upgrade() -> None:
    """Make the tables in bulk.db; version 1 had no other database."""
    if op.get_context().opts["part"] == "bulk":
        op.execute(BEAT)
        op.execute(HANDED)
