"""The elements of one huge JSON array, found in constant memory.

Law: a broken element costs itself alone; a cut array keeps what stood before the cut.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from answerable.screen.exports.records import DEPTH_MAX, RECORD_BYTES_MAX, RECORD_MARKS_MAX, BadRecord

CHUNK_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_SOLID = re.compile(rb"[^ \t\r\n]")
_AT_TOP = re.compile(rb'["{}\[\],]')
_INSIDE = re.compile(rb'["{}\[\]]')
_IN_TEXT = re.compile(rb'["\\]')
_OPEN, _CLOSE, _ESCAPE, _TEXT = frozenset(b"{["), frozenset(b"}]"), ord("\\"), ord('"')


class Readable(Protocol):
    """Anything bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""


@dataclass(frozen=True, slots=True)
class Element:
    """The bytes of one element of the array, and the line on which it begins."""

    line: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """The file ends before the array does."""

    line: int


def elements(file: Readable) -> Iterator[Element | BadRecord | Cut]:
    """Yield what stands between the commas of the array that the file is."""
    window = _Window(file)
    first = window.skip_space(bom=True)
    if first != b"[":
        yield Cut(window.line) if not first else BadRecord(window.line, _what_is_it(window))
        return
    window.at += 1
    if window.skip_space() == b"]":
        window.at += 1
        yield from _behind(window)
        return
    while True:
        window.skip_space()
        element = _Element(window)
        found = element.take()
        yield found
        if isinstance(found, Cut):
            return
        window.at += 1
        if element.is_last:
            yield from _behind(window)
            return


def _what_is_it(window: "_Window") -> str:
    start = window.data[window.at : window.at + 4]
    if start.startswith(b"PK"):
        return "this is a ZIP archive; unpack it and import its conversations.json"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "this is UTF-16, not UTF-8"
    return "the file is not a JSON array of conversations"


def _behind(window: "_Window") -> Iterator[BadRecord]:
    if window.skip_space():
        yield BadRecord(window.line, "something stands behind the end of the array")


class _Window:
    """The file as a window that moves forward; `at` is the place in it, `line` the line of that place."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self.data = b""
        self.at = 0
        self._counted = 0
        self._line = 1

    @property
    def line(self) -> int:
        # counted on from the last place: counting each window from its start would be quadratic in tiny elements
        self._line += self.data.count(b"\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def move(self) -> bool:
        """Take the next window; whether there is one."""
        self.at = len(self.data)
        _ = self.line
        self.data = self._file.read(CHUNK_BYTES)
        self.at = self._counted = 0
        return bool(self.data)

    def skip_space(self, *, bom: bool = False) -> bytes:
        """Return the next byte that is no space without taking it, nothing at the end of the file."""
        while True:
            found = _SOLID.search(self.data, self.at)
            if found:
                self.at = found.start()
                if not (bom and self.data.startswith(_BOM, self.at)):
                    return self.data[self.at : self.at + 1]
                self.at, bom = self.at + len(_BOM), False
            elif not self.move():
                return b""


class _Element:
    """One element while it is being read: its bytes so far, or why they are no longer kept."""

    def __init__(self, window: _Window) -> None:
        self._window = window
        self._line = window.line
        self._parts: list[bytes] = []
        self._size = self._marks = self._depth = 0
        self._in_text = self._escaped = False
        self._fault = ""
        self.is_last = False

    def take(self) -> Element | BadRecord | Cut:
        """Return the element; the window then stands on the comma or bracket behind it."""
        window = self._window
        while not self._ends(window.data, window.at):
            if not window.move():
                return Cut(self._line)
        self.is_last = window.data[window.at] == ord("]")
        if self._fault:
            return BadRecord(self._line, self._fault)
        return Element(self._line, b"".join(self._parts))

    def _ends(self, data: bytes, start: int) -> bool:
        """Read one window from `start`; whether the element ends in it, at the window's new place."""
        at = self._begin(data, start)
        while True:
            pattern = _IN_TEXT if self._in_text else _INSIDE if self._depth else _AT_TOP
            found = pattern.search(data, at)
            if found is None:
                self._keep(data[start:])
                return False
            mark, at = data[found.start()], found.end()
            if self._in_text:
                at = self._in_string(data, mark, at)
            elif mark == _TEXT:
                self._in_text = True
                self._marks += 1
            elif mark in _OPEN:
                self._open()
            elif self._depth and mark in _CLOSE:
                self._depth -= 1
            elif not self._depth and mark in b",]":
                self._keep(data[start : found.start()])
                self._window.at = found.start()
                return True

    def _begin(self, data: bytes, start: int) -> int:
        """Return where to look first: behind the byte that a backslash at the end of the last window escaped."""
        if self._escaped and start < len(data):
            self._escaped = False
            return start + 1
        return start

    def _in_string(self, data: bytes, mark: int, at: int) -> int:
        """Return where to go on inside or behind the text."""
        if mark == _ESCAPE:
            self._escaped = at == len(data)
            return at + 1
        self._in_text = False
        return at

    def _open(self) -> None:
        self._depth += 1
        self._marks += 1
        if self._depth > DEPTH_MAX:
            self._drop(f"nested more than {DEPTH_MAX} deep")

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > RECORD_BYTES_MAX:
            self._drop(f"longer than {RECORD_BYTES_MAX} bytes")
        elif self._marks > RECORD_MARKS_MAX:
            self._drop(f"more than {RECORD_MARKS_MAX} texts, objects and lists")
        elif not self._fault:
            self._parts.append(part)

    def _drop(self, fault: str) -> None:
        """Give up the bytes of an element that cannot be read, and go on only to find its end."""
        self._fault = self._fault or fault
        self._parts.clear()
