"""Sockets and the servers on them: several servers in one process, several processes on one address.

Law: a socket that is given up has answered everybody whom it let in.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer
import uvicorn

from answerable.config import host_port
from answerable.errors import ConfigError

LET_IN_S = 0.3
GRACE_S = 5
DEAD_MS = 20_000
_ATTACH_FILTER = 26
# Classic BPF on the TCP header: of byte 13 the flags SYN and ACK; SYN alone is dropped, all else is taken.
_NO_NEW_ONES = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))

_log = logging.getLogger("answerable.listening")

App = Callable[..., Awaitable[Any]]


class Server(uvicorn.Server):
    """A server among others in one process: signals are for the process."""

    def __init__(self, app: App, *, grace_s: int, web_sockets: bool = False) -> None:
        """Take the application and for how many seconds requests under way may go on once it is to end."""
        super().__init__(
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, proxy_headers=False,
                ws="websockets-sansio" if web_sockets else "none",
                timeout_graceful_shutdown=grace_s, h11_max_incomplete_event_size=64 * 1024, lifespan="on",
            )
        )  # fmt: skip
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        self.begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; who has knocked at a shared address is let in first, for nobody else would hear him."""
        turned = [_turn_away(one) for one in sockets or () if _is_shared(one)]
        if any(turned):
            await asyncio.sleep(LET_IN_S)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def listen(address: str, *, share: bool) -> socket.socket:
    """Return a socket bound to an address of the file; raise ConfigError where that cannot be.

    Shared, other processes of the same user may bind it too, and each gets a part of what comes in.
    """
    host, port = host_port(address)
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if share:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        hint = "where another process serves there on purpose, both need [serve] share = true or --share"
        raise ConfigError(f"cannot listen on {address}: {error.strerror}", hint=hint) from error
    return found


async def serve_alone(app: App, listening: socket.socket, name: str, address: str) -> None:
    """Serve one application as a process of its own, until SIGTERM, and say when it is ready."""
    server, loop = Server(app, grace_s=GRACE_S), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    serving = asyncio.create_task(server.serve([listening]))
    begun = asyncio.create_task(server.begun.wait())
    await asyncio.wait([serving, begun], return_when=asyncio.FIRST_COMPLETED)
    if begun.done():
        _log.info("listens on %s", address)
        typer.echo(f"ready {name}={address}")
    begun.cancel()
    await serving


def give_up_the_dead(listening: socket.socket) -> None:
    """End connections whose peer has taken nothing for 20 s: behind a cut line nobody counts as heard of.

    Not for answers to people, who may read as slowly as they like.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_MS)  # connections inherit it


def address_of(listening: socket.socket) -> str:
    """Return the address at which a socket listens, as http://127.0.0.1:8700."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_shared(listening: socket.socket) -> bool:
    return bool(listening.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))


def _turn_away(listening: socket.socket) -> bool:
    """Let nobody new begin to connect here; who tries tries again, and then meets another process at the address.

    Closing at once would reset whoever has connected and was not yet accepted. False where this system cannot.
    """
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in _NO_NEW_ONES))
    with suppress(OSError):
        program = struct.pack("HL", len(_NO_NEW_ONES), ctypes.addressof(code))
        listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
        return True
    return False
