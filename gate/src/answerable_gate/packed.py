"""A held entry as a few bytes: a million of them fit beside each other, and a snapshot is these bytes.

Law: unpack(pack(held)) == held, and equal entries give equal bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from datetime import datetime

from answerable_gate.admission import Held
from answerable_gate.clock import NEVER, from_microseconds, microseconds
from answerable_gate.entry import ALIAS_BYTES, Entry, Frozen, Item
from answerable_gate.measures import Level, Limit, Shield, Standing, join

# flags, level and limits now in force, number of aliases, earliest review of what is in force, length of the subject
_HEAD = struct.Struct("<BBBHqB")
HEAD_BYTES = _HEAD.size
_U64 = struct.Struct("<Q")
_TIME = struct.Struct("<q")
_U16 = struct.Struct("<H")

_OPEN, _REFERS, _TO_ITSELF, _FROZEN, _SHIELDED, _EMPTY, _WITHHELD, _UNPROVEN = 1, 2, 4, 8, 16, 32, 64, 128
_BY_DEFAULT, _REVIEWED, _FALLEN, _FOREIGN, _WITH_SHIELDS, _REVIEW_IN_HEAD = 1, 2, 4, 8, 16, 32
# The verdict on such a record depends on more than level and limits.
_NOT_PLAIN = _FROZEN | _SHIELDED | _EMPTY | _WITHHELD
_BOTH = _REFERS | _TO_ITSELF
_IS_PLAIN = tuple(not flags & _NOT_PLAIN and flags & _BOTH != _REFERS for flags in range(256))
_MODELS, _TOOLS = 1, 2


_LIMITS = tuple(Limit)
_MASKS = {limit: 1 << place for place, limit in enumerate(_LIMITS)}
_LIMIT_SETS = tuple(
    frozenset(limit for limit in _LIMITS if mask & _MASKS[limit]) for mask in range(1 << len(_LIMITS))
)

# Most tokens end in 26 of these letters, 130 bits: 17 bytes instead of 26.
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_LETTER_SET = frozenset(_LETTERS)
_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_TO_DIGITS = str.maketrans(_LETTERS, _DIGITS)
_PAIRS = tuple(a + b for a in _LETTERS for b in _LETTERS)
_TAIL, _TAIL_BYTES, _DENSE = 26, 17, 128


def pack(held: Held) -> bytes:
    """Pack a held entry whose fallen items are marked."""
    entry = held.entry
    review_by = _review_by(held)
    other = entry.reason_ref is not None and entry.reason_ref != entry.subject
    parts = [
        _head(held, review_by),
        *(bytes.fromhex(alias) for alias in entry.aliases),
        entry.subject.encode("ascii"),
        pack_token(entry.reason_ref) if other and entry.reason_ref else b"",
        _U64.pack(entry.version),
        _U64.pack(held.withheld) if held.withheld else b"",
        _pack_frozen(entry.frozen),
        _U16.pack(len(entry.items)),
    ]
    parts += (_pack_item(item, entry.subject, item.id in held.fallen, review_by) for item in entry.items)
    return b"".join(parts)


def unpack(record: bytes) -> Held:
    """Unpack a record; ValueError, IndexError, OverflowError or struct.error where it is none."""
    flags, _, _, aliases, review_by, length = _HEAD.unpack_from(record)
    reader = _Reader(record, HEAD_BYTES)
    names = tuple(reader.take(ALIAS_BYTES).hex() for _ in range(aliases))
    subject = reader.take(length).decode("ascii")
    reason_ref = (subject if flags & _TO_ITSELF else reader.token()) if flags & _REFERS else None
    version = reader.version()
    withheld = reader.version() if flags & _WITHHELD else 0
    frozen = reader.frozen() if flags & _FROZEN else None
    first = None if review_by == NEVER else from_microseconds(review_by)
    read = [reader.item(subject, first) for _ in range(reader.number())]
    if reader.at != len(record):
        raise ValueError("bytes are left over")
    entry = Entry(
        subject=subject,
        version=version,
        items=tuple(item for item, _ in read),
        aliases=names,
        frozen=frozen,
        open=bool(flags & _OPEN),
        reason_ref=reason_ref,
    )
    fallen = frozenset(item.id for item, has_fallen in read if has_fallen)
    return Held(entry=entry, fallen=fallen, withheld=withheld, unproven=bool(flags & _UNPROVEN))


def summary(record: bytes | bytearray, at: int) -> tuple[int, str | None, int]:
    """Read the head of the record that begins at `at`: its shape, reason_ref and earliest review (NEVER: none).

    Records of one shape (level and limits) get one verdict; the shape is -1 where a verdict depends on more.
    """
    flags, level, limits, aliases, review_by, length = _HEAD.unpack_from(record, at)
    if _IS_PLAIN[flags]:
        begins = at + HEAD_BYTES + aliases * ALIAS_BYTES
        reason_ref = record[begins : begins + length].decode("ascii") if flags & _REFERS else None
        return level << 8 | limits, reason_ref, review_by
    return -1, None, NEVER


def bears(record: bytes | bytearray, at: int, alias: bytes) -> bool:
    """Say whether the record that begins at `at` bears this alias."""
    # Where it bears none these 16 bytes are something else; no keyed hash will ever equal them.
    first = at + HEAD_BYTES
    if record.startswith(alias, first):
        return True
    others = _HEAD.unpack_from(record, at)[3]
    return any(record.startswith(alias, first + ALIAS_BYTES * place) for place in range(1, others))


def is_about(record: bytes | bytearray, at: int, subject: str) -> bool:
    """Say whether the record that begins at `at` is about this subject."""
    _, _, _, aliases, _, length = _HEAD.unpack_from(record, at)
    begins = at + HEAD_BYTES + aliases * ALIAS_BYTES
    return record[begins : begins + length] == subject.encode("ascii")


def pack_token(token: str) -> bytes:
    """Pack a token, its length or kind first."""
    prefix, tail = token[:-_TAIL], token[-_TAIL:]
    if len(tail) < _TAIL or set(tail) - _LETTER_SET:
        return bytes((len(token),)) + token.encode("ascii")
    dense = int(tail.translate(_TO_DIGITS), 32).to_bytes(_TAIL_BYTES)
    return bytes((_DENSE + len(prefix),)) + prefix.encode("ascii") + dense


def _head(held: Held, review_by: datetime | None) -> bytes:
    entry = held.entry
    there = join(*(item.standing for item in entry.items if item.id in held.fallen))
    flags = (
        _OPEN * entry.open
        | _REFERS * (entry.reason_ref is not None)
        | _TO_ITSELF * (entry.reason_ref == entry.subject)
        | _FROZEN * (entry.frozen is not None)
        | _SHIELDED * bool(there.shields)
        | _EMPTY * (not entry.items and not entry.open and entry.frozen is None)
        | _WITHHELD * bool(held.withheld)
        | _UNPROVEN * held.unproven
    )
    review = NEVER if review_by is None else microseconds(review_by)
    return _HEAD.pack(flags, there.level, _mask(there.limits), len(entry.aliases), review, len(entry.subject))


def _review_by(held: Held) -> datetime | None:
    reviews = [item.review_by for item in held.entry.items if item.id in held.fallen and item.review_by]
    return min(reviews, default=None)


def _pack_item(item: Item, subject: str, fallen: bool, review_by: datetime | None) -> bytes:
    there = item.standing
    in_head = item.review_by is not None and item.review_by == review_by
    flags = (
        _BY_DEFAULT * (item.kind == "default")
        | _REVIEWED * (item.review_by is not None)
        | _FALLEN * fallen
        | _FOREIGN * (item.of != subject)
        | _WITH_SHIELDS * bool(there.shields)
        | _REVIEW_IN_HEAD * in_head
    )
    return b"".join((
        bytes((flags, there.level, _mask(there.limits))),
        pack_token(item.id),
        pack_token(item.of) if item.of != subject else b"",
        _pack_shields(there.shields) if there.shields else b"",
        _TIME.pack(microseconds(item.effective)),
        _TIME.pack(microseconds(item.review_by)) if item.review_by is not None and not in_head else b"",
    ))


def _pack_shields(shields: Iterable[Shield]) -> bytes:
    listed = sorted(shields, key=lambda shield: (shield.person, shield.terms))
    return bytes((len(listed),)) + b"".join(pack_token(shield.person) + _pack_names(shield.terms) for shield in listed)


def _pack_frozen(frozen: Frozen | None) -> bytes:
    if frozen is None:
        return b""
    known = _MODELS * (frozen.models is not None) | _TOOLS * (frozen.tools is not None)
    both = (frozen.models, frozen.tools)
    return bytes((known,)) + b"".join(_pack_names(names) for names in both if names is not None)


def _pack_names(names: tuple[str, ...]) -> bytes:
    written = [name.encode("utf-8") for name in names]
    return _U16.pack(len(written)) + b"".join(_U16.pack(len(name)) + name for name in written)


def _mask(limits: Iterable[Limit]) -> int:
    return sum(_MASKS[limit] for limit in limits)


class _Reader:
    """A place in a record, moved on by each read."""

    __slots__ = ("at", "record")

    def __init__(self, record: bytes, at: int) -> None:
        self.record = record
        self.at = at

    def take(self, size: int) -> bytes:
        begins, self.at = self.at, self.at + size
        if self.at > len(self.record):
            raise ValueError("the record ends early")
        return self.record[begins : self.at]

    def number(self) -> int:
        return int(_U16.unpack(self.take(2))[0])

    def version(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def token(self) -> str:
        size = self.take(1)[0]
        if size < _DENSE:
            return self.take(size).decode("ascii")
        prefix = self.take(size - _DENSE).decode("ascii")
        number = int.from_bytes(self.take(_TAIL_BYTES))
        return prefix + "".join(_PAIRS[number >> place & 1023] for place in range(5 * (_TAIL - 2), -1, -10))

    def names(self) -> tuple[str, ...]:
        return tuple(self.take(self.number()).decode("utf-8") for _ in range(self.number()))

    def frozen(self) -> Frozen:
        known = self.take(1)[0]
        models = self.names() if known & _MODELS else None
        return Frozen(models=models, tools=self.names() if known & _TOOLS else None)

    def moment(self) -> datetime:
        return from_microseconds(_TIME.unpack(self.take(8))[0])

    def item(self, subject: str, review_by: datetime | None) -> tuple[Item, bool]:
        flags, level, limits = self.take(3)
        name = self.token()
        of = self.token() if flags & _FOREIGN else subject
        shields = self.shields() if flags & _WITH_SHIELDS else frozenset()
        effective = self.moment()
        if flags & _REVIEWED and not flags & _REVIEW_IN_HEAD:
            review_by = self.moment()
        item = Item(
            id=name,
            of=of,
            standing=Standing(Level(level), _LIMIT_SETS[limits], shields),
            effective=effective,
            kind="default" if flags & _BY_DEFAULT else "measure",
            review_by=review_by if flags & _REVIEWED else None,
        )
        return item, bool(flags & _FALLEN)

    def shields(self) -> frozenset[Shield]:
        return frozenset(Shield(self.token(), self.names()) for _ in range(self.take(1)[0]))
