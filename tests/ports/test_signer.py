"""The signer with a key in a file.

Law: a signer never signs a checkpoint that does not grow out of the last one it signed.
"""

import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from answerable.edge import SeededMint
from answerable.errors import BadInput, Conflict, KeyFault
from answerable.ledger.notes import checkpoint_text
from answerable.ledger.verify import Checkpoint, CompactRange, note_signers, parse_note, parse_vkey
from answerable.ports.signer import LocalSigner, create_signing_key
from tests.ports.signers import NAME, Log


def _no_proof(old: int, new: int) -> Sequence[bytes]:
    raise AssertionError(f"no proof is needed from {old} to {new}")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Write a key file."""
    path = tmp_path / "log.key"
    create_signing_key(path, NAME, mint=SeededMint(1))
    return path


def test_a_note_verifies_under_the_key_handed_out(key: Path) -> None:
    """Any reader that pins the vkey sees the signature, and the text is the one given."""
    signer = LocalSigner(key)
    log = Log()
    text = log.grow(b"a", b"b", b"c")
    note = parse_note(signer.sign(text, _no_proof).encode())
    assert note.text == text
    assert note_signers(note, [parse_vkey(signer.vkey)]) == {NAME}
    assert signer.name == NAME


def test_a_log_that_grows_is_signed_on(key: Path) -> None:
    """Each checkpoint that holds the last one as its beginning is signed, by whatever process holds the key."""
    log = Log()
    for count in (0, 1, 2, 0, 5):
        text = log.grow(*(bytes([n]) for n in range(count)))
        assert LocalSigner(key).sign(text, log.prove)
        assert LocalSigner(key).sign(text, _no_proof)


def test_a_log_that_does_not_grow_is_refused(key: Path) -> None:
    """A shorter tree, another tree of the same size, and a longer one without the old one within are not signed."""
    signer, log, other = LocalSigner(key), Log(), Log()
    smaller = log.grow(b"a", b"b")
    last = log.grow(b"c")
    signer.sign(last, log.prove)
    for text in (smaller, other.grow(b"x", b"y", b"z"), other.grow(b"w", b"v")):
        with pytest.raises(Conflict):
            signer.sign(text, other.prove)
    assert signer.sign(log.grow(b"d"), log.prove)


def test_a_memory_from_an_older_backup_refuses_nothing_wrongly(key: Path) -> None:
    """Where `.last` fell back behind the log, the log is its continuation all the same."""
    signer, log = LocalSigner(key), Log()
    signer.sign(log.grow(b"a", b"b"), log.prove)
    last = key.with_name("log.key.last")
    old = last.read_bytes()
    signer.sign(log.grow(b"c", b"d", b"e"), log.prove)
    last.write_bytes(old)
    assert signer.signed_last().size == 2
    assert LocalSigner(key).sign(log.grow(b"f"), log.prove)
    assert signer.signed_last().size == 6


def test_what_was_signed_last_is_told_under_a_signature(key: Path) -> None:
    """Nobody in between can tell another size or root; before the first signature it is the empty log."""
    signer, log = LocalSigner(key), Log()
    assert parse_note(signer.signed_note().encode()).text == checkpoint_text(Checkpoint(NAME, 0, CompactRange().root()))
    text = log.grow(b"a")
    signer.sign(text, log.prove)
    note = parse_note(signer.signed_note().encode())
    assert note.text == text
    assert note_signers(note, [parse_vkey(signer.vkey)]) == {NAME}


def test_only_checkpoints_of_its_own_log_are_signed(key: Path) -> None:
    """A text that is no checkpoint, and another log's, are refused."""
    signer = LocalSigner(key)
    with pytest.raises(BadInput):
        signer.sign("anything\n", _no_proof)
    with pytest.raises(BadInput):
        signer.sign(checkpoint_text(Checkpoint("other.example.org", 0, CompactRange().root())), _no_proof)


@pytest.mark.parametrize("rest", [b"nonsense\n", b"\xff"])
def test_what_was_signed_last_is_never_guessed(key: Path, rest: bytes) -> None:
    """Where the memory of the last signature is damaged nothing is signed."""
    key.with_name("log.key.last").write_bytes(rest)
    with pytest.raises(KeyFault):
        LocalSigner(key).sign(Log().grow(b"a"), _no_proof)


def test_a_signer_that_cannot_remember_does_not_sign(key: Path) -> None:
    """Without a place to write what it signed there is no signature."""
    signer = LocalSigner(key)
    key.unlink()
    with pytest.raises(KeyFault):
        signer.sign(Log().grow(b"a"), _no_proof)


def test_a_key_is_private_and_never_overwritten(key: Path) -> None:
    """The file is its owner's alone; making it again is refused and leaves it as it was."""
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    with pytest.raises(Conflict):
        create_signing_key(key, NAME, mint=SeededMint(2))
    assert key.read_bytes() == before
    assert [path.name for path in key.parent.iterdir()] == ["log.key"]


def test_a_name_that_no_note_can_carry_is_refused(tmp_path: Path) -> None:
    """Blanks and plus signs would break the signature line."""
    with pytest.raises(BadInput):
        create_signing_key(tmp_path / "k", "a b", mint=SeededMint(1))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nope",
        b'{"v":2,"name":"a","seed":"' + b"00" * 32 + b'"}',
        b'{"v":1,"name":"a","seed":"00"}',
        b'{"v":1,"name":"a","seed":"zz"}',
        b'{"v":1,"name":"a b","seed":"' + b"00" * 32 + b'"}',
        b'{"v":1,"name":"a","seed":"' + b"00" * 32 + b'","more":1}',
    ],
)
def test_a_malformed_key_is_a_fault(content: bytes, key: Path) -> None:
    """Nothing but a whole key file is taken for a key."""
    key.write_bytes(content)
    with pytest.raises(KeyFault):
        LocalSigner(key)


def test_a_missing_key_and_one_that_others_can_read_are_faults(key: Path) -> None:
    """A key that others may have read is not used."""
    with pytest.raises(KeyFault):
        LocalSigner(key.with_name("missing"))
    key.chmod(0o640)
    with pytest.raises(KeyFault):
        LocalSigner(key)
