"""What every scenario starts with: an empty house.

Law: a story goes the same way wherever its record lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from answerable.store.places import Place
from tests.postgres import database
from tests.scenarios.story import Story


@pytest.fixture(params=["memory", "files", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place | None]:
    """Give each place where a record may lie; None is memory."""
    if request.param == "memory":
        yield None
    elif request.param == "files":
        yield Place.of_folder(tmp_path / "record")
    else:
        with database() as dsn:
            yield Place.of_database(dsn)


@pytest.fixture
def story(tmp_path: Path, place: Place | None) -> Iterator[Story]:
    """Begin a story on an empty record."""
    begun = Story(folder=tmp_path, place=place)
    with closing(begun.store):
        yield begun
