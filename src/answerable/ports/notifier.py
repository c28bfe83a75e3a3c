"""The port that carries a letter to a person or a pager, and its stand-in that writes letters to a file.

Law: a letter has an id and may be sent again; carrying it twice is the receiver's nuisance, losing it is ours (L5).
"""

import fcntl
import os
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

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
    """The stand-in: each letter becomes one JSON line of a file, there before the call returns."""

    def __init__(self, path: Path) -> None:
        """Take the file to append to."""
        self._path = path

    def send(self, letter: Letter) -> Delivery:
        """Append the letter; a file that cannot be written leaves it to be sent again."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                # two workers may share the file; a lock keeps their lines whole whatever the file system
                fcntl.flock(file, fcntl.LOCK_EX)
                file.write(msgspec.json.encode(asdict(letter)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Delivery(letter=letter.id, state=DeliveryState.NOT_KNOWN, detail=error.strerror or str(error))
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)
