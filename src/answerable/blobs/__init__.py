"""Blobs: policies and templates, kept for ever under the SHA-256 of their bytes.

Law: what is read under an address is byte for byte what was decided by; the store keeps the rows.
"""

import hashlib
from dataclasses import dataclass, field

from answerable.errors import Corrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Public bytes and their address; never anything about a person."""

    address: str
    content: bytes = field(repr=False)


def address(content: bytes) -> str:
    """Return the address of some bytes: their SHA-256 as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def blob(content: bytes) -> Blob:
    """Return bytes under their address."""
    return Blob(address=address(content), content=content)


def checked(stored: Blob) -> bytes:
    """Return the bytes of a stored blob; raise Corrupt where they are not those of its address."""
    if address(stored.content) != stored.address:
        raise Corrupt(f"the stored bytes are not those of {stored.address}")
    return stored.content
