"""The keyring: the secrets that open sealed texts, key the blind index and name aliases at the gate.

Law: keys are made once, readable by their owner alone; a missing or strange key is never replaced.
"""

import hashlib
import hmac
import json
import os
import re
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from answerable.edge import Mint
from answerable.errors import KeyFault

KEY_BYTES = 32
KEYRING_FILE = "keyring.json"
_FILE_BYTES_MAX = 4096
_NAMES = ("kek", "index", "gate")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """Three independent keys of 32 bytes; none is ever shown."""

    kek: bytes = field(repr=False)
    index: bytes = field(repr=False)
    gate: bytes = field(repr=False)

    @property
    def mark(self) -> str:
        """Return what tells this keyring from another; the record notes it, so that a wrong one is seen at start."""
        return hmac.new(self.index, self.kek, hashlib.sha256).hexdigest()[:32]


def make_keyring(mint: Mint) -> Keyring:
    """Return a keyring of fresh keys."""
    return Keyring(kek=mint.secret(KEY_BYTES), index=mint.secret(KEY_BYTES), gate=mint.secret(KEY_BYTES))


def load_keyring(folder: Path) -> Keyring:
    """Return the keyring of a folder; raise KeyFault where it is missing or readable by others."""
    path = folder / KEYRING_FILE
    try:
        return _decode(_read_private(path), path)
    except FileNotFoundError as error:
        hint = "restore it from your backup: what was sealed under it opens with no other"
        raise KeyFault(f"there are no keys: {path}", hint=hint) from error
    except OSError as error:
        raise KeyFault(f"the keys cannot be read: {path} ({error.strerror})") from error


def create_keyring(folder: Path, *, mint: Mint) -> Keyring:
    """Make a keyring where none stands and return the one that stands; only for a record that holds no fact yet."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _place(folder / KEYRING_FILE, make_keyring(mint))
    except OSError as error:
        raise KeyFault(f"the keys cannot be made: {folder} ({error.strerror})") from error
    # Read back even what was just made: another process may have been first, and only what is on the disk is kept.
    return load_keyring(folder)


def _place(path: Path, keyring: Keyring) -> None:
    """Write a whole keyring under its name unless one stands there already."""
    document = {"v": 1, **{name: getattr(keyring, name).hex() for name in _NAMES}}
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".keyring-")  # mkstemp opens with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(json.dumps(document, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never overwrites: of two processes at their first start, one makes the keys and both use them.
        os.link(fresh, path)
        _sync_folder(path.parent)
    except FileExistsError:
        pass
    finally:
        Path(fresh).unlink()


def _sync_folder(folder: Path) -> None:
    # Without this a crash could lose the name of the keys after texts were sealed under them.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        # The mode of the file that is open, not of the name: a name can point elsewhere by now.
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o077:
            reason = f"the keys must be a file that only its owner reads: {path} has mode {found.st_mode:o}"
            raise KeyFault(reason, hint="chmod 600, and think who may have read them")
        return file.read(_FILE_BYTES_MAX + 1)


def _decode(content: bytes, path: Path) -> Keyring:
    if len(content) > _FILE_BYTES_MAX:
        raise KeyFault(f"not a keyring, by its size: {path}")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise KeyFault(f"not a keyring: {path}") from error
    if not isinstance(document, dict) or document.get("v") != 1 or set(document) != {"v", *_NAMES}:
        raise KeyFault(f"not a keyring of version 1: {path}", hint="restore it from your backup; it is never made anew")
    keys = [document[name] for name in _NAMES]
    if not all(isinstance(key, str) and _HEX.fullmatch(key) for key in keys) or len(set(keys)) != len(_NAMES):
        raise KeyFault(f"a keyring holds three different keys of 64 hexadecimal digits: {path}")
    kek, index, gate = (bytes.fromhex(key) for key in keys)
    return Keyring(kek=kek, index=index, gate=gate)
