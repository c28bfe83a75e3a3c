"""What version 1 began with; it kept no list of its steps."""

from __future__ import annotations

revision = "0001_post"
down_revision = None


def upgrade() -> None:
    """Do nothing."""
