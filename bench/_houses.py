"""What measurements of a whole house share: a house on SQLite or PostgreSQL, its processes, and whose CPU they took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from answerable.cli.policy import TOKEN_VARIABLES
from answerable.config import init_config
from answerable.edge import RandomMint

ROOT = Path(__file__).resolve().parents[1]
DSN_VARIABLE = "ANSWERABLE_BENCH_DSN"
KINDS = ("sqlite", "postgres")
TICKS = os.sysconf("SC_CLK_TCK")

if str(ROOT) not in sys.path:  # the tests know how to run a PostgreSQL
    sys.path.insert(0, str(ROOT))

from tests.postgres import own_server  # noqa: E402


@dataclass(frozen=True, slots=True)
class Site:
    """A house that can be opened: its folder, the tokens of its people, and its database where it has one.

    `servers` are the processes of a database's server.
    """

    home: Path
    tokens: dict[str, str]
    dsn: str | None = None
    servers: tuple[int, ...] = ()

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "answerable.toml"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        return os.environ | ({DSN_VARIABLE: self.dsn} if self.dsn else {})


@contextmanager
def site(kind: str) -> Iterator[Site]:
    """Settle a house whose policy is signed, with its record in a folder or on a server of its own."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        starter = init_config(home / "answerable.toml", mint=RandomMint())
        if kind == "sqlite":
            yield _adopted(Site(home, starter.tokens))
            return
        with own_server() as server:
            pid = int((server.data / "postmaster.pid").read_text().split()[0])
            yield _adopted(Site(home, starter.tokens, server.dsn(), (pid,)))


def _adopted(found: Site) -> Site:
    text = found.config.read_text().replace("127.0.0.1:8700", "127.0.0.1:0")
    if found.dsn:
        text = text.replace('path = "record"', f'path = "record"\ndsn_env = "{DSN_VARIABLE}"')
    found.config.write_text(text)
    tokens = dict(zip(TOKEN_VARIABLES, (found.tokens[who] for who in ("lead-1", "partner-1")), strict=True))
    command = [sys.executable, "-m", "answerable", "policy", "adopt", "--config", str(found.config)]
    subprocess.run(command, env=found.environment | tokens, check=True, capture_output=True)
    return found


class Crew:
    """Processes of one script that are told what to do and answer, a line of JSON each."""

    def __init__(self, script: str, arguments: Sequence[str], found: Site, count: int) -> None:
        """Start so many of them."""
        command = [sys.executable, script, *arguments]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._processes = [subprocess.Popen(command, env=found.environment, **pipes) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._processes)

    def tell(self, *orders: dict[str, Any]) -> list[Any]:
        """Give each its order at once, and return what each answers."""
        told = list(zip(self._processes, orders, strict=True))
        for process, order in told:
            process.stdin.write(json.dumps(order) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        return [json.loads(process.stdout.readline()) for process, _ in told]  # type: ignore[union-attr]

    def close(self) -> None:
        """Let them end."""
        for process in self._processes:
            process.communicate()


def cpu_s(pids: Sequence[int]) -> float:
    """Return the CPU seconds of processes with all below them, those that have ended too."""
    return sum(_living_s(pid) + _ended_s(pid) for pid in pids)


def _living_s(pid: int) -> float:
    spent = 0
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile, and its parent has its time
        spent += sum(int((one / "schedstat").read_text().split()[0]) for one in Path(f"/proc/{pid}/task").iterdir())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return spent / 1e9 + sum(_living_s(int(child)) for child in children)
    return spent / 1e9


def _ended_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS
