"""Houses to storm over, in files and in PostgreSQL.

Law: a test that takes `ground` passes over both unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from answerable.cli.wiring import House
from tests.postgres import database
from tests.storms.ground import Ground, settled

Enter = Callable[[], House]


@pytest.fixture
def on_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """Give a house with its record in a database of the shared server, whose processes nobody kills."""
    with database() as dsn, settled(tmp_path / "house", monkeypatch, dsn) as found:
        yield found


@pytest.fixture
def in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """Give a house with its record in files."""
    with settled(tmp_path / "house", monkeypatch) as found:
        yield found


@pytest.fixture(params=["in_files", "on_database"])
def ground(request: pytest.FixtureRequest) -> Any:
    """Give a house of each kind."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def enter(ground: Ground) -> Iterator[Enter]:
    """Give what opens the record once more, as another process would; all are closed at the end."""
    with ExitStack() as opened:

        def one_more() -> House:
            house = ground.house()
            opened.callback(house.close)
            return house

        yield one_more
