"""Small logs for the tests of the ledger, and the plainest possible tree to compare with.

Law: nothing here calls the code under test where the tests compare against it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.ledger.entries import Envelope, encode
from answerable.ledger.notes import sign_note, vkey
from answerable.ledger.verify import leaf_hash, parse_vkey

ORIGIN = "ledger.example/log"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = vkey(ORIGIN, PRIVATE.public_key())
KEY = parse_vkey(VKEY)
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
START = datetime(2026, 4, 10, 9, 0, tzinfo=UTC)


def plain_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root by the definition in RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    cut = 1
    while cut * 2 < len(leaves):
        cut *= 2
    return hashlib.sha256(b"\x01" + plain_root(leaves[:cut]) + plain_root(leaves[cut:])).digest()


def some_leaves(count: int) -> list[bytes]:
    """Return `count` different leaf hashes."""
    return [hashlib.sha256(b"\x00" + bytes([number % 256, number // 256])).digest() for number in range(count)]


def some_entries(streams: Sequence[str], origin: str = ORIGIN) -> list[bytes]:
    """Return one entry per name, each chained to the one before it in its stream."""
    heads: dict[str, tuple[int, str]] = {}
    written = []
    for number, stream in enumerate(streams):
        seq, prev = heads.get(stream, (0, ""))
        envelope = Envelope(
            stream=stream,
            seq=seq + 1,
            prev=prev,
            act=f"act_{number}",
            at=START + timedelta(minutes=number),
            by="staff_7",
            kind="NoticeReceived",
            body={"notice": f"n_{number}", "tier": number % 3, "claims": ["threat"], "quote": None, "told": False},
        )
        written.append(encode(envelope, origin))
        heads[stream] = (seq + 1, leaf_hash(written[-1]).hex())
    return written


def text_for(entries: Sequence[bytes], origin: str = ORIGIN) -> str:
    """Return the text of the checkpoint over these entries."""
    root = plain_root([leaf_hash(entry) for entry in entries])
    return f"{origin}\n{len(entries)}\n{base64.b64encode(root).decode()}\n"


def note_for(entries: Sequence[bytes], private: Ed25519PrivateKey = PRIVATE, origin: str = ORIGIN) -> bytes:
    """Return the signed checkpoint over these entries."""
    return sign_note(text_for(entries, origin), origin, private).encode()


def write_folder(folder: Path, entries: Sequence[bytes], sizes: Sequence[int]) -> Path:
    """Write an export by hand, with a checkpoint at each size."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "entries.jsonl").write_bytes(b"".join(entry + b"\n" for entry in entries))
    for size in sizes:
        (folder / "checkpoints" / str(size)).write_bytes(note_for(entries[:size]))
    (folder / "checkpoint").write_bytes(note_for(entries[: max(sizes)]))
    return folder
