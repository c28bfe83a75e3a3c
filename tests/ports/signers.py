"""Signers to be asked: a tree that grows, and the real service on a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext

from starlette.applications import Starlette

from answerable.cli.listening import Server
from answerable.cli.sign import _unix_socket, build
from answerable.ledger.notes import checkpoint_text
from answerable.ledger.tree import consistency
from answerable.ledger.verify import Checkpoint, CompactRange, leaf_hash
from answerable.ports.signer import LocalSigner
from answerable.ports.signer_remote import RemoteSigner
from tests.running import until

NAME = "log.example.org"

class Log:
    """A tree that remembers its nodes."""

    def __init__(self) -> None:
        """Begin empty."""
        self.range = CompactRange()
        self.nodes: dict[tuple[int, int], bytes] = {}

    def grow(self, *entries: bytes) -> str:
        """Append and return the checkpoint text."""
        for entry in entries:
            for level, index, node in self.range.append(leaf_hash(entry)):
                self.nodes[level, index] = node
        return checkpoint_text(Checkpoint(NAME, self.range.size, self.range.root()))

    def prove(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency proof."""
        return consistency(old, new, lambda level, index: self.nodes[level, index])


@contextmanager
def answering(listening: socket.socket, app: Starlette, *, tls: SSLContext | None = None) -> Iterator[None]:
    """Serve on a socket until left."""
    server = Server(app, grace_s=0)
    server.config.load()
    server.config.ssl = tls
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    try:
        until(lambda: server.started, "the signer listens")
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def on_socket(key: Path, path: Path) -> Iterator[RemoteSigner]:
    """Serve a key on a Unix socket and give the client of it."""
    with _unix_socket(path) as listening, answering(listening, build(LocalSigner(key), None)):
        yield asking(f"unix:{path}", key)


def asking(address: str, key: Path, *, token: str | None = None, timeout_s: float = 20) -> RemoteSigner:
    """Return the client of a signer at an address, under the key that is right."""
    return RemoteSigner(address, pinned=LocalSigner(key).vkey, token=token, timeout_s=timeout_s)
