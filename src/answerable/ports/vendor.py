"""The port to a model vendor's record of what it did: one notice, read back by the reference it was announced under.

Law: what cannot be read is not known, and is asked for again; it is never "nothing" (L10).
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Protocol
from urllib.parse import quote, urlsplit

import msgspec

from answerable.ports.unknown import NotKnown

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorCase:
    """A notice as the vendor keeps it: whom it is about by the identifier it was told, what it did, and why."""

    identifier: str
    kind: str
    reason: str | None
    at: datetime


class VendorCases(Protocol):
    """A vendor's notices."""

    def fetch(self, reference: str) -> VendorCase | NotKnown:
        """Return the notice of a reference."""


class _Notice(msgspec.Struct):
    type: str


class _SafetyCase(msgspec.Struct):
    id: str
    created_at: int
    entity_identifier: str
    notice: _Notice
    reason: str | None = None


class OpenAICases:
    """OpenAI's safety cases: `GET /safety/cases/{id}`; reading one changes nothing there."""

    def __init__(self, base: str, key: str) -> None:
        """Take the base address of the API, as https://api.openai.com/v1, and a key that may read safety cases."""
        self._parts = urlsplit(base)
        self._key = key

    def fetch(self, reference: str) -> VendorCase | NotKnown:
        """Return the notice of a reference."""
        try:
            status, answer = self._get(f"{self._parts.path.rstrip('/')}/safety/cases/{quote(reference, safe='')}")
        except (OSError, HTTPException) as error:
            return NotKnown(f"nobody answers: {error or type(error).__name__}")
        if status != HTTPStatus.OK:
            return NotKnown(f"answered with status {status}")
        try:
            found = msgspec.json.decode(answer, type=_SafetyCase)
            at = datetime.fromtimestamp(found.created_at, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
            return NotKnown(f"the answer is no safety case: {error}")
        if found.id != reference or not found.entity_identifier:
            return NotKnown("the answer is another case, or names nobody")
        return VendorCase(identifier=found.entity_identifier, kind=found.notice.type, reason=found.reason, at=at)

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self._key}"})
            response = connection.getresponse()
            return response.status, response.read(ANSWER_BYTES_MAX)
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = str(self._parts.hostname), self._parts.port
        if self._parts.scheme == "https":
            return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return HTTPConnection(host, port, timeout=TIMEOUT_S)
