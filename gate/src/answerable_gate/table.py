"""Records by alias and by subject, dense: no object per subject, so that a million fit into a small gate.

Law: a record is found under every alias it bears; one alias may lead to several records.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections.abc import Iterator

from answerable_gate.packed import HEAD_BYTES, bears, is_about

SLAB_BYTES = 1 << 20
_TAG = struct.Struct("<I")
_WASTE_MAX = SLAB_BYTES // 2
_FIRST_CELLS = 1 << 10
_LOW = 0xFFFF_FFFF
# Each record in a slab is preceded by its slot and its length.
_PREFIX = 8
# The slot of a record, its slab, and where in it the record begins.
Place = tuple[int, bytearray, int]


class Index:
    """Open addressing: a cell is 32 bits of hash and the slot + 1, and 0 where it is free. Cells are never freed."""

    __slots__ = ("cells", "mask", "used")

    def __init__(self) -> None:
        """Begin empty."""
        self.cells = array("Q", bytes(8 * _FIRST_CELLS))
        self.mask = _FIRST_CELLS - 1
        self.used = 0

    def slots(self, tag: int) -> Iterator[int]:
        """Give the slots that were added under this hash; the caller looks which are really meant."""
        place = tag & self.mask
        while cell := self.cells[place]:
            if cell >> 32 == tag:
                yield (cell & _LOW) - 1
            place = (place + 1) & self.mask

    def add(self, tag: int, slot: int) -> None:
        """Lead from this hash to the slot; to add it twice changes nothing."""
        if slot in self.slots(tag):
            return
        if 3 * self.used > 2 * self.mask:
            self._grow()
        self._place(tag << 32 | slot + 1)
        self.used += 1

    def _place(self, cell: int) -> None:
        place = cell >> 32 & self.mask
        while self.cells[place]:
            place = (place + 1) & self.mask
        self.cells[place] = cell

    def _grow(self) -> None:
        cells, self.mask = self.cells, 2 * self.mask + 1
        self.cells = array("Q", bytes(8 * (self.mask + 1)))
        for cell in cells:
            if cell:
                self._place(cell)


class Table:
    """The records, laid one after the other into slabs; a slab that is half waste is emptied into the newest."""

    def __init__(self) -> None:
        """Begin empty."""
        self._aliases = Index()
        self._subjects = Index()
        self._slabs: list[bytearray] = [bytearray()]
        self._waste = [0]
        self._at = array("Q")

    def __len__(self) -> int:
        return len(self._at)

    def find(self, alias: bytes) -> tuple[Place, ...]:
        """Give the places of the records that bear an alias."""
        # Index.slots() written out, because this runs for every exchange.
        index, tag = self._aliases, _TAG.unpack_from(alias)[0]
        cells, mask = index.cells, index.mask
        place = tag & mask
        found: tuple[Place, ...] = ()
        while cell := cells[place]:
            if cell >> 32 == tag:
                slot = (cell & _LOW) - 1
                at = self._at[slot]
                slab, at = self._slabs[at // SLAB_BYTES], at % SLAB_BYTES
                if slab.startswith(alias, at + HEAD_BYTES) or bears(slab, at, alias):
                    found += ((slot, slab, at),)
            place = (place + 1) & mask
        return found

    def slot(self, subject: str) -> int | None:
        """Give the slot of a subject."""
        slots = self._subjects.slots(_tag(subject))
        return next((slot for slot in slots if is_about(*self.place(slot), subject)), None)

    def place(self, slot: int) -> tuple[bytearray, int]:
        """Give the slab of a record and where in it the record begins."""
        at = self._at[slot]
        return self._slabs[at // SLAB_BYTES], at % SLAB_BYTES

    def record(self, slot: int) -> bytes:
        """Give a record."""
        slab, at = self.place(slot)
        return bytes(slab[at : at + _length(slab, at)])

    def put(self, subject: str, aliases: tuple[bytes, ...], record: bytes) -> int:
        """Store a record in place of the subject's former one, and give its slot."""
        slot = self.slot(subject)
        if slot is None:
            slot = len(self._at)
            self._at.append(self._append(slot, record))
            self._subjects.add(_tag(subject), slot)
        else:
            self._replace(slot, record)
        for alias in aliases:
            self._aliases.add(_TAG.unpack_from(alias)[0], slot)
        return slot

    def _replace(self, slot: int, record: bytes) -> None:
        slab, at = self.place(slot)
        if _length(slab, at) == len(record):
            slab[at : at + len(record)] = record
            return
        number = self._at[slot] // SLAB_BYTES
        self._waste[number] += _PREFIX + _length(slab, at)
        self._at[slot] = self._append(slot, record)
        if self._waste[number] > _WASTE_MAX and number != len(self._slabs) - 1:
            self._empty(number)

    def _append(self, slot: int, record: bytes) -> int:
        if len(self._slabs[-1]) + _PREFIX + len(record) > SLAB_BYTES and self._slabs[-1]:
            self._slabs.append(bytearray())
            self._waste.append(0)
        slab = self._slabs[-1]
        slab += slot.to_bytes(4, "little") + len(record).to_bytes(4, "little") + record
        return (len(self._slabs) - 1) * SLAB_BYTES + len(slab) - len(record)

    def _empty(self, number: int) -> None:
        slab, self._slabs[number], self._waste[number] = self._slabs[number], bytearray(), 0
        at = _PREFIX
        while at < len(slab):
            length = _length(slab, at)
            slot = int.from_bytes(slab[at - _PREFIX : at - 4], "little")
            if self._at[slot] == number * SLAB_BYTES + at:
                self._at[slot] = self._append(slot, bytes(slab[at : at + length]))
            at += length + _PREFIX


def _length(slab: bytearray, at: int) -> int:
    return int.from_bytes(slab[at - 4 : at], "little")


def _tag(subject: str) -> int:
    return int.from_bytes(hashlib.sha256(subject.encode("ascii")).digest()[:4], "little")
