"""Proofs of release: nothing is let go but by what the log's key signed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Malformed, Release, Verify, proven
from answerable_gate.release import decode_release, encode_release, root_from_path
from tests.gate.build import Log, an_item


def verifier(log: Log) -> Verify | None:
    """Give the log's verify function."""
    return log.pinned.verify


@given(st.integers(1, 70), st.data())
def test_every_leaf_of_every_tree_is_proven(size: int, data: st.DataObject) -> None:
    """Paths made by the ledger's tree lead to its root, and any other index, size or length does not."""
    log = Log()
    for number in range(size):
        log.append("Noise", number=number)
    index = data.draw(st.integers(0, size - 1))
    release = log.release(index)
    root = log.edge.root()
    assert root_from_path(release.leaf, index, size, release.path) == root
    other = data.draw(st.integers(-1, size + 1))
    assert other == index or root_from_path(release.leaf, other, size, release.path) != root
    assert root_from_path(release.leaf, index, size, (*release.path, b"\0" * 32)) is None
    assert not release.path or root_from_path(release.leaf, index, size, release.path[:-1]) is None


def test_a_lift_frees_what_it_names() -> None:
    """A lift lets go the named items of its subject, there and in linked accounts, and nothing else."""
    log = Log()
    entry = proven(log.lift("item_a"), verifier(log))
    assert entry is not None
    assert entry.frees(an_item("item_a"), "subject_a")
    assert entry.frees(an_item("item_a"), "subject_b")
    assert entry.frees(an_item("item_a^guarded"), "subject_b")
    assert not entry.frees(an_item("item_b"), "subject_a")
    assert not entry.frees(an_item("item_a", of="subject_c"), "subject_b")


def test_a_withdrawn_link_frees_what_came_over_it() -> None:
    """A withdrawn link lets go the named items of other accounts, for third accounts too, never in their own entry."""
    log = Log()
    body = {"subject": "subject_a", "other": "subject_b", "link": "link_a", "lifts": ["item_a", "item_c"]}
    entry = proven(log.release(log.append("LinkWithdrawn", **body)), verifier(log))
    assert entry is not None
    assert entry.frees(an_item(of="subject_b"), "subject_a")
    assert entry.frees(an_item("item_a^guarded", of="subject_b"), "subject_a")
    assert entry.frees(an_item("item_c", of="subject_d"), "subject_c")
    assert not entry.frees(an_item(of="subject_b"), "subject_b")


def test_an_unreviewed_default_that_stepped_down_frees_what_it_names() -> None:
    """The one lowering that no person carries out is proven like every other."""
    log = Log()
    entry = proven(log.release(log.append("DefaultStepped", subject="subject_a", lifts=["item_a"])), verifier(log))
    assert entry is not None
    assert entry.frees(an_item(), "subject_a")
    assert not entry.frees(an_item("item_b"), "subject_a")


def test_an_old_proof_frees_nothing_that_came_after() -> None:
    """What a link's withdrawal does not name stays, though it be of the same account."""
    log = Log()
    body = {"subject": "subject_a", "other": "subject_b", "link": "link_a", "lifts": ["item_a"]}
    entry = proven(log.release(log.append("LinkWithdrawn", **body)), verifier(log))
    assert entry is not None
    assert not entry.frees(an_item("item_later", of="subject_b"), "subject_a")
    assert not entry.frees(an_item("item_later^guarded", of="subject_b"), "subject_a")


def test_without_a_verifier_nothing_is_proven() -> None:
    """A gate that cannot verify never lowers."""
    assert proven(Log().lift("item_a"), None) is None


@pytest.mark.parametrize(
    "broken",
    [
        lambda release: replace(release, index=release.index + 1),
        lambda release: replace(release, size=release.size + 1),
        lambda release: replace(release, leaf=release.leaf.replace(b"item_a", b"item_b")),
        lambda release: replace(release, path=release.path[::-1]),
        lambda release: replace(release, note=release.note.replace("\n3\n", "\n4\n")),
        lambda release: replace(release, note=""),
    ],
)
def test_a_changed_release_proves_nothing(broken: Callable[[Release], Release]) -> None:
    """Whatever is changed about a proof, it fails."""
    log = Log()
    release = log.lift("item_a")
    assert proven(release, verifier(log)) is not None
    assert proven(broken(release), verifier(log)) is None


@given(st.integers(0), st.integers(0, 255))
def test_no_byte_of_the_leaf_may_differ(place: int, byte: int) -> None:
    """A flipped byte of the entry is found."""
    log = Log()
    release = log.lift("item_a")
    leaf = bytearray(release.leaf)
    leaf[place % len(leaf)] = byte
    assert bytes(leaf) == release.leaf or proven(replace(release, leaf=bytes(leaf)), verifier(log)) is None


BODY = {"subject": "subject_a", "lifts": ["item_a"]}
ENVELOPE = {"v": 1, "log": Log().origin, "stream": "s", "seq": 1, "prev": "", "act": "a", "at": "t", "by": "b"}


@pytest.mark.parametrize(
    "leaf",
    [
        b"not json",
        [],
        {"kind": "MeasureLifted", "body": BODY},
        ENVELOPE | {"kind": "MeasureTaken", "body": BODY},
        ENVELOPE | {"kind": "MeasureLifted", "body": []},
        ENVELOPE | {"kind": "MeasureLifted", "body": {"subject": "subject_a"}},
        ENVELOPE | {"kind": "MeasureLifted", "body": {"lifts": ["item_a"]}},
        ENVELOPE | {"kind": "MeasureLifted", "body": BODY | {"lifts": "item_a"}},
        ENVELOPE | {"kind": "LinkWithdrawn", "body": {"subject": "subject_a", "other": "subject_b"}},
        ENVELOPE | {"kind": ["MeasureLifted"], "body": BODY},
        ENVELOPE | {"kind": "MeasureLifted", "body": BODY, "v": 2},
        ENVELOPE | {"kind": "MeasureLifted", "body": BODY, "log": "other.example"},
        ENVELOPE | {"kind": "MeasureLifted", "body": BODY, "more": 1},
    ],
)
def test_only_releasing_entries_release(leaf: object) -> None:
    """What the log holds but this gate does not understand exactly lets nothing go."""
    log = Log()
    assert proven(log.release(log.append_leaf(leaf)), verifier(log)) is None


def test_a_release_survives_the_wire() -> None:
    """Reading gives back what was written."""
    release = Log().lift("item_a", "item_b")
    assert decode_release(encode_release(release)) == release


@pytest.mark.parametrize(
    "change",
    [
        {"leaf": "%"},
        {"leaf": "é"},
        {"leaf": "A" * 30_000},
        {"path": "ab"},
        {"path": ["ab"]},
        {"path": [7]},
        {"path": ["ab" * 32] * 65},
        {"index": -1},
        {"size": True},
        {"note": "n" * 20_000},
        {"more": 1},
    ],
)
def test_a_broken_release_is_malformed(change: dict) -> None:
    """Sizes and types are bounded before anything is hashed."""
    with pytest.raises(Malformed):
        decode_release(encode_release(Log().lift("item_a")) | change)


def test_leaves_and_nodes_are_hashed_apart() -> None:
    """An inner node cannot be passed off as a leaf (RFC 6962, second preimages)."""
    leaf = b"a"
    assert root_from_path(leaf, 0, 1, ()) == hashlib.sha256(b"\0a").digest()
    assert root_from_path(leaf, 0, 2, ()) is None
    release = Release(leaf=leaf, index=0, size=1, path=(), note="")
    assert proven(release, lambda note: (1, b"\0" * 32)) is None
