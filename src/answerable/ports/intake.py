"""The way messages come into the folder: appended once, in batches, by any number of imports at once.

Law: an import is marked as begun before its first message, so that one that died never reads as complete (L10).
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from answerable.ports.folder import ACCOUNTS, HISTORY, IMPORTS, AccountLine, ImportLine, history_file, write_message
from answerable.ports.history import Message
from answerable.ports.lines import append_lines, open_locked, read_lines, sync

BATCH_BYTES = 1024 * 1024
ACCOUNTS_REMEMBERED = 64  # whose lines are known without reading their files again
_DIGEST_BYTES = 16


class Sink(Protocol):
    """Where an import puts what it reads."""

    def begin(self, source: str, account: str | None) -> None:
        """Note that an import has begun; `account` is None where the source holds several."""

    def write(self, message: Message) -> None:
        """Take one message."""

    def end(self, *, complete: bool) -> int:
        """Put everything on disk, note whether anything was lost, and return how many messages were new."""


@dataclass(slots=True)
class _Seen:
    """Which lines a history file holds up to an offset."""

    offset: int = 0
    digests: set[bytes] = field(default_factory=set)


class FolderSink:
    """A sink that appends to the folder; a message that stands there in the same words is not written again."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made where it is missing."""
        self._folder = folder
        self._import: tuple[str, str | None] | None = None
        self._batch: dict[str, list[bytes]] = {}
        self._batch_bytes = 0
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._accounts: set[str] = set()
        self._written = 0

    def begin(self, source: str, account: str | None) -> None:
        """Note in imports.jsonl that the import is not complete yet."""
        assert self._import is None, "one import at a time"
        (self._folder / HISTORY).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._import = (source, account)
        self._note(complete=False)

    def write(self, message: Message) -> None:
        """Keep the message for the next batch, or write the batch that it fills."""
        assert self._import is not None, "begin comes first"
        line = write_message(message)
        self._batch.setdefault(message.account, []).append(line)
        self._batch_bytes += len(line)
        if self._batch_bytes >= BATCH_BYTES:
            self._flush()

    def end(self, *, complete: bool) -> int:
        """Write the rest, wait for the disk, make the accounts known, and note how the import ended."""
        self._flush()
        for account in self._accounts:
            sync(history_file(self._folder, account))
        sync(self._folder / HISTORY)
        self._enrol()
        self._note(complete=complete)
        sync(self._folder)
        self._import = None
        return self._written

    def _note(self, *, complete: bool) -> None:
        assert self._import is not None
        source, account = self._import
        line = msgspec.json.encode(ImportLine(source=source, account=account, complete=complete))
        append_lines(self._folder / IMPORTS, [line])

    def _flush(self) -> None:
        for account, lines in self._batch.items():
            self._append(account, lines)
            self._accounts.add(account)
        self._batch.clear()
        self._batch_bytes = 0

    def _append(self, account: str, lines: list[bytes]) -> None:
        """Append the lines that are not there yet, under the lock of the account's file."""
        seen = self._seen.pop(account, None) or _Seen()
        with open_locked(history_file(self._folder, account)) as file:
            end = file.tell()
            # another import may have appended since, and erasure may have cut: read on from where we knew the file
            seen = seen if seen.offset <= end else _Seen()
            file.seek(seen.offset)
            while seen.offset < end:
                line = file.readline()
                seen.digests.add(_digest(line[:-1]))
                seen.offset += len(line)
            fresh = {digest: line for line in lines if (digest := _digest(line)) not in seen.digests}
            file.write(b"".join(line + b"\n" for line in fresh.values()))
            file.flush()
            seen.offset = file.tell()
        seen.digests.update(fresh)
        self._written += len(fresh)
        self._seen[account] = seen
        if len(self._seen) > ACCOUNTS_REMEMBERED:
            self._seen.popitem(last=False)

    def _enrol(self) -> None:
        """Add the accounts that the directory does not list, so that a notice can be resolved to them."""
        path = self._folder / ACCOUNTS
        known = set(_listed(path)) if path.is_file() else set()
        missing = sorted(self._accounts - known)
        append_lines(path, [msgspec.json.encode(AccountLine(account=account)) for account in missing])


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_DIGEST_BYTES).digest()


def _listed(path: Path) -> list[str]:
    accounts = []
    for line in read_lines(path):
        try:
            accounts.append(msgspec.json.decode(line or b"", type=AccountLine).account)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            continue
    return accounts
