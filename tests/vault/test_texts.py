"""Sealed texts: what opens them, what erases them, what their rows betray."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.edge import SeededMint
from answerable.errors import Corrupt, TooLarge
from answerable.vault.commitments import opens
from answerable.vault.keys import make_keyring
from answerable.vault.texts import (
    TEXT_BYTES_MAX,
    AuthorKey,
    Erased,
    Opening,
    SealedText,
    disclose,
    make_author_key,
    seal,
    unseal,
)

MINT = SeededMint(1)
KEYRING = make_keyring(MINT)
OTHER_KEYRING = make_keyring(MINT)
HERS = make_author_key(case="case_1", author="person_1", keyring=KEYRING, mint=MINT)
HIS = make_author_key(case="case_1", author="subject_1", keyring=KEYRING, mint=MINT)


def sealed(text: bytes = b"he wrote again", author_key: AuthorKey = HERS, slot: str = "notice") -> SealedText:
    """Return a text sealed for the tests."""
    return seal(text, author_key=author_key, slot=slot, keyring=KEYRING, mint=MINT)


@given(st.binary(max_size=400))
def test_what_was_sealed_is_opened(text: bytes) -> None:
    """Every text comes back byte for byte, and its salt opens the commitment that stands in the fact."""
    row = sealed(text)
    opening = disclose(row, HERS, KEYRING)
    assert isinstance(opening, Opening)
    assert unseal(row, HERS, KEYRING) == opening.text == text
    assert opens(row.commit, salt=opening.salt, text=text)


def test_destroying_his_key_erases_his_texts_and_keeps_hers() -> None:
    """Art. 17 GDPR for him does not destroy her evidence; the commitment of what is gone still stands."""
    his, hers = sealed(b"his words", HIS), sealed(b"her notice", HERS)
    assert unseal(his, None, KEYRING) == Erased(token=his.token, commit=his.commit)
    assert unseal(hers, HERS, KEYRING) == b"her notice"
    with pytest.raises(Corrupt):
        unseal(his, HERS, KEYRING)


def test_a_renamed_author_key_opens_nothing() -> None:
    """A key row relabelled as another author's is refused: the wrapping is bound to case and author."""
    row = sealed()
    for moved in (replace(HIS, author="person_1"), replace(HERS, wrapped=HIS.wrapped)):
        with pytest.raises(Corrupt):
            unseal(row, moved, KEYRING)


@pytest.mark.parametrize("name", [each.name for each in fields(SealedText)])
def test_a_change_of_any_column_is_seen(name: str) -> None:
    """A row with any column changed, or taken from another row, never opens."""
    row, other = sealed(b"one"), sealed(b"two", HIS, "answer")
    old = getattr(row, name)
    flipped = bytes([old[0] ^ 1]) + old[1:] if isinstance(old, bytes) else f"{old}x"
    for value in {flipped, getattr(other, name), old[:-1], old[:0]} - {old}:
        with pytest.raises(Corrupt):
            unseal(replace(row, **{name: value}), HERS, KEYRING)


@given(st.data())
def test_every_flipped_bit_is_seen(data: st.DataObject) -> None:
    """No bit of a stored row can change without being noticed."""
    row = sealed(b"her notice, word for word")
    name = data.draw(st.sampled_from(["wrapped_key", "nonce", "ciphertext"]))
    old = bytearray(getattr(row, name))
    bit = data.draw(st.integers(0, len(old) * 8 - 1))
    old[bit // 8] ^= 1 << bit % 8
    changed: dict[str, Any] = {name: bytes(old)}
    with pytest.raises(Corrupt):
        unseal(replace(row, **changed), HERS, KEYRING)


def test_another_keyring_opens_nothing() -> None:
    """Rows and their key rows are worth nothing without the key-encryption key."""
    with pytest.raises(Corrupt):
        unseal(sealed(), HERS, OTHER_KEYRING)


def test_a_commitment_to_another_text_is_seen() -> None:
    """A row whose commitment was exchanged for that of a true sibling does not open."""
    row, sibling = sealed(b"yes"), sealed(b"no")
    with pytest.raises(Corrupt, match="does not open its commitment"):
        unseal(replace(row, commit=sibling.commit), HERS, KEYRING)


def test_the_same_text_twice_looks_like_two() -> None:
    """Nothing that is stored tells that two texts are equal."""
    one, other = sealed(b"same"), sealed(b"same")
    for name in ("token", "wrapped_key", "nonce", "ciphertext", "commit"):
        assert getattr(one, name) != getattr(other, name)


def test_the_length_of_a_row_is_blurred() -> None:
    """A yes and a no, and all addresses of usual length, have rows of one length."""
    assert len({len(sealed(b"x" * size).ciphertext) for size in range(28)}) == 1
    assert len(sealed(b"x" * 29).ciphertext) == len(sealed(b"").ciphertext) + 64


def test_nothing_secret_is_shown() -> None:
    """Neither keys nor texts stand in what a log might show of the values."""
    row = sealed(b"secret words")
    shown = repr((row, HERS, disclose(row, HERS, KEYRING)))
    assert "secret" not in shown
    assert repr(row.ciphertext) not in shown
    assert repr(HERS.wrapped) not in shown


def test_a_text_has_a_limit() -> None:
    """A text above the limit is refused before anything is made of it; one at the limit is taken."""
    with pytest.raises(TooLarge):
        sealed(bytes(TEXT_BYTES_MAX + 1))
    assert unseal(sealed(bytes(TEXT_BYTES_MAX)), HERS, KEYRING) == bytes(TEXT_BYTES_MAX)


@pytest.mark.parametrize("author", ["a\nb", "ü", "a\x00"])
def test_tokens_are_printable(author: str) -> None:
    """What binds a ciphertext to its place cannot be forged with line ends; strange tokens are a programmer's error."""
    with pytest.raises(AssertionError):
        make_author_key(case="case_1", author=author, keyring=KEYRING, mint=MINT)


def test_the_same_mint_gives_the_same_row() -> None:
    """L16: with the same draws sealing writes the same bytes."""
    rows = [seal(b"text", author_key=HERS, slot="s", keyring=KEYRING, mint=SeededMint(9)) for _ in range(2)]
    assert rows[0] == rows[1]
