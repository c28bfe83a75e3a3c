"""What was served, as it went by: its digest and how much it was.

Law: bytes are counted after they were handed over, and never held back but to the end of an event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder

from answerable.gateway.documents import names_of
from answerable.gateway.routes import Talk

READ_BYTES_MAX = 4 * 1024 * 1024
HELD_BYTES_MAX = 64 * 1024
CHARACTERS_PER_TOKEN = 4
TOKENS_MAX = 1 << 40  # what a store takes; an upstream may say anything

ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class _Usage(Struct):
    completion_tokens: int | None = None
    output_tokens: int | None = None


class _Part(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Part | None = None
    delta: _Part | None = None
    text: str | None = None


class _Completion(Struct):
    """What the chat and the older completions API say, whole or by event."""

    choices: list[_Choice] = []
    usage: _Usage | None = None

    def characters(self) -> int:
        parts = [((choice.message or choice.delta), choice.text) for choice in self.choices]
        return sum(len((part and part.content) or text or "") for part, text in parts)


class _Text(Struct):
    text: str | None = None


class _Output(Struct):
    content: list[_Text] | None = None


class _Ended(Struct):
    usage: _Usage | None = None


class _Response(Struct):
    """What the Responses API says: whole with `output`, by event with `delta` and at last `response`."""

    output: list[_Output] = []
    delta: object = None
    response: _Ended | None = None
    usage: _Usage | None = None

    def __post_init__(self) -> None:
        if self.response is not None and self.response.usage is not None:
            self.usage = self.response.usage

    def characters(self) -> int:
        whole = sum(len(one.text or "") for output in self.output for one in output.content or ())
        return whole + (len(self.delta) if isinstance(self.delta, str) else 0)


class _Message(Struct):
    """What the Messages API says; the usage at a stream's start is no count of what was said, and not read."""

    content: list[_Text] = []
    delta: _Text | None = None
    usage: _Usage | None = None

    def characters(self) -> int:
        return sum(len((one and one.text) or "") for one in (*self.content, self.delta))


_DECODERS: dict[Talk | None, Decoder[_Completion] | Decoder[_Response] | Decoder[_Message]] = {
    None: Decoder(_Completion),
    "chat": Decoder(_Completion),
    "responses": Decoder(_Response),
    "messages": Decoder(_Message),
}


class Events:
    """Whole server-sent events out of bytes that are cut anywhere, so that a cut never leaves half of one."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = HELD_BYTES_MAX) -> None:
        """Begin at the start of an event."""
        self._limit = limit
        self._rest = b""

    def whole(self, chunk: bytes) -> bytes:
        """Take in a chunk and give all that is complete; an event longer than the limit goes on in pieces."""
        if self._rest:
            chunk = self._rest + chunk
        ends = len(chunk) if chunk.endswith(ENDS) else max(_after_last(chunk, end) for end in ENDS)
        if len(chunk) - ends > self._limit:
            ends = len(chunk)
        self._rest = chunk[ends:]
        return chunk[:ends]

    def rest(self) -> bytes:
        """Give what is left when the stream has ended by itself."""
        rest, self._rest = self._rest, b""
        return rest


class Served:
    """The digest, the tokens and the documents of one answer."""

    def __init__(self, *, is_stream: bool, talk: Talk | None = None) -> None:
        """Begin with nothing served."""
        self._decode = _DECODERS[talk].decode
        self._digest = hashlib.sha256()
        self._is_stream = is_stream
        self._body: list[bytes] = []
        self._bytes = 0
        self._characters = 0
        self._usage: int | None = None
        self._named: set[str] | None = set()

    def add(self, chunk: bytes) -> None:
        """Count bytes that were handed over; of a stream they are whole events."""
        self._digest.update(chunk)
        self._bytes += len(chunk)
        if self._is_stream:
            for data in data_of(chunk):
                self._read(data)
        elif self._bytes <= READ_BYTES_MAX:
            self._body.append(chunk)
        else:
            self._named = None

    def add_message(self, message: bytes) -> None:
        """Count a message of a web socket; the usage of each answer in it adds up."""
        before, self._usage = self._usage, None
        self._digest.update(message)
        self._bytes += len(message)
        self._read(message)
        if before is not None:
            self._usage = before + (self._usage or 0)

    @property
    def digest(self) -> str:
        """The SHA-256 of all bytes."""
        return self._digest.hexdigest()

    def tokens(self) -> int:
        """Give the tokens by the upstream's count, else a fourth of the characters, rounded up."""
        if self._body and self._bytes <= READ_BYTES_MAX:
            self._read(b"".join(self._body))
        self._body.clear()
        if self._usage is not None:
            return self._usage
        return -(-(self._characters or self._bytes) // CHARACTERS_PER_TOKEN)

    def documents(self) -> int | None:
        """Give how many files and images stand in it, None where it could not be read; to be asked after `tokens`."""
        return None if self._named is None else len(self._named)

    def _look(self, data: bytes) -> None:
        try:
            if self._named is not None and data not in (b"", b"[DONE]"):
                self._named.update(names_of(data))
        except (ValueError, RecursionError):
            self._named = None

    def _read(self, data: bytes) -> None:
        self._look(data)
        try:
            said = self._decode(data)
        except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
            return  # not of this API, or its last line: the bytes are the measure then
        if said.usage is not None:
            usage = said.usage
            count = usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens
            self._usage = min(max(0, count), TOKENS_MAX) if count is not None else self._usage
        self._characters += said.characters()


def _after_last(chunk: bytes, end: bytes) -> int:
    found = chunk.rfind(end)
    return found + len(end) if found >= 0 else 0


def data_of(events: bytes) -> Iterator[bytes]:
    """Give the data of whole events, line by line."""
    for line in events.splitlines():
        if line.startswith(b"data:"):
            yield line[5:].strip()
