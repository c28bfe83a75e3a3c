"""What a database says of its own schema, for comparison: tables, columns, types, indexes, triggers, functions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

SCHEMAS = ["answerable", "answerable_bulk"]
POSTGRES = {
    "columns": """
SELECT table_schema, table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity
FROM information_schema.columns WHERE table_schema = ANY(%s) ORDER BY 1, 2, 3
""",
    "tables": """
SELECT nspname, relname, relkind, coalesce(array_to_string(reloptions, ','), '') FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = ANY(%s) ORDER BY 1, 2
""",
    "indexes": "SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE schemaname = ANY(%s) ORDER BY 1, 2",
    "constraints": """
SELECT nspname, conrelid::regclass::text, conname, pg_get_constraintdef(pg_constraint.oid) FROM pg_constraint
JOIN pg_namespace ON pg_namespace.oid = connamespace WHERE nspname = ANY(%s) ORDER BY 1, 2, 3
""",
    "triggers": """
SELECT nspname, tgname, pg_get_triggerdef(pg_trigger.oid), tgenabled::text FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%s) AND NOT tgisinternal ORDER BY 1, 2
""",
    "functions": """
SELECT nspname, proname, pg_get_functiondef(pg_proc.oid) FROM pg_proc
JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = ANY(%s) ORDER BY 1, 2
""",
}


def of_postgres(dsn: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database of PostgreSQL says."""
    with psycopg.connect(dsn) as found:
        return {name: found.execute(asked, (SCHEMAS,)).fetchall() for name, asked in POSTGRES.items()}


def of_sqlite(folder: Path) -> dict[str, Any]:
    """Return what the two files of a folder say."""
    return {name: _of_file(folder / name) for name in ("record.db", "bulk.db")}


def _of_file(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as found:
        kept = found.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        tables = [name for kind, name, _, _ in kept if kind == "table"]
        return {
            "kept": [(*row[:3], " ".join((row[3] or "").split())) for row in kept],
            "columns": {name: found.execute(f"PRAGMA table_xinfo({name})").fetchall() for name in tables},
            "steps": found.execute("SELECT version_num FROM migration").fetchall() if "migration" in tables else [],
            "version": found.execute("PRAGMA user_version").fetchone(),
        }
