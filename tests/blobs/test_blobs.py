"""Blobs: bytes under their own hash."""

from __future__ import annotations

from dataclasses import replace

import pytest

from answerable.blobs import address, blob, checked
from answerable.errors import Corrupt


def test_an_address_is_the_sha_256() -> None:
    """The address is the well-known hash (FIPS 180-4, the message abc)."""
    assert address(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_blob_is_what_its_address_says() -> None:
    """What was decided by is read back byte for byte, and anything else is seen."""
    stored = blob(b'version = "startup-1"\n')
    assert checked(stored) == b'version = "startup-1"\n'
    for other in (replace(stored, content=b"version = 2"), replace(stored, address=address(b""))):
        with pytest.raises(Corrupt):
            checked(other)
