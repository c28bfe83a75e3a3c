"""The import of one file of conversations into a sink.

Law: it streams; memory is bounded by the largest record, and everything lost is in the report and in the history.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from answerable.errors import BadInput, NotFound, StoreUnavailable
from answerable.ports.history import Message
from answerable.ports.intake import Sink
from answerable.screen.exports import claude, jsonl, openai
from answerable.screen.exports.arrays import Cut, elements
from answerable.screen.exports.records import ID_LETTERS_MAX, BadRecord, Unreadable, an_id, decode

BAD_LISTED_MAX = 100
BAD_MAX = 1_000_000  # a file with more is no export: it is left there
Progress = Callable[[int, int], None]
"""Is told the bytes read so far and the bytes of the whole file."""


class Format(StrEnum):
    """What kind of file it is."""

    OPENAI = "openai-export"
    CLAUDE = "claude-export"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import read, how much of it was new, and what it could not read (the first hundred, and how many)."""

    read: int
    written: int
    bad: tuple[BadRecord, ...]
    bad_count: int
    cut: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing was lost, so that a look-back over it may say "nothing"."""
        return not self.bad_count and not self.cut


@dataclass(slots=True)
class _Tally:
    read: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    bad_count: int = 0
    cut: bool = False

    def note(self, record: BadRecord) -> None:
        self.bad_count += 1
        if len(self.bad) < BAD_LISTED_MAX:
            self.bad.append(record)


class _Watched:
    """A file that tells how far it has been read."""

    def __init__(self, file: BinaryIO, size: int, progress: Progress | None) -> None:
        self._file = file
        self._size = size
        self._progress = progress
        self._done = 0

    def read(self, size: int, /) -> bytes:
        return self._told(self._file.read(size))

    def readline(self, size: int, /) -> bytes:
        return self._told(self._file.readline(size))

    def _told(self, data: bytes) -> bytes:
        self._done += len(data)
        if self._progress is not None:
            self._progress(self._done, self._size)
        return data


def import_file(
    path: Path, form: Format, sink: Sink, *, user: str | None = None, progress: Progress | None = None
) -> ImportReport:
    """Read a file into the sink and return what came of it.

    Exports belong to one account, `user`; JSON lines name theirs, and `user` stands in where a line names none.
    """
    account = _account(form, user)
    try:
        with path.open("rb") as opened:
            file = _Watched(opened, path.stat().st_size, progress)
            return _import(_records(file, form, account), sink, path.name, None if form is Format.JSONL else account)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise NotFound(f"the file cannot be read: {path} ({error.strerror})") from error
    except OSError as error:
        raise StoreUnavailable(f"reading or writing failed: {error.strerror}") from error


def _account(form: Format, user: str | None) -> str | None:
    if user is None:
        if form is Format.JSONL:
            return None
        raise BadInput(f"a {form} does not say whose it is", hint="name the account with --user")
    try:
        return an_id(user, "user")
    except Unreadable as error:
        raise BadInput(f"no account: {error.reason}", hint=f"1 to {ID_LETTERS_MAX} letters") from error


def _import(records: Iterator[Message | BadRecord | Cut], sink: Sink, source: str, account: str | None) -> ImportReport:
    sink.begin(source, account)
    tally = _Tally()
    for record in records:
        if isinstance(record, Message):
            tally.read += 1
            sink.write(record)
        elif isinstance(record, Cut):
            tally.cut = True
            tally.note(BadRecord(record.line, "the file is cut off here"))
        else:
            tally.note(record)
            if tally.bad_count >= BAD_MAX:
                tally.cut = True
                break
    complete = not tally.bad_count and not tally.cut
    written = sink.end(complete=complete)
    return ImportReport(
        read=tally.read, written=written, bad=tuple(tally.bad), bad_count=tally.bad_count, cut=tally.cut
    )


def _records(file: _Watched, form: Format, user: str | None) -> Iterator[Message | BadRecord | Cut]:
    if form is Format.JSONL:
        yield from _of_lines(file, user)
    else:
        assert user is not None, "exports have an account"
        yield from _of_array(file, form, user)


def _of_lines(file: _Watched, user: str | None) -> Iterator[Message | BadRecord | Cut]:
    for number, line, is_ended in jsonl.lines(file):
        record = jsonl.read(number, line, user)
        if isinstance(record, BadRecord) and not is_ended:
            yield Cut(number)
        else:
            yield record


def _of_array(file: _Watched, form: Format, user: str) -> Iterator[Message | BadRecord | Cut]:
    read = openai.read if form is Format.OPENAI else claude.read
    for element in elements(file):
        if isinstance(element, BadRecord | Cut):
            yield element
            continue
        try:
            for found in read(decode(element.raw), user):
                yield BadRecord(element.line, found.reason) if isinstance(found, Unreadable) else found
        except Unreadable as error:
            yield BadRecord(element.line + error.line, error.reason)
