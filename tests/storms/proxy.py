"""A line between a program and its PostgreSQL that a test may cut, darken, or let lose the answer to a COMMIT.

Law: a dark line takes no packet at all, so that whoever speaks into it is never told that anybody heard.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

from psycopg import conninfo

_ATTACH_FILTER, _DETACH_FILTER = 26, 27
_TAKE_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


class Line:
    """Listens on the loopback and carries what comes to a server, until told otherwise; end it with `close`."""

    def __init__(self, dsn: str) -> None:
        """Take the server's address."""
        self.straight = self._dsn = dsn
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self.is_cut = self._is_dark = False
        self.lose: list[str] = []
        self.lost = threading.Event()
        self._start(self._accept)

    @property
    def dsn(self) -> str:
        """The server's address by way of this line; whoever is not heard gives up after 1.5 s."""
        port = self._listening.getsockname()[1]
        return conninfo.make_conninfo(
            self._dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable",
            tcp_user_timeout=1500, keepalives_idle=1, keepalives_interval=1, keepalives_count=1, connect_timeout=2,
        )  # fmt: skip

    def cut(self) -> None:
        """End every connection and let nobody new through, until `mend`."""
        self.is_cut = True
        self._end_all()

    def darken(self) -> None:
        """Take no packet from the program any more, nor give it one, until `mend`."""
        with self._lock:
            self._is_dark = True
            code = ctypes.create_string_buffer(_TAKE_NOTHING)
            program = struct.pack("HL", 1, ctypes.addressof(code))
            for client, _ in self._pairs:
                with suppress(OSError):
                    client.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)

    def mend(self) -> None:
        """Let new connections through again; those of before are gone."""
        self.is_cut = self._is_dark = False
        self._end_all()

    def close(self) -> None:
        """End it."""
        self.cut()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _end_all(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            _end(*pair)

    def _start(self, run: object, *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.is_cut or self._is_dark:
                    client.close()
                    continue
                server = _connected(self._dsn)
                with self._lock:
                    self._pairs.append((client, server))
                self._start(self._up, client, server)
                self._start(self._down, client, server)

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if b"COMMIT" in data and self.lose:
                    if self.lose[0] == "before":
                        self._drop(client, server)
                        return
                    self.lose[0] = "now"
                server.sendall(data)
        _end(client, server)

    def _down(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if b"COMMIT" in data and self.lose[:1] == ["now"]:
                    self._drop(client, server)
                    return
                if not self._is_dark:
                    client.sendall(data)
        _end(client, server)

    def _drop(self, client: socket.socket, server: socket.socket) -> None:
        del self.lose[0]
        if self.lose == ["for good"]:
            self.cut()
        self.lost.set()
        _end(client, server)


def _connected(dsn: str) -> socket.socket:
    given = conninfo.conninfo_to_dict(dsn)
    host, port = str(given["host"]), int(given.get("port") or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    found = socket.socket(socket.AF_UNIX)
    found.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return found


def _end(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
