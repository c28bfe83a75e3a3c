"""HTTP as the story uses it: one request, one answer as it came, and a stream that is read to its end.

Law: what is shown and what is counted is what came over the wire.
"""

from __future__ import annotations

import json
import threading
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

ANSWER_S = 60.0
NO_ANSWER = 0
LINE_LETTERS = 400


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; status 0 where nobody answered."""

    status: int
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object, an empty one where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def is_served(self) -> bool:
        """Tell whether the model's answer came."""
        return self.status == 200

    @property
    def content(self) -> str:
        """What a model said, whole; nothing where this is no model's answer."""
        choices = self.json.get("choices")
        return str(choices[0].get("message", {}).get("content", "")) if choices else ""

    @property
    def line(self) -> str:
        """One line of the body for a reader: a problem's sentence, an error's message, what a model said, or all."""
        return _one_line(self.content or _spoken(self.json) or self.body.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Wire:
    """A server on this machine, spoken to as the bearer of one token."""

    port: int
    token: str = ""

    @property
    def base(self) -> str:
        """The address to show."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Answer:
        """Ask for something."""
        return self._send("GET", path, None, {})

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Answer:
        """Send something."""
        return self._send("POST", path, body, headers)

    def stream(self, path: str, body: dict[str, Any], **headers: str) -> Stream:
        """Begin a stream that is read in a thread of its own."""
        return Stream(self, path, body, headers)

    def _send(self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]) -> Answer:
        try:
            connection, response = self.open(method, path, body, headers)
            with closing(connection):
                return Answer(response.status, response.read())
        except (OSError, HTTPException) as error:
            return Answer(NO_ANSWER, str(error).encode())

    def open(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> tuple[HTTPConnection, HTTPResponse]:
        """Send a request and return the connection with what begins to come back."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        return connection, connection.getresponse()


@dataclass(slots=True)
class Stream:
    """A running answer: its events as they came, and whether it ended with the model's own last line."""

    wire: Wire
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    status: int = NO_ANSWER
    events: list[bytes] = field(default_factory=list)
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._read, name="stream", daemon=True)
        self._thread.start()

    def ended(self, within_s: float) -> bool:
        """Wait for the end of the stream; False where it still runs."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    @property
    def is_whole(self) -> bool:
        """Tell whether the model said everything that it had to say."""
        return bool(self.events) and self.events[-1] == b"[DONE]"

    @property
    def last(self) -> Answer:
        """The last event, as an answer."""
        return Answer(self.status, self.events[-1] if self.events else b"")

    def _read(self) -> None:
        try:
            connection, response = self.wire.open("POST", self.path, self.body, self.headers)
            with closing(connection):
                self.status = response.status
                for line in response:
                    if line.startswith(b"data:"):
                        self.events.append(line[5:].strip())
        except (OSError, HTTPException):
            return  # a stream that breaks off has ended; what it said until then is in `events`


def _spoken(document: dict[str, Any]) -> str:
    """Return the sentence of a problem, or of an error in the API's shape."""
    if isinstance(document.get("detail"), str):
        return f"{document.get('code', '')}: {document['detail']}"
    if isinstance(document.get("error"), dict):
        return str(document["error"].get("message", ""))
    return ""


def _one_line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LINE_LETTERS else flat[: LINE_LETTERS - 1] + "…"
