"""What was served, as it went by: its digest and how much it was.

Law: bytes are counted after they were handed over, and never held back but to the end of an event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
from msgspec import DecodeError, Struct, ValidationError

READ_BYTES_MAX = 4 * 1024 * 1024
HELD_BYTES_MAX = 64 * 1024
CHARACTERS_PER_TOKEN = 4
TOKENS_MAX = 1 << 40  # what a store takes; an upstream may say anything

_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")


class _Part(Struct):
    content: str | None = None


class _Choice(Struct):
    message: _Part | None = None
    delta: _Part | None = None
    text: str | None = None


class _Usage(Struct):
    completion_tokens: int | None = None
    output_tokens: int | None = None


class _Completion(Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


_completion = msgspec.json.Decoder(_Completion)


class Events:
    """Whole server-sent events out of bytes that are cut anywhere, so that a cut never leaves half of one."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        """Begin at the start of an event."""
        self._rest = b""

    def whole(self, chunk: bytes) -> bytes:
        """Take in a chunk and give all that is complete; an event longer than the limit goes on in pieces."""
        if self._rest:
            chunk = self._rest + chunk
        ends = len(chunk) if chunk.endswith(_ENDS) else max(_after_last(chunk, end) for end in _ENDS)
        if len(chunk) - ends > HELD_BYTES_MAX:
            ends = len(chunk)
        self._rest = chunk[ends:]
        return chunk[:ends]

    def rest(self) -> bytes:
        """Give what is left when the stream has ended by itself."""
        rest, self._rest = self._rest, b""
        return rest


class Served:
    """The digest and the tokens of one answer."""

    def __init__(self, *, is_stream: bool) -> None:
        """Begin with nothing served."""
        self._digest = hashlib.sha256()
        self._is_stream = is_stream
        self._body: list[bytes] = []
        self._bytes = 0
        self._characters = 0
        self._usage: int | None = None

    def add(self, chunk: bytes) -> None:
        """Count bytes that were handed over; of a stream they are whole events."""
        self._digest.update(chunk)
        self._bytes += len(chunk)
        if self._is_stream:
            for data in _data_of(chunk):
                self._read(data)
        elif self._bytes <= READ_BYTES_MAX:
            self._body.append(chunk)

    @property
    def digest(self) -> str:
        """The SHA-256 of all bytes."""
        return self._digest.hexdigest()

    def tokens(self) -> int:
        """Give the tokens by the upstream's count, else a fourth of the characters, rounded up."""
        if not self._is_stream and self._bytes <= READ_BYTES_MAX:
            self._read(b"".join(self._body))
        self._body.clear()
        if self._usage is not None:
            return self._usage
        return -(-(self._characters or self._bytes) // CHARACTERS_PER_TOKEN)

    def _read(self, data: bytes) -> None:
        try:
            completion = _completion.decode(data)
        except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
            return  # not of this API, or its last line: the bytes are the measure then
        if completion.usage is not None:
            usage = completion.usage
            count = usage.completion_tokens if usage.completion_tokens is not None else usage.output_tokens
            self._usage = min(max(0, count), TOKENS_MAX) if count is not None else self._usage
        for choice in completion.choices:
            part = choice.message or choice.delta
            self._characters += len((part and part.content) or choice.text or "")


def _after_last(chunk: bytes, end: bytes) -> int:
    found = chunk.rfind(end)
    return found + len(end) if found >= 0 else 0


def _data_of(events: bytes) -> Iterator[bytes]:
    for line in events.splitlines():
        if line.startswith(b"data:"):
            yield line[5:].strip()
