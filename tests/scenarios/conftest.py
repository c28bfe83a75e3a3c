"""What every scenario starts with: an empty house.

Law: the record is the one that runs in production, in a folder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.story import Story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """Begin a story on an empty record."""
    begun = Story(folder=tmp_path)
    yield begun
    begun.store.close()
