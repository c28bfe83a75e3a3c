"""Commitments: binding, and silent without the salt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.vault.commitments import SALT_BYTES, commit, opens

SALTS = st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES)


@given(SALTS, st.binary(max_size=80), SALTS, st.binary(max_size=80))
def test_a_commitment_opens_to_its_text_alone(salt: bytes, text: bytes, other_salt: bytes, other_text: bytes) -> None:
    """It opens with its own salt and text and with no other pair."""
    commitment = commit(salt, text)
    assert opens(commitment, salt=salt, text=text)
    assert opens(commitment, salt=other_salt, text=other_text) == ((salt, text) == (other_salt, other_text))


def test_the_known_answer() -> None:
    """The format is HMAC-SHA-256 with the salt as key: computed apart with another program."""
    # openssl dgst -sha256 -mac HMAC -macopt hexkey:aa(32 times), over Hi There
    assert commit(b"\xaa" * 32, b"Hi There") == "f37d8faa99e964710846f8d2003be96d3ff6a6c316a09bff891fa08bd0b027e5"


def test_a_salt_is_32_bytes() -> None:
    """Another length would let two salts open one commitment: refused when made, false when opened."""
    with pytest.raises(AssertionError):
        commit(b"short", b"text")
    assert not opens(commit(bytes(SALT_BYTES), b"text"), salt=bytes(SALT_BYTES - 1), text=b"text")


def test_a_strange_commitment_opens_to_nothing() -> None:
    """A commitment that is no hexadecimal text is false, not an error."""
    assert not opens("ü", salt=bytes(SALT_BYTES), text=b"text")
