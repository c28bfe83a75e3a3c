"""The ledger's formats, frozen: bytes written once must be written, read and verified so for ever.

Law: docs/spec shows these very bytes; a change here is a new version of the format, never an edit.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.ledger.entries import Envelope, decode, encode
from answerable.ledger.export import write_export
from answerable.ledger.notes import Checkpoint, checkpoint_text, sign_note, vkey
from answerable.ledger.proofs import Receipt, read_receipt, verify_receipt, write_receipt
from answerable.ledger.tree import CompactRange, consistency, inclusion
from answerable.ledger.verify import audit_folder, leaf_hash, node_hash, parse_vkey, report, verify_consistency

HERE = Path(__file__).parent
SPEC = HERE.parents[1] / "docs/spec"
ORIGIN = "ledger.example/answerable"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
COMMITMENT = "063d994640e8984109234efa85ade419fe89b1f64ed2dd61c0053f58599288ac"


def golden_entries() -> list[bytes]:
    """Return the three entries of the example, made anew."""
    opened = Envelope(
        stream="case:c_7mq2",
        seq=1,
        prev="",
        act="a_k3xp",
        at=datetime(2026, 4, 10, 9, 0, tzinfo=UTC),
        by="portal",
        kind="CaseOpened",
        body={"person": None, "subject": "s_v8tn"},
    )
    first = encode(opened, ORIGIN)
    seen = Envelope(
        stream="subject:s_v8tn",
        seq=1,
        prev="",
        act="a_k3xp",
        at=datetime(2026, 4, 10, 9, 0, tzinfo=UTC),
        by="portal",
        kind="SubjectSeen",
        body={"commitment": COMMITMENT},
    )
    notice = Envelope(
        stream="case:c_7mq2",
        seq=2,
        prev=leaf_hash(first).hex(),
        act="a_w5rd",
        at=datetime(2026, 4, 10, 9, 0, 0, 250_000, tzinfo=UTC),
        by="portal",
        kind="NoticeReceived",
        body={
            "claims": ["threat", "stalking"],
            "danger_now": False,
            "grade": "E0",
            "sample": 'Zoë\t"\u20ac\U0001d11e',
        },
    )
    return [first, encode(seen, ORIGIN), encode(notice, ORIGIN)]


def golden_note(size: int) -> str:
    """Return the signed checkpoint over the first entries, made anew."""
    edge = CompactRange()
    for entry in golden_entries()[:size]:
        edge.append(leaf_hash(entry))
    return sign_note(checkpoint_text(Checkpoint(ORIGIN, size, edge.root())), ORIGIN, PRIVATE)


def golden_receipt() -> bytes:
    """Return the receipt of the notice, made anew."""
    entries = golden_entries()
    edge = CompactRange()
    nodes = {(level, at): node for entry in entries for level, at, node in edge.append(leaf_hash(entry))}
    path = tuple(inclusion(2, 3, lambda level, at: nodes[level, at]))
    return write_receipt(Receipt(index=2, path=path, note=golden_note(3), entry=entries[2]))


def golden_files(folder: Path) -> dict[str, bytes]:
    """Return every file under a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_export_is_written_to_the_byte(tmp_path: Path) -> None:
    """Today's program writes the export that was frozen."""
    write_export(tmp_path / "ledger", golden_entries(), [(size, golden_note(size)) for size in (2, 3)])
    assert golden_files(tmp_path / "ledger") == golden_files(HERE / "ledger")


def test_the_frozen_export_is_verified() -> None:
    """Today's verifier accepts it under the frozen key line."""
    key = (HERE / "ledger.vkey").read_text().strip()
    assert key == vkey(ORIGIN, PRIVATE.public_key())
    assert report(audit_folder(HERE / "ledger", [parse_vkey(key)]))["verdict"] == "VERIFIED"


def test_the_frozen_entries_are_read() -> None:
    """Reading and writing each frozen line gives the line."""
    lines = (HERE / "ledger/entries.jsonl").read_bytes().splitlines()
    assert [encode(decode(line), ORIGIN) for line in lines] == lines


def test_the_frozen_receipt_is_written_and_verified() -> None:
    """The receipt of the notice, to the byte; it verifies under the frozen key line alone."""
    frozen = (HERE / "receipt.tlog-proof").read_bytes()
    assert golden_receipt() == frozen
    key = parse_vkey((HERE / "ledger.vkey").read_text().strip())
    receipt = read_receipt(frozen)
    assert verify_receipt(receipt, [key]) == verify_receipt(receipt, [key], golden_entries()[2])
    assert receipt.entry is not None
    assert decode(receipt.entry).kind == "NoticeReceived"


def blocks(page: str) -> list[str]:
    """Return the fenced blocks of a page of the specification."""
    return re.findall(r"^```[a-z]*\n(.*?)^```$", (SPEC / page).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(
    ("page", "file"),
    [
        ("ledger.md", "ledger/entries.jsonl"),
        ("ledger.md", "ledger/checkpoint"),
        ("ledger.md", "ledger.vkey"),
        ("receipt.md", "receipt.tlog-proof"),
    ],
)
def test_the_specification_shows_the_frozen_bytes(page: str, file: str) -> None:
    """Each example in docs/spec is the frozen file, whole."""
    assert (HERE / file).read_text() in blocks(page)


def test_the_specification_shows_the_hashes() -> None:
    """The leaf hashes, the roots and the consistency proof in the table are those of the frozen entries."""
    leaves = [leaf_hash(entry) for entry in golden_entries()]
    pair = node_hash(leaves[0], leaves[1])
    root = node_hash(pair, leaves[2])
    path = consistency(2, 3, lambda level, at: leaves[at])
    assert verify_consistency(2, 3, pair, root, path)
    names = ("leaf 0", "leaf 1", "leaf 2", "root of 2", "root of 3")
    shown = "".join(f"{name}  {item.hex()}\n" for name, item in zip(names, [*leaves, pair, root], strict=True))
    assert f"{shown}consistency 2 to 3  {path[0].hex()}\n" in blocks("ledger.md")
