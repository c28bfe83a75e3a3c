"""Programs of version 1 may no longer open the record; nothing is taken away."""

from __future__ import annotations

revision = "0002_post"
down_revision = "0002_pre"


def upgrade() -> None:
    """Do nothing: what version 1 wrote is read for ever."""
