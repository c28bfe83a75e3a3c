"""Verify an exported ledger with this one file: it needs Python 3.11 and `cryptography`, and nothing of the operator's.

Law: never VERIFIED for what was not checked; the key comes from the reader, never out of the folder.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_ENTRY = 16 * 1024
MAX_NOTE = 256 * 1024  # sixteen post-quantum signatures still fit, as signed-note asks
MAX_SIGNATURES = 64
MAX_CHECKPOINTS = 1_000_000
MAX_DEPTH = 32
MAX_INT = 2**53 - 1
MAX_FINDINGS = 100
EMPTY_ROOT = hashlib.sha256(b"").digest()
NOT_SHOWN = (
    "that what an entry says is true",
    "who stands behind a token, or what text stands behind a commitment",
    "that nothing happened which was never entered",
    "that no later entries exist: a folder can end at an earlier checkpoint",
    "that nobody was shown another history under the same key: compare checkpoints with receipts and witnesses",
    "that the times are right: they come from the operator's clock, and only the order is proved",
)


class Malformed(argparse.ArgumentTypeError, ValueError):
    """Bytes that do not keep their format."""


# --- JSON: RFC 8785 without floats and with ASCII keys, where Python's own sorting and escapes give the same bytes ---

_to_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def check_profile(value: object) -> None:
    """Refuse (Malformed) all but null, bool, str, |int| < 2^53, list, and dict with ASCII keys; 32 levels at most."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is str or kind is bool or item is None:
                continue
            if kind is dict:
                for key in item:
                    if type(key) is not str or not key.isascii():
                        raise Malformed("has a key that is not ASCII text")
                below.extend(item.values())
            elif kind is list:
                below.extend(item)
            elif kind is not int or not -MAX_INT <= item <= MAX_INT:
                raise Malformed("has a number or value outside the profile")
        if not below:
            return
        level = below
    raise Malformed(f"is nested deeper than {MAX_DEPTH}")


def canonical(value: object) -> bytes:
    """Encode a value of the profile as its one possible bytes; Malformed outside it and for lone surrogates."""
    check_profile(value)
    try:
        return _to_json(value).encode()
    except UnicodeEncodeError:
        raise Malformed("has half a surrogate pair in its text") from None


def parse(data: bytes) -> object:
    """Decode canonical bytes; Malformed unless encoding the result again gives the same bytes.

    That one comparison refuses duplicate keys, blanks, other orders and other escapes: none of them survives it.
    """
    try:
        value = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise Malformed("is not JSON in UTF-8") from None
    if canonical(value) != data:
        raise Malformed("is not in canonical form")
    return value


# --- entries ---

_ID = r"[\x21-\x7e]{1,64}"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
ENTRY_FORMS = {
    "log": re.compile(r"[\x21-\x2a\x2c-\x7e]{1,255}"),  # also the key's name, so no plus sign (signed-note)
    "stream": re.compile(f"system|(?:subject|case):{_ID}"),
    "prev": re.compile(r"(?:[0-9a-f]{64})?"),
    "act": re.compile(_ID),
    "at": _TIME,
    "by": re.compile(_ID),
    "kind": re.compile(r"[A-Z][A-Za-z0-9]{0,63}"),
}
_ENTRY_KEYS = {*ENTRY_FORMS, "v", "seq", "body"}


def check_entry(entry: object) -> dict[str, Any]:
    """Return an entry whose ten fields have their forms; Malformed names the one that has not. The body is free."""
    if type(entry) is not dict or entry.keys() != _ENTRY_KEYS:
        raise Malformed("is not an object of exactly the ten fields")
    if type(entry["v"]) is not int or entry["v"] != 1:
        raise Malformed("is not of version 1, the only one known here")
    for name, form in ENTRY_FORMS.items():
        if type(entry[name]) is not str or not form.fullmatch(entry[name]):
            raise Malformed(f"has a malformed {name!r}")
    try:
        datetime.fromisoformat(entry["at"][:-1])
    except ValueError:
        raise Malformed("has an 'at' that no calendar has") from None
    seq = entry["seq"]
    if type(seq) is not int or seq < 1 or (seq == 1) != (entry["prev"] == ""):
        raise Malformed("has a 'seq' that is no position, or does not go with its 'prev'")
    if type(entry["body"]) is not dict:
        raise Malformed("has a body that is not an object")
    return entry


def parse_entry(data: bytes) -> dict[str, Any]:
    """Decode the bytes of one entry; Malformed says what is wrong with them."""
    if len(data) > MAX_ENTRY:
        raise Malformed(f"is longer than {MAX_ENTRY} bytes")
    return check_entry(parse(data))


# --- the tree (RFC 6962, section 2.1; verification as in RFC 9162, sections 2.1.3.2 and 2.1.4.2) ---


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry's bytes as a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that an inclusion path (sibling first) implies; Malformed where index or lengths are off."""
    if not 0 <= index < size or any(len(item) != 32 for item in (leaf, *path)):
        raise Malformed("is no inclusion proof: index, size or a hash is out of range")
    node, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise Malformed("is an inclusion proof that is too long")
        if node & 1 or node == last:
            root = node_hash(sibling, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise Malformed("is an inclusion proof that is too short")
    return root


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the leaf hash stands at `index` in the tree of `size` leaves with this root."""
    try:
        return root_from_inclusion(leaf, index, size, path) == root
    except Malformed:
        return False


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether the tree of `old` leaves is the beginning of the tree of `new` leaves."""
    if not 0 <= old <= new or any(len(item) != 32 for item in (old_root, new_root, *path)):
        return False
    if old == new:
        return old_root == new_root and not path
    if old == 0:
        return old_root == EMPTY_ROOT and not path
    rest = list(path) if old & (old - 1) else [old_root, *path]  # a full tree is its own first node
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    if not rest:
        return False
    before = after = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class CompactRange:
    """The right edge of a growing tree: the roots of its full subtrees, largest first; about 32 bytes per doubling."""

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Begin empty, or go on from the size and peaks of a stored range; Malformed if they cannot belong together."""
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != 32 for peak in peaks):
            raise Malformed("is no compact range")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """The roots of the full subtrees, largest first."""
        return tuple(self._peaks)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return every node this completed as (level, index, hash), the leaf first."""
        index, level, node, peaks = self.size, 0, leaf, self._peaks
        nodes = [(0, index, leaf)]
        while index & 1:
            node = hashlib.sha256(b"\x01" + peaks.pop() + node).digest()
            index >>= 1
            level += 1
            nodes.append((level, index, node))
        peaks.append(node)
        self.size += 1
        return nodes

    def root(self) -> bytes:
        """Return the root of all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in self._peaks[-2::-1]:
            root = node_hash(peak, root)
        return root


# --- signed notes and checkpoints (C2SP signed-note and tlog-checkpoint) ---

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


def parse_number(text: str) -> int:
    """Read a decimal below 2^63 in its one spelling: int() alone would take '+1', '01', '1_0' and foreign digits."""
    if not _NUMBER.fullmatch(text) or int(text) >= 2**63:
        raise Malformed("has a number that is not a plain decimal")
    return int(text)


def parse_base64(text: str) -> bytes:
    """Read standard base64 in its one spelling: the decoder alone would ignore stray trailing bits."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed("has base64 that is broken") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed("has base64 that is not canonical")
    return data


def parse_hash(text: str) -> bytes:
    """Read a base64 SHA-256 hash."""
    data = parse_base64(text)
    if len(data) != 32:
        raise Malformed("has a hash that is not 32 bytes long")
    return data


def is_key_name(name: str) -> bool:
    """Tell whether signed-note allows this key name."""
    return bool(name) and "+" not in name and not any(sign.isspace() for sign in name)


def key_id(name: str, public: bytes) -> bytes:
    """Return the four bytes that stand for an Ed25519 key in a note."""
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 key a reader trusts, from its `name+id+key` line."""

    name: str
    id: bytes
    public: bytes


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key line; Malformed if its id is not the id of its key."""
    name, _, rest = text.partition("+")
    id_hex, _, key = rest.partition("+")
    data = parse_base64(key)
    if not is_key_name(name) or len(data) != 33 or data[0] != 1 or key_id(name, data[1:]).hex() != id_hex:
        raise Malformed("is no Ed25519 verifier key, or its id does not belong to its key")
    return VerifierKey(name, bytes.fromhex(id_hex), data[1:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures under it, each (key name, key id, signature)."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


def parse_note(data: bytes) -> Note:
    """Read a signed note; nothing in it is to be believed before `note_signers` has named a signer."""
    try:
        text, gap, under = data.decode().rpartition("\n\n")
    except ValueError:
        raise Malformed("is a note that is not UTF-8") from None
    if not gap or not under.endswith("\n") or len(data) > MAX_NOTE or re.search(r"[\x00-\x09\x0b-\x1f]", data.decode()):
        raise Malformed("is no signed note")
    lines = under[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed("is a note with too many signatures")
    signatures = []
    for line in lines:
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        signature = parse_base64(encoded)
        if dash != "\u2014" or not is_key_name(name) or len(signature) < 5:
            raise Malformed("is a note with a malformed signature line")
        signatures.append((name, signature[:4], signature[4:]))
    return Note(text + "\n", tuple(signatures))


def note_signers(note: Note, keys: Sequence[VerifierKey]) -> frozenset[str]:
    """Return the names of the keys that signed; others do not count, a known key's false one is Malformed."""
    signers = set()
    for name, identity, signature in note.signatures:
        for key in keys:
            if (key.name, key.id) == (name, identity):
                try:
                    Ed25519PublicKey.from_public_bytes(key.public).verify(signature, note.text.encode())
                except InvalidSignature:
                    raise Malformed("carries a false signature of a known key") from None
                signers.add(name)
    return frozenset(signers)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signs: its name, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note; lines after the third are extensions and ignored."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines):
        raise Malformed("is no checkpoint of three lines or more")
    return Checkpoint(lines[0], parse_number(lines[1]), parse_hash(lines[2]))


# --- the folder ---


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault that lies in lines `first` to `last` of entries.jsonl (0: in another file)."""

    first: int
    last: int
    what: str

    def __str__(self) -> str:
        if self.first == self.last:
            return f"line {self.first}: {self.what}" if self.first else self.what
        return f"lines {self.first} to {self.last}: {self.what}"


@dataclass(slots=True)
class Audit:
    """One pass over a folder; keeps the tree's edge and one head per stream, never the entries."""

    keys: tuple[VerifierKey, ...]
    origin: str = ""
    tree: CompactRange = field(default_factory=CompactRange)
    heads: dict[str, tuple[int, int, bytes]] = field(default_factory=dict)
    checkpoints: int = 0
    sealed: int = 0
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def find(self, first: int, last: int, what: str) -> None:
        """Note a fault; past a hundred they are no longer kept, and the verdict is FAILED anyway."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(first, last, what))

    def belongs(self, origin: str) -> bool:
        """Tell whether something belongs to this log; the first thing read says which log this is."""
        self.origin = self.origin or origin
        return self.origin == origin

    def entry(self, data: bytes) -> None:
        """Check the next line: its form, its log, its place in its stream; add it to the tree."""
        line, leaf = self.tree.size + 1, leaf_hash(data)
        self.tree.append(leaf)
        try:
            entry = parse_entry(data)
        except Malformed as fault:
            return self.find(line, line, str(fault))
        if not self.belongs(entry["log"]):
            self.find(line, line, "belongs to another log")
        stream, seq = entry["stream"], entry["seq"]
        before, count, head = self.heads.get(stream, (line, 0, b""))
        self.heads[stream] = (line, seq, leaf)
        if seq != count + 1:
            self.find(before, line, f"a stream goes from seq {count} to {seq}: one is missing, doubled or out of order")
        elif entry["prev"] != head.hex():
            self.find(before, line, "the last does not carry the hash of the first, its predecessor: one was changed")
        return None

    def checkpoint(self, name: str, size: int, data: bytes) -> None:
        """Check a note that must sign the entries read so far."""
        self.checkpoints += 1
        try:
            note = parse_note(data)
            claim = parse_checkpoint(note.text)
            signers = note_signers(note, self.keys)
        except Malformed as fault:
            return self.find(0, 0, f"{name}: {fault}")
        if not self.belongs(claim.origin):
            return self.find(0, 0, f"{name}: belongs to another log")
        if self.keys and claim.origin not in signers:
            return self.find(0, 0, f"{name}: carries no signature of the log under a key that was given")
        if claim.size != size:
            return self.find(0, 0, f"{name}: is for another size than its name says")
        if claim.root != self.tree.root():
            return self.find(min(self.sealed + 1, size), size, f"{name}: signs other entries than these")
        self.sealed = size
        return None


def _open(path: Path) -> BinaryIO:
    """Open a plain file and nothing else: a link could lead out of the folder, a pipe would never end."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"{path.name} is not a plain file")
    return file


def _read_note(path: Path) -> bytes:
    with _open(path) as file:
        return file.read(MAX_NOTE + 1)


def _names(folder: Path) -> list[str]:
    if folder.is_symlink():
        raise OSError(f"{folder.name} is a link")
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        names = [item.name for item in islice(found, MAX_CHECKPOINTS + 1)]
    if len(names) > MAX_CHECKPOINTS:
        raise OSError(f"{folder.name} holds too many files")
    return names


def _list_checkpoints(folder: Path, audit: Audit) -> list[tuple[int, str]]:
    """Return (size, file) of every checkpoint, the largest first."""
    notes: list[tuple[int, str]] = []
    strangers = 0
    for name in _names(folder / "checkpoints"):
        try:
            notes.append((parse_number(name), f"checkpoints/{name}"))
        except Malformed:
            strangers += 1
    if strangers:
        audit.skipped.append(f"checkpoints/: {strangers} files that are named after no size")
    newest = max(notes, default=(0, ""))[0]
    if (folder / "checkpoint").exists():
        try:
            size = parse_checkpoint(parse_note(_read_note(folder / "checkpoint")).text).size
        except Malformed as fault:
            audit.find(0, 0, f"checkpoint: {fault}")
        else:
            notes.append((size, "checkpoint"))
            if size < newest:
                audit.find(0, 0, f"checkpoint: is not the newest, checkpoints/{newest} is")
    elif notes:
        audit.find(0, 0, "checkpoint: is missing, though there are checkpoints")
    return sorted(notes, reverse=True)


def _lines(file: BinaryIO, audit: Audit) -> Iterator[bytes]:
    """Yield the lines without their newline; a line beyond the limit, or without newline, is a fault and the end."""
    while data := file.readline(MAX_ENTRY + 2):
        if not data.endswith(b"\n"):
            line = audit.tree.size + 1
            audit.find(line, line, "is too long or does not end: nothing after it was read")
            return
        yield data[:-1]


def audit_folder(folder: Path, keys: Sequence[VerifierKey]) -> Audit:
    """Read an export once, in order; OSError where it cannot be read."""
    audit = Audit(tuple(keys))
    notes = _list_checkpoints(folder, audit)
    with _open(folder / "entries.jsonl") as file:
        lines = _lines(file, audit)
        while True:
            while notes and notes[-1][0] == audit.tree.size:
                size, name = notes.pop()
                audit.checkpoint(name, size, _read_note(folder / name))
            data = next(lines, None)
            if data is None:
                break
            audit.entry(data)
    count = audit.tree.size
    for size, name in reversed(notes):
        audit.find(count + 1, size, f"{name}: signs these entries, and they are missing")
    if not keys:
        audit.skipped.append("signatures: no key was given, so the folder is self-consistent only")
    if not audit.checkpoints:
        audit.skipped.append("checkpoints: there is none")
    if audit.sealed < count:
        audit.skipped.append(f"lines {audit.sealed + 1} to {count}: beyond the newest checkpoint that holds")
    return audit


# --- the command ---

EXIT = {"VERIFIED": 0, "FAILED": 1, "NOT CHECKED": 3}


def report(audit: Audit) -> dict[str, Any]:
    """Return what a pass found, as plain values."""
    verdict = "FAILED" if audit.findings else "NOT CHECKED" if audit.skipped else "VERIFIED"
    in_lines = [item for item in audit.findings if item.first]
    worst = min(in_lines, key=lambda item: (item.last, item.last - item.first), default=None)
    return {
        "verdict": verdict,
        "log": audit.origin,
        "entries": audit.tree.size,
        "streams": len(audit.heads),
        "checkpoints": audit.checkpoints,
        "agree_with_a_checkpoint": audit.sealed,
        "signatures_checked": bool(audit.keys),
        "first_bad": None if worst is None else [worst.first, worst.last],
        "findings": [str(item) for item in audit.findings],
        "not_checked": audit.skipped,
        "not_shown": list(NOT_SHOWN),
    }


def _page(result: dict[str, Any]) -> str:
    """Write a report for a person."""
    counts = f"{result['entries']} entries, {result['streams']} streams, {result['checkpoints']} checkpoints"
    agree = f"the first {result['agree_with_a_checkpoint']} agree with a checkpoint"
    lines = [result["verdict"], f"log {result['log']!a}: {counts}; {agree}"]
    for title, key in (("Faults", "findings"), ("Not checked", "not_checked"), ("A pass does not show", "not_shown")):
        if result[key]:
            lines += ["", f"{title}:", *(f"  {item}" for item in result[key])]
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Run the command; exit code 0 verified, 1 failed, 2 usage or unreadable, 3 not checked."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a folder of an exported ledger.")
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument(
        "--key", type=parse_vkey, action="append", default=[], metavar="VKEY", help="got apart from DIR"
    )
    parser.add_argument("--json", action="store_true", help="write the report as JSON")
    options = parser.parse_args(argv)
    try:
        audit = audit_folder(options.folder, options.key)
    except OSError as fault:
        sys.stderr.write(f"verify.py: cannot read the folder: {str(fault)!a}\n")
        return 2
    result = report(audit)
    sys.stdout.write((json.dumps(result, indent=2) if options.json else _page(result)) + "\n")
    return EXIT[result["verdict"]]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
