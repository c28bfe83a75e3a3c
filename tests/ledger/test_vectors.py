"""Known answers of others: RFC 6962 roots, the signed-note example, a log made by Tessera, RFC 8785 files.

Law: the formats are theirs, not ours. The data is shared apart from the project; without it these tests skip.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from answerable.ledger.tree import CompactRange, consistency, inclusion
from answerable.ledger.verify import (
    Malformed,
    canonical,
    leaf_hash,
    note_signers,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).resolve().parents[3] / "shared/data/ledger-vectors"

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared folder with others' vectors is not here")


def known(name: str) -> dict:
    """Return one of the known answers."""
    return json.loads((VECTORS / "known-answers.json").read_text())[name]


def test_roots_of_rfc_6962() -> None:
    """The roots of sizes 0 to 8 are those every implementation gives."""
    vectors = known("rfc6962_sha256")
    edge = CompactRange()
    roots = [edge.root().hex()]
    for leaf in vectors["leaf_inputs_hex"]:
        edge.append(leaf_hash(bytes.fromhex(leaf)))
        roots.append(edge.root().hex())
    assert roots == vectors["roots_by_size_hex"]


def test_the_example_of_the_signed_note_specification() -> None:
    """The specification's own note verifies under its own key, and not with a letter changed."""
    vectors = known("signed_note_example")
    key = parse_vkey(vectors["vkey"])
    assert note_signers(parse_note(vectors["note"].encode()), [key]) == {key.name}
    with pytest.raises(Malformed):
        note_signers(parse_note(vectors["note"].replace("example m", "Example m").encode()), [key])


def tessera() -> tuple[list[bytes], list[bytes]]:
    """Return the entries of the log and its checkpoints 0 to 15."""
    log = VECTORS / "tessera/testdata/log"
    bundle, entries = (log / "tile/entries/000.p/15").read_bytes(), []
    while bundle:
        end = 2 + int.from_bytes(bundle[:2], "big")
        entries.append(bundle[2:end])
        bundle = bundle[end:]
    return entries, [(log / f"checkpoint.{size}").read_bytes() for size in range(16)]


def test_a_log_made_by_tessera() -> None:
    """Signatures, roots, all inclusion and all consistency proofs of another implementation's log."""
    entries, notes = tessera()
    key = parse_vkey(known("tessera_testlog_vkey")["vkey"])
    edge = CompactRange()
    nodes = {(level, at): node for entry in entries for level, at, node in edge.append(leaf_hash(entry))}
    roots = []
    for size, data in enumerate(notes):
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        assert note_signers(note, [key]) == {checkpoint.origin}
        assert checkpoint.size == size
        roots.append(checkpoint.root)
        for index in range(size):
            path = inclusion(index, size, lambda level, at: nodes[level, at])
            assert verify_inclusion(leaf_hash(entries[index]), index, size, path, checkpoint.root)
    for new in range(16):
        for old in range(new + 1):
            path = consistency(old, new, lambda level, at: nodes[level, at])
            assert verify_consistency(old, new, roots[old], roots[new], path)


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_files_of_rfc_8785(name: str) -> None:
    """Inside our profile the bytes are the published ones; what has floats or other keys is refused, not guessed."""
    folder = VECTORS / "jcs/testdata"
    value = json.loads((folder / f"input/{name}.json").read_bytes())
    expected = bytes.fromhex((folder / f"outhex/{name}.txt").read_text())
    if name in {"french", "structures", "values", "weird"}:
        with pytest.raises(Malformed):
            canonical(value)
    else:
        assert canonical(value) == expected
