"""The port that signs checkpoints of the ledger, and its stand-in with a key in a file.

Law: a signer never signs a checkpoint that does not grow out of the last one it signed (L8).
"""

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.edge import Mint
from answerable.errors import BadInput, Conflict, KeyFault
from answerable.ledger.notes import checkpoint_text, sign_note, vkey
from answerable.ledger.verify import (
    EMPTY_ROOT,
    Checkpoint,
    Malformed,
    is_key_name,
    parse_checkpoint,
    verify_consistency,
)
from answerable.ports.lines import sync

Prove = Callable[[int, int], Sequence[bytes]]
"""Returns the consistency proof from an old size to a new one; the signer alone knows which old size it needs."""

_SEED_BYTES = 32


class Signer(Protocol):
    """Whoever holds the key of the log."""

    @property
    def name(self) -> str:
        """Return the key's name, as it stands in the signature line."""

    @property
    def vkey(self) -> str:
        """Return the verifier key to hand out (C2SP signed-note)."""

    def sign(self, text: str, prove: Prove) -> str:
        """Return the signed note of a checkpoint text; Conflict where it does not grow out of the last one signed."""

    def signed_last(self) -> Checkpoint:
        """Return the last checkpoint signed, of size 0 where there was none."""


class _KeyFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a key file holds."""

    v: int
    name: str
    seed: str


class LocalSigner:
    """A signer whose Ed25519 key lies in a file of its own; what it signed last lies beside it."""

    def __init__(self, path: Path) -> None:
        """Read the key; KeyFault where it is missing, malformed or readable by others."""
        self._path = path
        self._last = path.with_name(path.name + ".last")
        self._key_name, seed = _read_key(path)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def name(self) -> str:
        """Return the key's name."""
        return self._key_name

    @property
    def vkey(self) -> str:
        """Return the verifier key to hand out."""
        return vkey(self._key_name, self._private.public_key())

    def sign(self, text: str, prove: Prove) -> str:
        """Return the signed note of a checkpoint text; Conflict where it does not grow out of the last one signed."""
        new = checkpoint_of(text)
        if new.origin != self._key_name:
            # C2SP tlog-checkpoint: the log's own key bears the log's name
            raise BadInput(f"this key signs for {self._key_name} alone")
        try:
            # two processes may hold the same key: one at a time may look at the last and sign the next
            with self._path.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                old = self.signed_last()
                path = path_between(old, new, prove)
                if not verify_consistency(old.size, new.size, old.root, new.root, path):
                    raise Conflict(f"the checkpoint of {new.size} does not grow out of the one of {old.size}")
                # on disk before the note exists: a signature given away cannot be forgotten by a crash
                _replace(self._last, text.encode())
        except OSError as error:
            raise KeyFault(f"the signer's files cannot be used: {self._path} ({error.strerror})") from error
        return sign_note(text, self._key_name, self._private)

    def signed_last(self) -> Checkpoint:
        """Return the last checkpoint signed, of size 0 where there was none; KeyFault where it cannot be read."""
        try:
            return checkpoint_of(self._last.read_text("utf-8"))
        except FileNotFoundError:
            return Checkpoint(self._key_name, 0, EMPTY_ROOT)
        except (BadInput, UnicodeDecodeError) as error:
            raise KeyFault(f"what was signed last cannot be read: {self._last}") from error

    def signed_note(self) -> str:
        """Return the note of the last checkpoint signed, for whoever must not take it from an unsigned answer."""
        return sign_note(checkpoint_text(self.signed_last()), self._key_name, self._private)


def create_signing_key(path: Path, name: str, *, mint: Mint) -> None:
    """Write a fresh key with mode 0600; Conflict where a file stands already."""
    if not is_key_name(name):
        raise BadInput(f"no name for a key: {name[:40]!r}", hint="a name has neither blanks nor a plus sign")
    document = msgspec.json.encode(_KeyFile(v=1, name=name, seed=mint.secret(_SEED_BYTES).hex()))
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".signer-")  # mkstemp opens with mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(document + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path)  # a link never overwrites
    except FileExistsError as error:
        raise Conflict(f"a key stands there already: {path}") from error
    finally:
        Path(fresh).unlink()
    sync(path.parent)


def checkpoint_of(text: str) -> Checkpoint:
    """Read a checkpoint's text; BadInput where it is none."""
    try:
        return parse_checkpoint(text)
    except Malformed as error:
        raise BadInput(f"no checkpoint: {error}") from error


def path_between(old: Checkpoint, new: Checkpoint, prove: Prove) -> Sequence[bytes]:
    """Return the proof; between equal sizes, from nothing or backwards there is none to ask for."""
    return prove(old.size, new.size) if 0 < old.size < new.size else ()


def _read_key(path: Path) -> tuple[str, bytes]:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise KeyFault(f"others can read the key: {path}", hint=f"chmod 600 {path}")
            found = msgspec.json.decode(file.read(4096), type=_KeyFile)
        seed = bytes.fromhex(found.seed)
    except OSError as error:
        raise KeyFault(f"the key cannot be read: {path} ({error.strerror})") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFault(f"not a key file: {path}") from error
    if found.v != 1 or len(seed) != _SEED_BYTES or not is_key_name(found.name):
        raise KeyFault(f"not a key file: {path}")
    return found.name, seed


def _replace(path: Path, data: bytes) -> None:
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".signed-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(fresh).replace(path)
    sync(path.parent)
