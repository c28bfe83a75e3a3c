"""The proof with which a gate may lower: a releasing ledger entry, included in a signed checkpoint.

Law: without a verified note and an exact RFC 6962 inclusion path nothing is released.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from answerable_gate import strict
from answerable_gate.entry import ITEMS_MAX, Item
from answerable_gate.strict import Malformed

LEAF_BYTES_MAX = 16 * 1024
NOTE_LENGTH_MAX = 16 * 1024
PATH_MAX = 64
RELEASING = ("MeasureLifted", "LinkWithdrawn", "DefaultStepped")

# Takes a signed note and gives its tree size and root where the pinned key signed it for the pinned origin, else None.
Verify = Callable[[str], tuple[int, bytes] | None]

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A ledger entry's bytes, its place in the tree of `size` leaves, the path to the root, and the note signing it."""

    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasingEntry:
    """What a proven ledger entry lets go: the items it names, and with `foreign` only where a link had carried them."""

    subject: str
    lifts: frozenset[str]
    foreign: bool

    def frees(self, item: Item, subject: str) -> bool:
        """Say whether this lets the item leave the entry of `subject`; a lift does so in linked accounts as well.

        A withdrawn link never lets an item leave the account it is of, whatever it names.
        """
        # What a link carries at a lower level than the account has it bears the item's own id, "^" and the level.
        if item.id.split("^")[0] not in self.lifts:
            return False
        return item.of != subject if self.foreign else self.subject in (subject, item.of)


def encode_release(release: Release) -> dict[str, object]:
    """Write a release as plain JSON values."""
    return {
        "leaf": base64.b64encode(release.leaf).decode("ascii"),
        "index": release.index,
        "size": release.size,
        "path": [node.hex() for node in release.path],
        "note": release.note,
    }


def decode_release(value: object) -> Release:
    """Read a release; raise Malformed. Nothing is proven by reading it."""
    read = strict.members(value, "leaf", "index", "size", "path", "note")
    path = read["path"]
    if not isinstance(path, list) or len(path) > PATH_MAX:
        raise Malformed(f"a path of at most {PATH_MAX} hashes was expected")
    return Release(
        leaf=_base64(read["leaf"]),
        index=strict.whole(read["index"]),
        size=strict.whole(read["size"]),
        path=tuple(_hash(node) for node in path),
        note=strict.text(read["note"], NOTE_LENGTH_MAX),
    )


def proven(release: Release, verify: Verify | None) -> ReleasingEntry | None:
    """Give what the release lets go, or None where anything about it is not proven."""
    if verify is None:
        return None
    signed = verify(release.note)
    if signed is None or signed[0] != release.size:
        return None
    if root_from_path(release.leaf, release.index, release.size, release.path) != signed[1]:
        return None
    return _releasing(release)


def root_from_path(leaf: bytes, index: int, size: int, path: tuple[bytes, ...]) -> bytes | None:
    """Compute the root of the tree of `size` leaves from a leaf and its path; None where the path cannot be one.

    RFC 6962 section 2.1.1, verified as in RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    node, last = index, size - 1
    root = hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            root = hashlib.sha256(b"\x01" + sibling + root).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = hashlib.sha256(b"\x01" + root + sibling).digest()
        node, last = node >> 1, last >> 1
    return root if last == 0 else None


def _releasing(release: Release) -> ReleasingEntry | None:
    try:
        entry = strict.members(
            strict.parse(release.leaf), "v", "log", "stream", "seq", "prev", "act", "at", "by", "kind", "body"
        )
        if entry["v"] != 1 or entry["log"] != release.note.split("\n", 1)[0]:
            return None
        return _by_kind(entry["kind"], entry["body"])
    except Malformed:
        return None


def _by_kind(kind: object, body: object) -> ReleasingEntry | None:
    if not isinstance(body, dict) or kind not in RELEASING:
        return None
    subject = strict.token(body.get("subject"))
    lifts = strict.array(body.get("lifts"), ITEMS_MAX, strict.token)
    return ReleasingEntry(subject=subject, lifts=frozenset(lifts), foreign=kind == "LinkWithdrawn")


def _base64(value: object) -> bytes:
    written = strict.text(value, LEAF_BYTES_MAX * 4 // 3 + 4)
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64") from error


def _hash(value: object) -> bytes:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise Malformed("not a hash")
    return bytes.fromhex(value)
