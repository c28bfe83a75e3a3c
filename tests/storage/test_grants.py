"""The user who runs the house, with the grants that docs/postgresql.md gives.

Law: it can do all that a house does, and can neither change nor remove a fact, nor what guards them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from answerable.app.checking import Check
from answerable.edge import RandomMint
from answerable.store.postgres import PostgresStore
from answerable.store.postgres_inspecting import PgInspection
from answerable.store.protocol import Beat
from answerable.work.outbox import deliver
from tests.app.kept import begin
from tests.postgres import database, server
from tests.storage.worlds import assert_sound

DOCS = Path(__file__).parents[2] / "docs" / "postgresql.md"


@pytest.fixture
def role() -> Iterator[str]:
    """Give the name of a user who owns nothing."""
    name = RandomMint().token("house").replace("-", "").lower()
    with psycopg.connect(server(), autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    with psycopg.connect(server(), autocommit=True) as admin:
        admin.execute(f'DROP ROLE "{name}"')


def test_the_house_needs_no_more_than_it_is_granted(tmp_path: Path, role: str) -> None:
    """It serves, sweeps, seals, sends, leads and checks; no fact, leaf, trigger or mark is in its power."""
    with database() as dsn:
        house, kept = begin(tmp_path, dsn)
        house.store.close()
        with psycopg.connect(dsn) as owner:
            (grants,) = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
            owner.execute(re.sub(r"\bhouse\b", f'"{role}"', grants))
        as_house = conninfo.make_conninfo(dsn, user=role)
        acts = house.answerable.acts
        acts.store = house.store = PostgresStore(as_house, origin=house.store.origin)
        house.warn("one")
        house.flag("two", "user-8")
        house.answerable.seal()
        house.clock.advance(timedelta(hours=30))
        house.flag("three")
        house.answerable.seal()
        deliver(house.answerable, ())
        house.store.beat([Beat(kind="process", name="p", at=house.clock.now())])
        assert house.store.leads("worker")
        assert_sound(house.store)
        house.store.close()
        with closing(PgInspection(as_house)) as inspection:
            assert Check(inspection, kept.trusted).run().findings == ()
        for statement in (
            "UPDATE fact SET at = 0", "DELETE FROM fact", "TRUNCATE fact CASCADE", "UPDATE leaf SET nodes = ''",
            "ALTER TABLE fact DISABLE TRIGGER ALL", "DROP TRIGGER fact_stays ON fact", "DELETE FROM checkpoint",
            "INSERT INTO meta VALUES ('state', 'moved')", "UPDATE text SET nonce = ''", "DELETE FROM author_key",
            "SET session_replication_role = replica", "CREATE TABLE answerable.more (one text)",
        ):  # fmt: skip
            with (
                psycopg.connect(as_house, options="-c search_path=answerable") as given,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                given.execute(statement)
