"""Asking the operator's own systems over HTTP: one question, one bounded wait, a few tries.

Law: whoever does not answer, answers late, too much or in another form has said nothing (L10).
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from typing import NamedTuple
from urllib.parse import urlsplit

from answerable.edge import Clock, Mint
from answerable.ports.http_contract import JSON
from answerable.ports.unknown import NotKnown

TRIES_MAX = 3
WAIT_S = 0.2
AWAY_S = 10.0
"""For how long nobody is asked who has just not answered: a queue of questions must not wait for each in turn."""
_AGAIN = frozenset((HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE,
                    HTTPStatus.GATEWAY_TIMEOUT))  # fmt: skip


class Answer(NamedTuple):
    """What came back with status 200."""

    media_type: str
    body: bytes


class Asker:
    """Puts questions to one address; every question may be put twice, for the contract says so."""

    def __init__(self, url: str, *, token: str, timeout_s: float, clock: Clock, mint: Mint) -> None:
        """Take the base address, the bearer token, and how long one question may take in all."""
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "https"
        self._place = str(parts.hostname), parts.port
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
        self._timeout_s = timeout_s
        self.clock, self._mint = clock, mint
        self._away_until = clock.monotonic()

    def ask(self, path: str, question: bytes, *, bytes_max: int, timeout_s: float | None = None) -> Answer | NotKnown:
        """Return the answer to a question, or why there is none; `timeout_s` where it may take longer than others."""
        begun = self.clock.monotonic()
        if begun < self._away_until:
            return NotKnown("it did not answer a moment ago")
        until, found = begun + (timeout_s or self._timeout_s), NotKnown("it did not answer in time")
        for number in range(TRIES_MAX):
            left = until - self.clock.monotonic()
            if left <= 0:
                break
            status, answer = self._try(path, question, bytes_max, left)
            if isinstance(answer, Answer) or status not in (None, *_AGAIN):
                return answer
            found = answer
            wait = WAIT_S * 2**number * (0.5 + self._mint.fraction())
            time.sleep(max(0.0, min(wait, until - self.clock.monotonic())))
        self._away_until = self.clock.monotonic() + AWAY_S
        return found

    def _try(self, path: str, question: bytes, bytes_max: int, left: float) -> tuple[int | None, Answer | NotKnown]:
        try:
            with self._connected(left) as connection:
                connection.request("POST", self._path + path, question, self._headers)
                response = connection.getresponse()
                status, body = response.status, response.read(bytes_max + 1)
                media_type = response.headers.get_content_type()
                is_whole = response.isclosed()
        except (OSError, HTTPException) as error:
            return None, NotKnown(f"it does not answer: {str(error) or type(error).__name__}")
        if status != HTTPStatus.OK:
            return status, NotKnown(f"it answered with status {status}")
        if not is_whole or len(body) > bytes_max:
            return status, NotKnown(f"its answer is cut, or has more than {bytes_max} bytes")
        return status, Answer(media_type, body)

    @contextmanager
    def _connected(self, left: float) -> Iterator[HTTPConnection]:
        """Connect for one question; whatever trickles in beyond its time is cut off."""
        host, port = self._place
        if self._is_tls:
            connection: HTTPConnection = HTTPSConnection(
                host, port, timeout=left, context=ssl.create_default_context()
            )
        else:
            connection = HTTPConnection(host, port, timeout=left)
        timer = Timer(left, _cut, (connection,))
        timer.daemon = True
        try:
            connection.connect()
            timer.start()
            yield connection
        finally:
            timer.cancel()
            connection.close()


def _cut(connection: HTTPConnection) -> None:
    # The plain shutdown, also under TLS: the wrapper's own would hand out what is still to be decrypted.
    if connection.sock is not None:
        try:
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        except OSError:
            return
