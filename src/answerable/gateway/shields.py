"""Shielded names kept out of answers: an answer is looked through before it is handed on, a stream a few words ahead.

Law: no event leaves while what stands in it may still become a name; what cannot be read is not handed on (L10).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from answerable.errors import AnswerableError
from answerable.gateway.served import ENDS, data_of
from answerable_gate import Names, Window

EVENTS_MAX = 256
HELD_BYTES_MAX = 256 * 1024
SEEN_LETTERS_MAX, SEEN_MAX = 100, 1000
# One event, or a whole answer; a longer one is not looked through, and therefore not given.
WHOLE_BYTES_MAX = 16 * 1024 * 1024

_EVENT = re.compile(rb".*?(?:\r\n\r\n|\n\n|\r\r)|.+", re.DOTALL)
_DONE = b"[DONE]"
# What says back what was asked, and what is no text.
_ECHOED = frozenset((
    "created_by", "encrypted_content", "instructions", "metadata", "obfuscation", "prompt", "safety_identifier",
    "signature", "tool_choice", "tools", "user",
))  # fmt: skip
_ASKERS = frozenset(("developer", "system", "user"))
# Texts that are handed to a tool; they are JSON inside of JSON.
_ARGUMENTS = frozenset(("arguments", "function_call", "input", "partial_json", "tool_calls"))
_PLACES = ("index", "output_index", "content_index", "summary_index")
# Texts that come in pieces; whatever else stands in a piece (a role, a type) comes whole.
_CONTINUED = frozenset((
    "arguments", "content", "delta", "input", "partial_json", "reasoning", "reasoning_content", "refusal", "text",
    "thinking", "transcript",
))  # fmt: skip
# What ends a text, so that nothing behind it waits for its next word.
_ENDING = re.compile(rb'"(?:content_block_stop|response\.[a-z_.]+\.done)"|"finish_reason": ?"')
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_HALF = re.compile(r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?)\Z")

Slot = tuple[object, ...]


class Named(AnswerableError):
    """An answer holds a shielded name, or cannot be looked through."""

    code = "content_not_available"
    status = 403


class Said(NamedTuple):
    """One text of an answer; `slot` is None where it stands alone, else texts of one slot continue each other."""

    slot: Slot | None
    text: str
    is_argument: bool


class _Stream:
    """One text that comes in pieces; of arguments the escapes are read first, also where one is cut in two."""

    __slots__ = ("_has_ended", "_rest", "_window")

    def __init__(self, names: Names) -> None:
        self._window = Window(names)
        self._rest = ""
        self._has_ended = False

    def push(self, said: Said) -> bool:
        text = self._rest + said.text
        half = _HALF.search(text) if said.is_argument else None
        self._rest = half[1] if half is not None else ""
        whole = text[: len(text) - len(self._rest)]
        return self._window.push(_read(whole) if said.is_argument else whole)

    def end(self) -> bool:
        self._has_ended = True
        return self._window.end()

    @property
    def until(self) -> int:
        """How far the text must be safe before the last piece may go."""
        return self._window.taken + bool(self._rest)

    def is_safe(self, until: int) -> bool:
        return self._has_ended or self._window.safe >= until


class Hold:
    """Looks through one answer. With `frees_words` only what is handed to tools is looked at."""

    def __init__(self, names: Names, *, frees_words: bool) -> None:
        """Begin with nothing held."""
        self._names = names
        self.frees_words = frees_words
        self._streams: dict[Slot, _Stream] = {}
        self._held: deque[tuple[bytes, list[tuple[_Stream, int]]]] = deque()
        self._bytes = 0
        # What comes anew in each event of a stream: its id, the model, a role.
        self._seen: set[str] = set()

    def whole(self, body: bytes) -> bytes:
        """Give a whole body back; raise Named."""
        if len(body) > WHOLE_BYTES_MAX:
            raise Named
        for said in _texts(body):
            self._look(said)
        return body

    def events(self, chunk: bytes, *, is_last: bool) -> bytes:
        """Take in whole events of a stream and give back what may go; raise Named.

        Past the bounds the oldest goes: a name that stands in pieces so far apart is cut off before its end only.
        """
        for event in _EVENT.findall(chunk):
            if len(event) > WHOLE_BYTES_MAX:
                raise Named
            self._held.append((event, self._taken(event)))
            self._bytes += len(event)
        if is_last:
            self._end()
        return b"".join(self._free())

    def _taken(self, event: bytes) -> list[tuple[_Stream, int]]:
        is_whole = event.endswith(ENDS)
        data = b"\n".join(data_of(event)) if is_whole else event
        if not data or data == _DONE:
            return []
        taken = []
        for said in _texts(data):
            if said.slot is None or not is_whole:
                self._look(said)
            elif not self._passes(said):
                stream = self._streams.setdefault(said.slot, _Stream(self._names))
                if stream.push(said):
                    raise Named
                taken.append((stream, stream.until))
        if _ENDING.search(data):
            self._end()
        return taken

    def _look(self, said: Said) -> None:
        if said.text in self._seen or self._passes(said):
            return
        if self._names.find(_read(said.text) if said.is_argument else said.text):
            raise Named
        if len(said.text) <= SEEN_LETTERS_MAX and len(self._seen) < SEEN_MAX:
            self._seen.add(said.text)

    def _passes(self, said: Said) -> bool:
        return self.frees_words and not said.is_argument

    def _end(self) -> None:
        ended = [stream.end() for stream in self._streams.values()]
        self._streams.clear()
        if any(ended):
            raise Named

    def _free(self) -> Iterator[bytes]:
        while self._held:
            event, taken = self._held[0]
            is_bounded = len(self._held) <= EVENTS_MAX and self._bytes <= HELD_BYTES_MAX
            if is_bounded and not all(stream.is_safe(until) for stream, until in taken):
                return
            self._held.popleft()
            self._bytes -= len(event)
            yield event


def _texts(data: bytes) -> Iterator[Said]:
    """Give every text of an answer or event; what is no JSON is one text that goes on."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield Said(("raw",), data.decode("utf-8", "replace"), is_argument=True)
        return
    kind = value.get("type") if isinstance(value, dict) else None
    is_call = isinstance(kind, str) and ("_call" in kind or "argument" in kind)
    waiting: list[tuple[Slot, object]] = [((kind,), value)]
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, str):
            is_argument = is_call or not _ARGUMENTS.isdisjoint(path)
            yield Said(path if _goes_on(path) else None, one, is_argument)
        elif isinstance(one, list):
            waiting.extend((_at(path, number, inner), inner) for number, inner in reversed(list(enumerate(one))))
        elif isinstance(one, dict) and not _ARGUMENTS.isdisjoint(path):
            # Whatever its keys are called, and the keys themselves, the model wrote them all.
            yield from (Said(None, key, is_argument=True) for key in one)
            waiting.extend(((*path, key), one[key]) for key in reversed(one))
        elif isinstance(one, dict) and not _is_asker(one.get("role")):
            place = (*path, *(one[key] for key in _PLACES if isinstance(one.get(key), int)))
            waiting.extend(((*place, key), one[key]) for key in reversed(one) if key not in _ECHOED)


def _at(path: Slot, number: int, inner: object) -> Slot:
    # What tells its place itself may stand anywhere in a list.
    return path if isinstance(inner, dict) and isinstance(inner.get("index"), int) else (*path, number)


def _is_asker(role: object) -> bool:
    return isinstance(role, str) and role in _ASKERS


def _goes_on(path: Slot) -> bool:
    return path[-1] in _CONTINUED and ("delta" in path or "choices" in path)


def _read(text: str) -> str:
    """Read the escapes of JSON in a text that is part of one."""
    return _ESCAPE.sub(_letter, text)


def _letter(escape: re.Match[str]) -> str:
    code, letter = escape.groups()
    return chr(int(code, 16)) if code else " " if letter in "nrtbf" else letter
