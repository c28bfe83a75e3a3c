"""The real program, that dies from inside once it has been sent SIGUSR1; it is forked, for storms start many of it.

Law: it dies by SIGKILL before one of the next statements of its transactions or after it, which one nobody knows.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from answerable import cli
from answerable.edge import RandomMint
from answerable.store import postgres_links, sqlite
from answerable.store.postgres_opening import PgConnection

ODDS = 0.08

Perhaps = Callable[[], None]


def perhaps() -> Perhaps:
    """Return what ends this process sooner or later, once it was doomed."""
    chance, doomed = RandomMint(), threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: doomed.set())

    def die() -> None:
        if doomed.is_set() and chance.fraction() < ODDS:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


def in_postgres(die: Perhaps) -> None:
    """Let every statement inside a transaction be the last one, or its answer."""
    for name in ("execute", "executemany"):
        setattr(PgConnection, name, _around(getattr(PgConnection, name), die))


def _around(run: Callable[..., Any], die: Perhaps) -> Callable[..., Any]:
    def around(connection: PgConnection, *arguments: object) -> Any:
        with _deadly(connection, die):
            return run(connection, *arguments)

    return around


@contextmanager
def _deadly(connection: PgConnection, die: Perhaps) -> Iterator[None]:
    is_inside = connection.is_in_transaction
    if is_inside:
        die()
    yield
    if is_inside:
        die()


def in_sqlite(die: Perhaps) -> None:
    """Let every statement inside a transaction be the last one."""
    connect = sqlite.connect  # type: ignore[attr-defined]

    def deadly(path: Path) -> sqlite3.Connection:
        found = connect(path)
        found.set_trace_callback(lambda _: die() if found.in_transaction else None)
        return found

    sqlite.connect = deadly  # type: ignore[attr-defined]


def hurry(lease_s: float = 0.3) -> None:
    """Let another process lead as soon as one is silent: in a storm nobody lives for three seconds."""
    postgres_links.RENEWED_S, postgres_links.PATIENCE_S = 0.1, lease_s


def run(arguments: list[str], environment: dict[str, str], said: Path) -> None:
    """Be the program: what it says goes to a file."""
    with said.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.update(environment)
    sys.argv = ["answerable", *arguments]
    hurry()
    end = perhaps()
    in_postgres(end)
    in_sqlite(end)
    cli.main()
