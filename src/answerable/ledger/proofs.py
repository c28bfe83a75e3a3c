"""Receipts: C2SP tlog-proof files, which show to whoever holds the log's key that an entry is in the ledger.

Law: a receipt needs nothing but itself and the pinned key, and the operator cannot take it back.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from answerable.errors import BadInput
from answerable.ledger.verify import (
    MAX_ENTRY,
    MAX_NOTE,
    Checkpoint,
    Malformed,
    VerifierKey,
    leaf_hash,
    note_signers,
    parse_base64,
    parse_checkpoint,
    parse_hash,
    parse_note,
    parse_number,
    root_from_inclusion,
)

HEADER = "c2sp.org/tlog-proof@v1"
MAX_RECEIPT = MAX_NOTE + 2 * MAX_ENTRY + 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An entry's place, its inclusion path (the leaf's sibling first), and the checkpoint note over the tree.

    `entry` are the entry's bytes where they travel along (the file's `extra` line, proved only by the hash); else None.
    """

    index: int
    path: tuple[bytes, ...]
    note: str
    entry: bytes | None = None


def write_receipt(receipt: Receipt) -> bytes:
    """Return the receipt as a `.tlog-proof` file."""
    lines = [HEADER]
    if receipt.entry is not None:
        lines.append(f"extra {base64.b64encode(receipt.entry).decode()}")
    lines.append(f"index {receipt.index}")
    lines += [base64.b64encode(item).decode() for item in receipt.path]
    return ("\n".join(lines) + "\n\n" + receipt.note).encode()


def _read(data: bytes) -> Receipt:
    if len(data) > MAX_RECEIPT:
        raise Malformed("is too long")
    try:
        head, _, note = data.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Malformed("is not UTF-8") from None
    first, *lines = head.split("\n")
    entry = None
    if lines and lines[0].startswith("extra "):
        entry = parse_base64(lines.pop(0).removeprefix("extra "))
    if first != HEADER or not lines or not lines[0].startswith("index "):
        raise Malformed("is no tlog-proof of version 1")
    index = parse_number(lines.pop(0).removeprefix("index "))
    return Receipt(index=index, path=tuple(parse_hash(line) for line in lines), note=note, entry=entry)


def read_receipt(data: bytes) -> Receipt:
    """Read a `.tlog-proof` file; BadInput where it is none. Nothing in it is believed before `verify_receipt`."""
    try:
        return _read(data)
    except Malformed as fault:
        raise BadInput(f"the receipt {fault}") from fault


def _verify(receipt: Receipt, keys: Sequence[VerifierKey], entry: bytes | None) -> Checkpoint:
    if entry is None:
        raise Malformed("does not carry the entry's bytes, and none were given")
    note = parse_note(receipt.note.encode())
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin not in note_signers(note, keys):
        raise Malformed("carries no signature of the log under a known key")
    root = root_from_inclusion(leaf_hash(entry), receipt.index, checkpoint.size, receipt.path)
    if root != checkpoint.root:
        raise Malformed("does not prove this entry in the signed tree")
    return checkpoint


def verify_receipt(receipt: Receipt, keys: Sequence[VerifierKey], entry: bytes | None = None) -> Checkpoint:
    """Return the signed checkpoint that holds the entry (given, or in the receipt); BadInput says why there is none."""
    try:
        return _verify(receipt, keys, receipt.entry if entry is None else entry)
    except Malformed as fault:
        raise BadInput(f"the receipt {fault}") from fault
