"""The edge: the only place where time and randomness enter the program.

Law: given the same clock and the same mint, everything below this module writes the same bytes (L16).
"""

import hashlib
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from answerable.errors import BadInput, ConfigError

# 32 letters that survive being read aloud or copied by hand: no l, o, 0, 1.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
TOKEN_LETTERS = 26  # 26 letters of 5 bits: 130 bits, never below 128
_PAIRS = [one + other for other in ALPHABET for one in ALPHABET]  # the letter of the lower bits comes first
_PLACES = range(0, 5 * TOKEN_LETTERS, 10)
FRACTION_BITS = 53
_NO_OFFSET = timedelta(0)
_TIME_LETTERS = len("2026-04-30T12:00:00.000000")
OFFSET_SECONDS_MAX = Decimal(100 * 366 * 86_400)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,15}")
_OFFSET = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")
_ZONE = re.compile(r"[A-Z][A-Za-z0-9_+-]{0,31}(/[A-Za-z0-9_+-]{1,32}){0,2}")


class Clock(Protocol):
    """A source of time; a deadline is never called a clock in code."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""


class Mint(Protocol):
    """A source of everything that must be unpredictable to others."""

    def token(self, prefix: str) -> str:
        """Return a fresh random token of at least 128 bits, like case_k3…"""

    def fraction(self) -> float:
        """Return a random number in [0, 1)."""

    def secret(self, size: int) -> bytes:
        """Return `size` random bytes for keys, nonces and salts."""


def rfc3339(at: datetime) -> str:
    """Write an aware UTC time the one way it is written on any wire: six digits and Z."""
    assert at.utcoffset() == _NO_OFFSET, "times are aware and in UTC"
    return at.isoformat(timespec="microseconds")[:_TIME_LETTERS] + "Z"


def parse_time(text: str) -> datetime:
    """Read a time written by `rfc3339`; any other spelling is BadInput."""
    if not _TIME.fullmatch(text):
        raise BadInput(f"not a time of the form 2026-04-30T12:00:00.000000Z: {text[:40]!r}")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"no such time: {text}") from error


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name (`Europe/Berlin`), or None where there is none of that name."""
    # What begins in lower case (localtime, posixrules) is the machine's own, and another zone elsewhere.
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None


class SystemClock:
    """The machine's clock, moved by the seconds in one file that all processes of a rehearsal share."""

    def __init__(self, offset_file: Path | None = None) -> None:
        """Take the file to follow, or None for the plain clock."""
        self._file = offset_file
        self._seen: tuple[int, int, int] | None = None
        self._offset = timedelta(0)

    def now(self) -> datetime:
        """Return the wall time plus the offset."""
        return datetime.now(UTC) + self._current_offset()

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds, which no offset moves."""
        return time.monotonic()

    def _current_offset(self) -> timedelta:
        if self._file is None:
            return self._offset
        try:
            found = self._file.stat()
        except FileNotFoundError:
            # What was moved forward stays so: a deleted file must not turn the clock back under running deadlines (L3).
            return self._offset
        except OSError as error:
            raise ConfigError(f"the clock's offset file cannot be read: {self._file}") from error
        # One stat a call; the file is read only when it was replaced. The inode tells two writes within one tick apart.
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._seen:
            self._offset = _as_delta(read_offset(self._file))
            self._seen = stamp
        return self._offset


def read_offset(path: Path) -> Decimal:
    """Return the seconds in an offset file, 0 where there is none; raise ConfigError for anything but a number."""
    try:
        text = path.read_text("ascii").strip()
    except FileNotFoundError:
        return Decimal(0)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the clock's offset file cannot be read: {path}") from error
    if not _OFFSET.fullmatch(text):
        raise ConfigError(f"the clock's offset file must hold seconds, as in 86400.0: {path}")
    return _checked_offset(Decimal(text))


def shift_clock(path: Path, seconds: Decimal) -> Decimal:
    """Add seconds to an offset file by atomic replacement and return the new offset."""
    offset = _checked_offset(read_offset(path) + seconds)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".offset-")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{offset:.6f}\n")
    Path(fresh).replace(path)
    return offset


def _checked_offset(seconds: Decimal) -> Decimal:
    try:
        is_within = abs(seconds) <= OFFSET_SECONDS_MAX
    except InvalidOperation:
        is_within = False
    if not is_within:
        raise ConfigError(f"a clock offset is at most {OFFSET_SECONDS_MAX} seconds")
    return seconds


def _as_delta(seconds: Decimal) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))


class ManualClock:
    """A clock that moves only when told to: for tests, simulation and rehearsal."""

    def __init__(self, start: datetime) -> None:
        """Take the first wall time, aware and in UTC."""
        assert start.utcoffset() == timedelta(0), "times are aware and in UTC"
        self._wall = start
        self._elapsed = timedelta(0)

    def now(self) -> datetime:
        """Return the wall time that was set."""
        return self._wall

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed.total_seconds()

    def advance(self, by: timedelta) -> datetime:
        """Let time pass on both clocks and return the new wall time."""
        assert by >= timedelta(0), "time only passes forward; use step for a wrong wall clock"
        self._elapsed += by
        return self.step(by)

    def step(self, by: timedelta) -> datetime:
        """Set the wall clock forward or back without any time passing."""
        self._wall += by
        return self._wall


def _spell(prefix: str, number: int) -> str:
    assert _PREFIX.fullmatch(prefix), "a token's prefix is 1 to 16 of [a-z0-9], a letter first"
    return f"{prefix}_{''.join([_PAIRS[(number >> place) & 1023] for place in _PLACES])}"


class RandomMint:
    """The mint of production: the operating system's randomness."""

    def token(self, prefix: str) -> str:
        """Return a fresh token."""
        return _spell(prefix, secrets.randbits(5 * TOKEN_LETTERS))

    def fraction(self) -> float:
        """Return a number in [0, 1)."""
        return secrets.randbits(FRACTION_BITS) / (1 << FRACTION_BITS)

    def secret(self, size: int) -> bytes:
        """Return random bytes."""
        return secrets.token_bytes(size)


class SeededMint:
    """A mint that gives the same draws for the same seed anywhere: for tests and simulation, never for service."""

    def __init__(self, seed: int) -> None:
        """Take the seed."""
        self._seed = seed
        self._drawn = 0

    def token(self, prefix: str) -> str:
        """Return the next token."""
        return _spell(prefix, int.from_bytes(self.secret(17), "big"))

    def fraction(self) -> float:
        """Return the next number in [0, 1)."""
        return (int.from_bytes(self.secret(7), "big") >> 3) / (1 << FRACTION_BITS)

    def secret(self, size: int) -> bytes:
        """Return the next bytes."""
        # SHAKE-256 over seed and position rather than `random`: its output is the same in every Python version.
        self._drawn += 1
        return hashlib.shake_256(f"answerable mint\n{self._seed}\n{self._drawn}".encode()).digest(size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One thing that a mint gave: what was asked for (token:case, fraction, secret:32) and what came."""

    asked: str
    given: str | float | bytes


class RecordedMint:
    """A mint that repeats recorded draws in order, then draws from a source and records what it gives.

    A recording holds secrets as they came, so it is kept in memory or as safe as the keys.
    """

    def __init__(self, draws: tuple[Draw, ...] = (), source: Mint | None = None) -> None:
        """Take the draws to repeat and where to go on after them; without a source the end of the draws is an error."""
        self.draws = list(draws)
        self._next = 0
        self._source = source

    def token(self, prefix: str) -> str:
        """Return the recorded or the next token."""
        given = self._draw(f"token:{prefix}", lambda mint: mint.token(prefix))
        assert isinstance(given, str)
        return given

    def fraction(self) -> float:
        """Return the recorded or the next number."""
        given = self._draw("fraction", lambda mint: mint.fraction())
        assert isinstance(given, float)
        return given

    def secret(self, size: int) -> bytes:
        """Return the recorded or the next bytes."""
        given = self._draw(f"secret:{size}", lambda mint: mint.secret(size))
        assert isinstance(given, bytes)
        return given

    def _draw(self, asked: str, fresh: Callable[[Mint], str | float | bytes]) -> str | float | bytes:
        if self._next == len(self.draws):
            assert self._source is not None, f"the recording ends before a draw of {asked}"
            self.draws.append(Draw(asked=asked, given=fresh(self._source)))
        draw = self.draws[self._next]
        assert draw.asked == asked, f"the recording holds {draw.asked} where {asked} is asked"
        self._next += 1
        return draw.given
