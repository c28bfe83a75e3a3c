"""Signing: the text of a checkpoint, the signed note around it, and the key line a reader pins.

Law: what is signed here is read by `verify` and by any C2SP reader; who may sign what is the Signer port's rule.
"""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from answerable.ledger.verify import Checkpoint, is_key_name, key_id

__all__ = ["Checkpoint", "checkpoint_text", "sign_note", "signed_note", "vkey"]


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return the three lines that a log signs."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"


def signed_note(text: str, key_name: str, public: Ed25519PublicKey, signature: bytes) -> str:
    """Return the note of a text that somebody (a key service, say) has signed with Ed25519."""
    assert text.endswith("\n"), "a note's text ends in a newline"
    assert is_key_name(key_name), "a key name has neither blanks nor a plus sign"
    signed = base64.b64encode(key_id(key_name, public.public_bytes_raw()) + signature).decode()
    return f"{text}\n\u2014 {key_name} {signed}\n"


def sign_note(text: str, key_name: str, private: Ed25519PrivateKey) -> str:
    """Sign a text and return its note."""
    return signed_note(text, key_name, private.public_key(), private.sign(text.encode()))


def vkey(name: str, public: Ed25519PublicKey) -> str:
    """Return the line under which a reader pins the key: `name+id+key`."""
    assert is_key_name(name), "a key name has neither blanks nor a plus sign"
    raw = public.public_bytes_raw()
    key = base64.b64encode(b"\x01" + raw).decode()
    return f"{name}+{key_id(name, raw).hex()}+{key}"
