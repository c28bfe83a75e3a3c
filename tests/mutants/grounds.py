"""The places where a simulated record can lie, for tests that hold for each of them."""

from __future__ import annotations

from pathlib import Path

from answerable.simulation.database import InDatabase
from answerable.simulation.grounds import Ground, InFiles, InMemory
from tests.postgres import server

KINDS = ("memory", "files", "database")


def grounds(kind: str, folder: Path) -> Ground:
    """Begin an empty record of a kind."""
    if kind == "memory":
        return InMemory()
    return InFiles(folder) if kind == "files" else InDatabase(server())
