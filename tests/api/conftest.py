"""One house for the tests that leave it as it is; whoever kills a process has a house of his own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running import House, serving


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve an empty record."""
    with serving(tmp_path_factory.mktemp("house")) as found:
        yield found
