"""The wheel's one door for time and chance, for programs that bring no clocks of their own.

Law: nothing else in the wheel reads a clock.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

from answerable_gate.io.following import Clocks

NONCE_BYTES = 16


def _wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - this wheel's own door


SYSTEM = Clocks(wall=_wall, monotonic=time.monotonic)  # noqa: TID251 - this wheel's own door


def nonce() -> bytes:
    """Give 16 random bytes, which tell one run of a program from the next."""
    return os.urandom(NONCE_BYTES)
