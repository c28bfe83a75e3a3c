"""Real HTTP servers for the ports: the reference over a folder, and one that answers as badly as it is told to."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from answerable.cli.listening import Server, address_of, listen
from answerable.edge import Clock, SeededMint, SystemClock
from answerable.ports.folder import Folder
from answerable.ports.http_client import Asker
from answerable.ports.http_ports import HttpPorts
from answerable.ports.http_server import build

TOKEN = "token-of-the-ports"

Speaks = Callable[[BaseHTTPRequestHandler], None]


def asking(url: str, *, timeout_s: float = 60.0, token: str = TOKEN, clock: Clock | None = None) -> HttpPorts:
    """Return the ports at an address."""
    return HttpPorts(Asker(url, token=token, timeout_s=timeout_s, clock=clock or SystemClock(), mint=SeededMint(7)))


@contextmanager
def served(folder: Folder, *, page_messages: int = 1000) -> Iterator[str]:
    """Serve a folder by the contract, in a thread of its own."""
    app = build(folder, token_hash=hashlib.sha256(TOKEN.encode()).hexdigest(), page_messages=page_messages)
    with listen("127.0.0.1:0", share=False) as listening, _running(app, listening):
        yield address_of(listening)


@contextmanager
def _running(app: Callable[..., Awaitable[Any]], listening: socket.socket) -> Iterator[None]:
    server, ready = Server(app, grace_s=1), threading.Event()

    async def run() -> None:
        serving = asyncio.create_task(server.serve([listening]))
        await server.begun.wait()
        ready.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def speaking(speaks: Speaks) -> Iterator[str]:
    """Serve whatever a function says to each question."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.close_connection = True
            speaks(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/base"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(body: bytes, *, media_type: str = "application/json", status: int = 200) -> Speaks:
    """Return what answers every question alike."""

    def speak(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", media_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return speak


def filled(path: Path) -> Folder:
    """Return a folder for numbers written in Britain."""
    path.mkdir(exist_ok=True)
    return Folder(path, region="GB")
