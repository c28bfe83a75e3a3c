"""The blind index: what is found under a key, and what a key betrays."""

from __future__ import annotations

import re
from dataclasses import replace

from answerable.edge import SeededMint
from answerable.vault.identifiers import Identifier, IdentifierKind
from answerable.vault.index import blind, blind_keys, fingerprint
from answerable.vault.keys import make_keyring

KEYRING = make_keyring(SeededMint(1))
EMAIL = IdentifierKind.EMAIL


def test_two_spellings_are_found_under_one_key() -> None:
    """What is the same identifier has the same exact key, as 128 bits of hexadecimal."""
    one = blind_keys(Identifier(EMAIL, "Mara@Example.org"), KEYRING)
    other = blind_keys(Identifier(EMAIL, "mara@example.org"), KEYRING)
    assert one == other
    assert one is not None
    assert one.exact == blind(EMAIL, "mara@example.org", KEYRING)
    assert re.fullmatch(r"[0-9a-f]{32}", one.exact)


def test_a_loose_key_never_equals_an_exact_one() -> None:
    """A hint cannot be taken for an identification, even where both spellings are the same."""
    keys = blind_keys(Identifier(EMAIL, "mara@example.org"), KEYRING)
    dotted = blind_keys(Identifier(EMAIL, "m.ara+x@gmail.com"), KEYRING)
    plain = blind_keys(Identifier(EMAIL, "mara@gmail.com"), KEYRING)
    assert keys is not None and dotted is not None and plain is not None
    assert keys.exact not in keys.loose
    assert dotted.loose == plain.loose
    assert dotted.exact != plain.exact


def test_the_region_reaches_the_key() -> None:
    """A local number is found under the key of its international form, and under none without a region."""
    local = Identifier(IdentifierKind.PHONE, "020 7946 0958")
    keys = blind_keys(local, KEYRING, region="GB")
    assert keys is not None
    assert keys.exact == blind(IdentifierKind.PHONE, "+442079460958", KEYRING)
    assert blind_keys(local, KEYRING) is None


def test_a_key_betrays_neither_value_nor_kind() -> None:
    """One value has another key in another kind and under another index key, and the key of sealing plays no part."""
    value = "mara"
    keys = {blind(kind, value, KEYRING) for kind in IdentifierKind}
    assert len(keys) == len(IdentifierKind)
    assert blind(EMAIL, value, replace(KEYRING, index=bytes(32))) not in keys
    assert blind(EMAIL, value, replace(KEYRING, kek=bytes(32), gate=bytes(32))) in keys


def test_a_fingerprint_sees_through_case_and_spacing_only() -> None:
    """The same words are a repeat; one other word is another text (same-text repeats are shown, never merged)."""
    text = "He wrote to me again.  He will NOT stop!"
    assert fingerprint(text, KEYRING) == fingerprint("he wrote to me again\nhe will not stop", KEYRING)
    assert fingerprint(text, KEYRING) != fingerprint(text + " Help.", KEYRING)
    assert fingerprint(text, KEYRING) != blind(IdentifierKind.NAME, text, KEYRING)
    assert fingerprint(text, KEYRING) != fingerprint(text, replace(KEYRING, index=bytes(32)))


def test_texts_without_words_differ() -> None:
    """Two texts of different signs are two texts, and a broken letter is no error (L17)."""
    assert fingerprint("!!!", KEYRING) != fingerprint("???", KEYRING)
    assert fingerprint("! !!", KEYRING) == fingerprint("!!!", KEYRING)
    assert fingerprint("\ud800", KEYRING) != fingerprint("", KEYRING)
