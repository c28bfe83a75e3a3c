"""What every scenario starts with: an empty house.

Law: the record is the one that runs in production, in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from answerable.store.memory import MemoryStore
from tests.scenarios.story import ORIGIN, Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Begin a story on an empty record."""
    store = MemoryStore(origin=ORIGIN)
    yield Story(store=store, folder=tmp_path)
    store.close()
