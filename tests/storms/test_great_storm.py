"""The great storm: the real program, three times over one record, killed at random while clients resend (L1, L17)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.postgres import Own, own_server
from tests.storms.ground import Ground, prepare, settled
from tests.storms.reckoning import reckon
from tests.storms.weather import Plan, Storm


@pytest.fixture
def server() -> Iterator[Own]:
    """Start a PostgreSQL whose backends may die."""
    with own_server() as found:
        yield found


@pytest.fixture
def on_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Own) -> Iterator[Ground]:
    """Give a house with its record in that PostgreSQL."""
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE storm")
    with settled(tmp_path / "house", monkeypatch, server.dsn("storm")) as found:
        yield found


def weather(ground: Ground, plan: Plan, *, dues: int, lifts: int, admin: str | None = None) -> None:
    """Let it storm and reckon."""
    prepare(ground, dues=dues, lifts=lifts)
    storm = Storm(ground, plan, admin)
    storm.rage()
    print(dict(storm.deaths), dict(storm.statuses))
    kinds = {"outside": plan.outside, "inside": plan.inside, "backend": plan.backends, "terminated": plan.terminated}
    assert storm.deaths == Counter(kinds)
    reckon(storm)


def test_a_storm_over_files_loses_and_doubles_nothing(in_files: Ground) -> None:
    """Three processes on SQLite: deadlines and notices come once, through deaths from within and without."""
    weather(in_files, Plan(notices=200, outside=4, inside=2), dues=60, lifts=3)


def test_a_storm_over_postgres_loses_and_doubles_nothing(on_postgres: Ground, server: Own) -> None:
    """Three processes on PostgreSQL: the same, and its own backends die and are terminated beside them."""
    plan = Plan(notices=200, outside=2, inside=2, backends=1, terminated=1)
    weather(on_postgres, plan, dues=60, lifts=3, admin=server.dsn())


@pytest.mark.long
def test_a_great_storm_over_files(in_files: Ground) -> None:
    """600 deadlines, 5,000 notices, three processes, thirty deaths and more."""
    weather(in_files, Plan(notices=5_000, outside=20, inside=10), dues=600, lifts=20)


@pytest.mark.long
def test_a_great_storm_over_postgres(on_postgres: Ground, server: Own) -> None:
    """600 deadlines, 5,000 notices, three processes and their server, thirty deaths and more."""
    plan = Plan(notices=5_000, outside=12, inside=10, backends=6, terminated=6)
    weather(on_postgres, plan, dues=600, lifts=20, admin=server.dsn())
