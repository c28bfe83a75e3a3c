"""Keys for the gate, by `cryptography` (extra `proofs`): checking signed notes, sealing snapshots.

Law: a note counts only under the pinned key and for the pinned origin (C2SP signed-note and tlog-checkpoint).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re

from answerable_gate.release import NOTE_LENGTH_MAX, Verify
from answerable_gate.shapes import Pinned
from answerable_gate.snapshot import MAGIC, Seal, Unseal
from answerable_gate.strict import Malformed

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError as error:
    raise ImportError("checking proofs and sealing snapshots needs: pip install answerable-gate[proofs]") from error

_ED25519 = b"\x01"
_NONCE_BYTES = 12
_SIGNATURES_MAX = 16
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")


class NotUnsealed(ValueError):
    """The snapshot was not sealed under this key, or was changed since."""


def pin(vkey: str, origin: str) -> Pinned:
    """Pin a log by its origin and its key line `name+id+base64`; raise Malformed where the line is none."""
    name, key_id, public = _read_vkey(vkey)
    return Pinned(origin=origin, key=vkey, verify=_verifier(name, key_id, public, origin))


def snapshot_key(gate_key: bytes) -> bytes:
    """Derive from the gate key the 32 bytes under which the gates of a host seal their snapshot."""
    return hmac.digest(gate_key, b"snapshot\n", "sha256")


def sealer(key: bytes) -> Seal:
    """Give the function that seals a snapshot with AES-256-GCM under a 32-byte key."""
    assert len(key) == 32, "the key has 32 bytes"

    def seal(plain: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plain, MAGIC)

    return seal


def unsealer(key: bytes) -> Unseal:
    """Give the function that opens a sealed snapshot; it raises NotUnsealed."""
    assert len(key) == 32, "the key has 32 bytes"

    def unseal(sealed: bytes) -> bytes:
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], MAGIC)
        except (InvalidTag, ValueError) as error:
            raise NotUnsealed(NotUnsealed.__doc__) from error

    return unseal


def _read_vkey(vkey: str) -> tuple[str, bytes, Ed25519PublicKey]:
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        key = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(key[1:])
    except (binascii.Error, ValueError) as error:
        raise Malformed("this is no key line") from error
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if not name or key[:1] != _ED25519 or key_id != expected.hex():
        raise Malformed("this is no key line of an Ed25519 key, or its id is another key's")
    return name, expected, public


def _verifier(name: str, key_id: bytes, public: Ed25519PublicKey, origin: str) -> Verify:
    prefix = f"\u2014 {name} "

    def verify(note: str) -> tuple[int, bytes] | None:
        text, _, signatures = note.rpartition("\n\n")
        lines = signatures.split("\n")
        if len(note) > NOTE_LENGTH_MAX or lines.pop() or len(lines) > _SIGNATURES_MAX:
            return None
        decoded = [_decode(line.removeprefix(prefix)) for line in lines if line.startswith(prefix)]
        ours = [signature[4:] for signature in decoded if signature[:4] == key_id]
        signed = (text + "\n").encode("utf-8", "surrogatepass")
        # One wrong signature of a known key condemns the note (C2SP signed-note).
        if not ours or not all(_is_signed(signature, public, signed) for signature in ours):
            return None
        return _checkpoint(text, origin)

    return verify


def _decode(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_signed(signature: bytes, public: Ed25519PublicKey, signed: bytes) -> bool:
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _checkpoint(text: str, origin: str) -> tuple[int, bytes] | None:
    lines = text.split("\n")
    if len(lines) < 3 or lines[0] != origin or not _NUMBER.fullmatch(lines[1]):
        return None
    root = _decode(lines[2])
    return (int(lines[1]), root) if len(root) == 32 else None
