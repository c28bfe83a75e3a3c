"""Addresses on loopback: one for a program that takes no socket, and one at which nobody ever listens.

Law: nothing else of the machine is given a port of these meanwhile, however many sockets a test run opens.
"""

from __future__ import annotations

import random
import socket
from functools import cache

# Below what systems give out by themselves, to whoever connects or asks for any port.
_PORTS = range(20_000, 32_000)
_CHANCE = random.SystemRandom()


def free_port() -> int:
    """Give a port at which nobody listens."""
    while True:
        port = _CHANCE.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@cache
def _kept() -> socket.socket:
    kept = socket.socket()
    kept.bind(("127.0.0.1", 0))
    return kept


def closed_port() -> str:
    """Give an address at which nobody listens, now or later."""
    return f"http://127.0.0.1:{_kept().getsockname()[1]}"
