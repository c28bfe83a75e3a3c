"""The signer as a process of its own, as whoever asks it sees it: over a Unix socket, or HTTP with a token.

Law: nothing is believed but what verifies under the pinned key, and a signer that is away costs a bounded wait.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

from answerable.errors import Conflict, KeyFault, SignerUnavailable
from answerable.ledger.verify import (
    MAX_NOTE,
    Checkpoint,
    Malformed,
    Note,
    VerifierKey,
    note_signers,
    parse_note,
    parse_vkey,
)
from answerable.ports.signer import Prove, checkpoint_of, path_between

UNIX = "unix:"
LAST, CHECKPOINTS = "/v1/last", "/v1/checkpoints"
REQUEST_BYTES = 64 << 10
TRIES_MAX = 5
_HINT = "is `answerable sign` running, and is it there that signer.address says?"


class SignRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is sent to be signed: the text, and the proof that it grows out of the checkpoint of `since` entries."""

    text: str
    since: int
    proof: tuple[bytes, ...]


class RemoteSigner:
    """A signer that is asked over a connection; each question opens one and closes it."""

    def __init__(self, address: str, *, pinned: str, token: str | None, timeout_s: float) -> None:
        """Take where it listens (`unix:/path`, `http://host:port`, `https://…`), its vkey, and what to send it.

        Raise KeyFault where the vkey is none.
        """
        try:
            self._key: VerifierKey = parse_vkey(pinned)
        except Malformed as error:
            raise KeyFault(f"signer.vkey {error}", hint="`answerable status` shows the key to pin") from error
        self._vkey = pinned
        self._address = address
        self._connect = _connector(address, timeout_s)
        self._headers = {"Authorization": f"Bearer {token}"} if token is not None else {}

    @property
    def name(self) -> str:
        """Return the key's name."""
        return self._key.name

    @property
    def vkey(self) -> str:
        """Return the verifier key to hand out: the one that is pinned here."""
        return self._vkey

    def sign(self, text: str, prove: Prove) -> str:
        """Return the signed note of a checkpoint text.

        Raise Conflict where it does not grow out of the last one signed, SignerUnavailable where nobody answers.
        """
        new, tried = checkpoint_of(text), None
        with self._talking() as connection:
            for _ in range(TRIES_MAX):
                last = self._last(connection)
                if last == tried:
                    break
                asked = SignRequest(text=text, since=last.size, proof=tuple(path_between(last, new, prove)))
                status, answer = self._ask(connection, "POST", CHECKPOINTS, msgspec.json.encode(asked))
                if status == HTTPStatus.OK:
                    self._believed(answer, text)
                    return answer.decode()
                # Another server may have been signed for in between: then the proof must begin elsewhere.
                self._refuse_unless(status, HTTPStatus.CONFLICT)
                tried = last
        raise Conflict(f"the checkpoint of {new.size} does not grow out of the last one signed")

    def signed_last(self) -> Checkpoint:
        """Return the last checkpoint signed, of size 0 where there was none; SignerUnavailable where nobody answers."""
        with self._talking() as connection:
            return self._last(connection)

    def _last(self, connection: HTTPConnection) -> Checkpoint:
        status, answer = self._ask(connection, "GET", LAST, None)
        self._refuse_unless(status, HTTPStatus.OK)
        return checkpoint_of(self._believed(answer, None).text)

    @contextmanager
    def _talking(self) -> Iterator[HTTPConnection]:
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    def _ask(self, connection: HTTPConnection, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read(MAX_NOTE + 1)
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise SignerUnavailable(f"no signer answers at {self._address}: {reason}", hint=_HINT) from error

    def _refuse_unless(self, status: int, expected: HTTPStatus) -> None:
        if status != expected:
            hint = "its token is the one of signer.token_hash" if status == HTTPStatus.UNAUTHORIZED else None
            raise SignerUnavailable(f"the signer at {self._address} answered with status {status}", hint=hint)

    def _believed(self, answer: bytes, text: str | None) -> Note:
        """Return a note that the pinned key signed; of this text, where one was asked for."""
        try:
            note = parse_note(answer)
            if self._key.name in note_signers(note, [self._key]) and text in (None, note.text):
                return note
        except Malformed:
            pass
        raise KeyFault(f"what answers at {self._address} does not sign with the key that signer.vkey pins")


class _UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        found.settimeout(self.timeout)
        try:
            found.connect(self._path)
        except BaseException:
            found.close()
            raise
        self.sock = found


def _connector(address: str, timeout_s: float) -> Callable[[], HTTPConnection]:
    if address.startswith(UNIX):
        return lambda: _UnixConnection(address.removeprefix(UNIX), timeout_s)
    parts = urlsplit(address)
    host, port = str(parts.hostname), parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return lambda: HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return lambda: HTTPConnection(host, port, timeout=timeout_s)
