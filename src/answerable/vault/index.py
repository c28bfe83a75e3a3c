"""The blind index: keyed hashes under which identifiers and texts are found without being stored.

Law: whoever holds the store but not the key learns neither an identifier nor whether two kinds share a value.
"""

import hmac
from dataclasses import dataclass

from answerable.vault.identifiers import Identifier, IdentifierKind, canonical, fold, words
from answerable.vault.keys import Keyring

BLIND_DIGITS = 32  # 128 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindKeys:
    """The keys of one identifier: `exact` identifies, `loose` only hints."""

    kind: IdentifierKind
    exact: str
    loose: tuple[str, ...]


def blind(kind: IdentifierKind, value: str, keyring: Keyring) -> str:
    """Return the key of a normalised value as 32 hexadecimal digits."""
    return _keyed(f"index:{kind.value}", value, keyring)


def blind_keys(identifier: Identifier, keyring: Keyring, *, region: str | None = None) -> BlindKeys | None:
    """Return every key under which an identifier is kept and looked up, or None where it is no such identifier."""
    found = canonical(identifier, region=region)
    if found is None:
        return None
    # Looser spellings live in a space of their own: a loose key never equals an exact one.
    loose = tuple(_keyed(f"loose:{identifier.kind.value}", spelling, keyring) for spelling in found.loose)
    return BlindKeys(kind=identifier.kind, exact=blind(identifier.kind, found.exact, keyring), loose=loose)


def fingerprint(text: str, keyring: Keyring) -> str:
    """Return one key for all texts of the same words, whatever their case, spacing and punctuation."""
    folded = fold(text)
    found = words(folded)
    # A text of signs alone keeps its signs: otherwise all of them would be repeats of each other.
    return _keyed("text", " ".join(found) if found else "".join(folded.split()), keyring)


def _keyed(space: str, value: str, keyring: Keyring) -> str:
    # surrogatepass: a text with a broken letter has a fingerprint too; no intake is lost over one letter (L17).
    message = f"answerable {space}\n{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(keyring.index, message, "sha256").hex()[:BLIND_DIGITS]
