"""Commitments: what the ledger holds in the place of a text.

Law: a commitment binds to one text and says nothing about it without its salt (HMAC-SHA-256, 32 random bytes per text).
"""

import hashlib
import hmac

SALT_BYTES = 32


def commit(salt: bytes, text: bytes) -> str:
    """Return the commitment to a text as 64 hexadecimal digits."""
    # One fixed length of the salt: HMAC pads or hashes other lengths, so that two salts could open to one commitment.
    assert len(salt) == SALT_BYTES, "a salt is 32 bytes"
    return hmac.new(salt, text, hashlib.sha256).hexdigest()


def opens(commitment: str, *, salt: bytes, text: bytes) -> bool:
    """Tell whether salt and text open a commitment."""
    return len(salt) == SALT_BYTES and hmac.compare_digest(commit(salt, text).encode(), commitment.encode())
