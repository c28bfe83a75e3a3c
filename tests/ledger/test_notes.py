"""Signing: what is written here, every reader of signed notes can read.

Law: a note names its key, and the key line names the same key.
"""

from __future__ import annotations

import pytest

from answerable.ledger.notes import Checkpoint, checkpoint_text, sign_note, signed_note, vkey
from answerable.ledger.verify import Malformed, note_signers, parse_checkpoint, parse_note, parse_vkey
from tests.ledger.logs import KEY, ORIGIN, OTHER, PRIVATE, some_entries, text_for


def test_a_signed_checkpoint_is_read_back() -> None:
    """Text, note and key line go together."""
    checkpoint = Checkpoint(ORIGIN, 12, b"r" * 32)
    note = parse_note(sign_note(checkpoint_text(checkpoint), ORIGIN, PRIVATE).encode())
    assert note_signers(note, [parse_vkey(vkey(ORIGIN, PRIVATE.public_key()))]) == {ORIGIN}
    assert parse_checkpoint(note.text) == checkpoint


def test_the_text_is_the_one_the_tests_write_by_hand() -> None:
    """Three lines, the root in base64."""
    text = text_for(some_entries(["system"]))
    assert checkpoint_text(parse_checkpoint(text)) == text


def test_a_signature_made_elsewhere_fits_in() -> None:
    """A key service signs the text; the note is the same as if the key were here."""
    signature = PRIVATE.sign(b"text\n")
    assert signed_note("text\n", ORIGIN, PRIVATE.public_key(), signature) == sign_note("text\n", ORIGIN, PRIVATE)


def test_a_signature_by_another_key_is_false() -> None:
    """The key id in the note is that of the key it claims."""
    note = signed_note("text\n", ORIGIN, PRIVATE.public_key(), OTHER.sign(b"text\n"))
    with pytest.raises(Malformed):
        note_signers(parse_note(note.encode()), [KEY])


def test_what_no_reader_would_take_is_not_signed() -> None:
    """A text without its last newline and a name with a plus sign are programmer's errors."""
    with pytest.raises(AssertionError):
        sign_note("text", ORIGIN, PRIVATE)
    with pytest.raises(AssertionError):
        sign_note("text\n", "a+b", PRIVATE)
    with pytest.raises(AssertionError):
        vkey("a b", PRIVATE.public_key())
