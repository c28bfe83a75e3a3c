"""The recipes of the page on the ways in, to be run as they stand, and programs that a test runs beside it."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import Signals

import pytest
from aiohttp import ClientConnectionError, ClientSession

from tests.sources import ROOT

PAGE = ROOT / "docs/ways-in.md"
STOP_S = 20


def recipe(heading: str, language: str) -> str:
    """Give the first block in a language below a heading."""
    _, found, below = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, f"no heading {heading!r}"
    block = re.search(rf"^```{language}\n(.*?)^```$", below.partition("\n## ")[0], re.DOTALL | re.MULTILINE)
    assert block, f"no {language} below {heading!r}"
    return block[1]


def changed(text: str, changes: Mapping[str, str]) -> str:
    """Replace what a reader would replace; each must be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def environment(lock: Path) -> Path:
    """Give the folder of programs of a virtual environment that holds a lock; it is made once for each."""
    place = ROOT / ".cache" / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    place.parent.mkdir(exist_ok=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)]
    with place.with_suffix(".making").open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)  # the tests of one module may run in several processes
        if not (place / "ready").exists():
            try:
                subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
                subprocess.run(pip, check=True)
            except (subprocess.CalledProcessError, OSError) as error:
                pytest.skip(f"{lock.name} cannot be installed here, so nothing says that its recipe works: {error}")
            (place / "ready").touch()
    return place / "bin"


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """Give the address of a server that takes every question and answers none."""
    ending = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ending.wait()
        writer.close()

    server = await asyncio.start_server(wait, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ending.set()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def program(
    *command: str, log: Path, environment: Mapping[str, str], alive: str, ends_by: Signals = Signals.SIGTERM
) -> AsyncIterator[None]:
    """Run a program until `alive`, an address, answers, and end it."""
    with log.open("wb") as out:
        running = await asyncio.create_subprocess_exec(*command, env=environment, stdout=out, stderr=out)
    try:
        async with ClientSession() as session:
            while not await _answers(session, alive):
                assert running.returncode is None, _end_of(log)
                await asyncio.sleep(0.1)
        yield
    finally:
        if running.returncode is None:
            running.send_signal(ends_by)
        try:
            async with asyncio.timeout(STOP_S):
                await running.wait()
        except TimeoutError:
            running.kill()
            await running.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


async def _answers(session: ClientSession, address: str) -> bool:
    try:
        async with session.get(address):
            return True
    except ClientConnectionError:
        return False
