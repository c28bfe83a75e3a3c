"""What a set of notes beside the witness's own does with each fact; a set leaves out what it has no eye for.

Law: a fact is checked against what was known before it, then noted; what its act owed is checked once all is noted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from answerable.core import facts as f


class Watch:
    """Notes of one matter, and the checks over them."""

    def check(self, recorded: f.Recorded, act: Sequence[f.Fact], /) -> None:
        """Check one fact before it is noted; `act` is everything that its act has written."""

    def note(self, recorded: f.Recorded, /) -> None:
        """Note one fact, after the witness."""

    def owed(self, subjects: set[str], at: datetime, /) -> None:
        """Check, after an act at a time on some subjects, what it had to leave behind."""
