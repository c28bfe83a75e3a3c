"""The parts that a process is made of: servers, and work in threads; each begins, runs and ends by itself.

Law: what was accepted is committed before a part has ended.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from answerable.cli.listening import App, Server, address_of
from answerable.errors import ConfigError
from answerable.work.loop import Step, run


class Part(Protocol):
    """Something that runs until it is told to end."""

    @property
    def said(self) -> str:
        """Return what the ready line says of it, as `api=http://127.0.0.1:8700`, or nothing."""

    async def begun(self) -> None:
        """Wait until it is ready."""

    async def run(self) -> None:
        """Run until it has ended, by itself or because it was told to."""

    def end(self) -> None:
        """Tell it to end; what is under way may finish."""


async def nothing() -> None:
    """Leave it at that."""


class Serving:
    """A server as a part; its first socket is the one that others are told of."""

    def __init__(
        self, name: str, app: App, sockets: Sequence[socket.socket], *, grace_s: int, web_sockets: bool = False,
        ending: Callable[[], None] = lambda: None, ended: Callable[[], Awaitable[None]] = nothing,
    ) -> None:  # fmt: skip
        """Take its name, the application, where it listens, and what to call when it is to end and when it has."""
        self._name = name
        self._server = Server(app, grace_s=grace_s, web_sockets=web_sockets)
        self._sockets = list(sockets)
        self._ending = ending
        self._ended = ended

    @property
    def said(self) -> str:
        """Return where it listens."""
        return f"{self._name}={address_of(self._sockets[0])}"

    async def begun(self) -> None:
        """Wait until it listens."""
        await self._server.begun.wait()

    async def run(self) -> None:
        """Serve until told to end."""
        try:
            await self._server.serve(self._sockets)
        except SystemExit as error:
            # How uvicorn says that the application did not start; here others run beside it.
            raise ConfigError(f"{self._name} could not start", hint="the log says why") from error
        await self._ended()

    def end(self) -> None:
        """Take nobody new in, let those inside finish within the grace, then cut them."""
        self._ending()
        self._server.should_exit = True


class Working:
    """Steps in threads of their own as a part."""

    def __init__(self, steps: Callable[[], list[Step]], *, ended: Callable[[], None] = lambda: None) -> None:
        """Take what makes the steps, and what to call when the last of them has ended."""
        self._steps = steps
        self._ended = ended
        self._stop = threading.Event()
        self._begun = asyncio.Event()

    @property
    def said(self) -> str:
        """Return nothing: it listens nowhere."""
        return ""

    async def begun(self) -> None:
        """Wait until the steps are made."""
        await self._begun.wait()

    async def run(self) -> None:
        """Run the steps until told to end, each to the end of its turn."""
        steps = self._steps()
        self._begun.set()
        await asyncio.to_thread(run, steps, self._stop)
        await asyncio.to_thread(self._ended)

    def end(self) -> None:
        """Tell every step to end."""
        self._stop.set()
