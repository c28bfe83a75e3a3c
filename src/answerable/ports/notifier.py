"""The port that carries a letter to a person or a pager, and its stand-in that writes letters to a file.

Law: a letter has an id and may be sent again; carrying it twice is the receiver's nuisance, losing it is ours (L5).
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one address, already worded; what may stand in it is decided where it is written (L11, L12)."""

    id: str
    channel: str
    to: str
    subject: str
    body: str


class DeliveryState(StrEnum):
    """What the carrier said."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a letter: accepted by the carrier, refused for good, or not known and to be sent again."""

    letter: str
    state: DeliveryState
    detail: str = ""


class Notifier(Protocol):
    """A carrier of letters: mail, webhook, pager."""

    def send(self, letter: Letter) -> Delivery:
        """Hand the letter to the carrier and return what it said."""


class FileNotifier:
    """The stand-in: each letter becomes one JSON line of a file, there before the call returns, and there once."""

    def __init__(self, path: Path) -> None:
        """Take the file to append to."""
        self._path = path
        self._read_upto = 0
        self._ids: set[str] = set()

    def send(self, letter: Letter) -> Delivery:
        """Append the letter unless the file has one of its id; one that cannot be written is to be sent again."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                # two workers may share the file; a lock keeps their lines whole whatever the file system
                fcntl.flock(file, fcntl.LOCK_EX)
                self._catch_up(file)
                if letter.id not in self._ids:
                    file.write(msgspec.json.encode(asdict(letter)) + b"\n")
                    file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Delivery(letter=letter.id, state=DeliveryState.NOT_KNOWN, detail=error.strerror or str(error))
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)

    def _catch_up(self, file: BinaryIO) -> None:
        """Read what was appended since, by anybody, and leave the file where its last whole line ends."""
        if os.fstat(file.fileno()).st_size < self._read_upto:
            # somebody has emptied it
            self._read_upto, self._ids = 0, set()
        file.seek(self._read_upto)
        for line in file:
            if not line.endswith(b"\n"):
                # half a line, of a letter that nobody was told of: a full disk left it
                break
            self._read_upto += len(line)
            with suppress(msgspec.MsgspecError):
                self._ids.add(msgspec.json.decode(line, type=_Known).id)
        file.truncate(self._read_upto)
        file.seek(self._read_upto)


class _Known(msgspec.Struct):
    """What is read again of a letter's line."""

    id: str
