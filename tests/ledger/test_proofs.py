"""Receipts: written, read, verified, and nothing less than the whole of it believed.

Law: a receipt proves its own entry at its own place under the pinned key, or nothing.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from answerable.errors import BadInput
from answerable.ledger.notes import sign_note
from answerable.ledger.proofs import MAX_RECEIPT, Receipt, read_receipt, verify_receipt, write_receipt
from answerable.ledger.tree import CompactRange, inclusion
from answerable.ledger.verify import leaf_hash
from tests.ledger.logs import KEY, ORIGIN, OTHER, note_for, some_entries, text_for

ENTRIES = some_entries(["case:c_1"] * 7)


def receipt_for(index: int, *, carries: bool = True) -> Receipt:
    """Return the receipt of one entry in the tree of all seven."""
    edge = CompactRange()
    nodes = {(level, at): node for entry in ENTRIES for level, at, node in edge.append(leaf_hash(entry))}
    path = inclusion(index, len(ENTRIES), lambda level, at: nodes[level, at])
    entry = ENTRIES[index] if carries else None
    return Receipt(index=index, path=tuple(path), note=note_for(ENTRIES).decode(), entry=entry)


@pytest.mark.parametrize("index", range(7))
def test_a_receipt_is_verified_from_itself_and_the_key(index: int) -> None:
    """Written, read back and verified, it names the signed tree it stands in."""
    receipt = read_receipt(write_receipt(receipt_for(index)))
    assert receipt == receipt_for(index)
    checkpoint = verify_receipt(receipt, [KEY])
    assert (checkpoint.origin, checkpoint.size) == (ORIGIN, 7)


def test_every_flipped_byte_is_found() -> None:
    """Each byte of the file, changed in one bit, in turn: never verified as it was."""
    whole = write_receipt(receipt_for(3))
    for at in range(len(whole)):
        flipped = whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :]
        with pytest.raises(BadInput):
            verify_receipt(read_receipt(flipped), [KEY])


def test_the_entry_may_come_apart_from_the_receipt() -> None:
    """A receipt without the bytes proves them when they are given, and proves nothing alone."""
    bare = read_receipt(write_receipt(receipt_for(2, carries=False)))
    assert bare.entry is None
    assert verify_receipt(bare, [KEY], ENTRIES[2]).size == 7
    for entry in (None, ENTRIES[3]):
        with pytest.raises(BadInput):
            verify_receipt(bare, [KEY], entry)


def test_what_is_given_counts_before_what_travels_along() -> None:
    """The extra line is not authenticated: asked about an entry, the receipt answers about that one."""
    with pytest.raises(BadInput):
        verify_receipt(receipt_for(2), [KEY], ENTRIES[3])


def test_nobody_elses_signature_counts() -> None:
    """No key, another key, or the log's key under another log's name: refused."""
    receipt = receipt_for(1)
    for keys in ([], [replace(KEY, public=OTHER.public_key().public_bytes_raw())]):
        with pytest.raises(BadInput):
            verify_receipt(receipt, keys)
    unknown = replace(receipt, note=sign_note(text_for(ENTRIES), ORIGIN, OTHER))
    with pytest.raises(BadInput):
        verify_receipt(unknown, [KEY])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"c2sp.org/tlog-proof@v1",
        b"c2sp.org/tlog-proof@v1\nextra QQ==",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\n",
        b"c2sp.org/tlog-proof@v1\nindex +1\n\n",
        b"c2sp.org/tlog-proof@v1\nextra QR==\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nQQ==\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nextra QQ==\n\n",
        b"x" * (MAX_RECEIPT + 1),
    ],
)
def test_what_is_no_receipt_is_not_read(data: bytes) -> None:
    """Another version, another order, another spelling, or too much of it."""
    with pytest.raises(BadInput):
        read_receipt(data)
