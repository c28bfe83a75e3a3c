"""The tree: its edge, its stored nodes, its proofs.

Law: every root and proof is the one RFC 6962 defines, for every size.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.ledger.tree import CompactRange, consistency, inclusion, range_from_bytes, range_to_bytes, root_at
from answerable.ledger.verify import EMPTY_ROOT, Malformed, verify_consistency, verify_inclusion
from tests.ledger.logs import plain_root, some_leaves

LEAVES = some_leaves(65)
ROOTS = [plain_root(LEAVES[:size]) for size in range(66)]


def grown(size: int) -> tuple[CompactRange, dict[tuple[int, int], bytes]]:
    """Return the edge and the stored nodes after `size` leaves."""
    edge, nodes = CompactRange(), {}
    for leaf in LEAVES[:size]:
        for level, index, node in edge.append(leaf):
            assert (level, index) not in nodes, "a complete node is created once"
            nodes[level, index] = node
    return edge, nodes


def getter(nodes: dict[tuple[int, int], bytes]):  # noqa: ANN201
    """Return a `Get` over stored nodes, which knows nothing but what is stored."""
    return lambda level, index: nodes[level, index]


@pytest.mark.parametrize("size", range(66))
def test_every_root_is_the_defined_one(size: int) -> None:
    """The edge and the stored nodes both give the root of the definition."""
    edge, nodes = grown(size)
    assert edge.size == size
    assert edge.root() == root_at(size, getter(nodes)) == ROOTS[size]


def test_stored_nodes_are_the_roots_of_their_leaves() -> None:
    """A node (level, index) is the root of the 2^level leaves from index * 2^level on."""
    for (level, index), node in grown(65)[1].items():
        assert node == plain_root(LEAVES[index << level : (index + 1) << level])


def test_every_leaf_is_provable_in_every_tree() -> None:
    """All 2,145 inclusion proofs of trees up to 65 hold, and only for their own leaf, index, size and root."""
    get = getter(grown(65)[1])
    for size in range(1, 66):
        for index in range(size):
            path = inclusion(index, size, get)
            assert verify_inclusion(LEAVES[index], index, size, path, ROOTS[size])
            assert not verify_inclusion(LEAVES[index - 1], index, size, path, ROOTS[size]) or size == 1
            assert not verify_inclusion(LEAVES[index], index ^ 1, size, path, ROOTS[size])
            assert not verify_inclusion(LEAVES[index], index, size, path, ROOTS[size - 1])


def test_every_tree_is_provably_the_beginning_of_every_larger() -> None:
    """All consistency proofs between sizes 0 to 65 hold, and for no other old root."""
    get = getter(grown(65)[1])
    for new in range(66):
        for old in range(new + 1):
            path = consistency(old, new, get)
            assert verify_consistency(old, new, ROOTS[old], ROOTS[new], path)
            assert not verify_consistency(old, new, ROOTS[old - 1], ROOTS[new], path)


@given(st.integers(1, 64), st.data())
def test_a_consistency_proof_with_one_hash_changed_fails(new: int, data: st.DataObject) -> None:
    """Changing, leaving out or adding a hash makes the proof fail."""
    old = data.draw(st.integers(1, new))
    path = consistency(old, new, getter(grown(new)[1]))
    for at in range(len(path)):
        changed = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], changed)
        assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], path[:at] + path[at + 1 :])
    assert not verify_consistency(old, new, ROOTS[old], ROOTS[new], [*path, EMPTY_ROOT])


@given(st.integers(1, 64), st.data())
def test_an_inclusion_proof_with_one_hash_changed_fails(size: int, data: st.DataObject) -> None:
    """Changing, leaving out or adding a hash makes the proof fail."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion(index, size, getter(grown(size)[1]))
    for at in range(len(path)):
        changed = [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
        assert not verify_inclusion(LEAVES[index], index, size, changed, ROOTS[size])
        assert not verify_inclusion(LEAVES[index], index, size, path[:at] + path[at + 1 :], ROOTS[size])
    assert not verify_inclusion(LEAVES[index], index, size, [*path, EMPTY_ROOT], ROOTS[size])


@pytest.mark.parametrize("size", range(66))
def test_a_stored_edge_goes_on_where_it_stopped(size: int) -> None:
    """Writing the edge to bytes and reading it back loses nothing."""
    edge = range_from_bytes(range_to_bytes(grown(size)[0]))
    edge.append(LEAVES[0])
    assert edge.root() == plain_root([*LEAVES[:size], LEAVES[0]])


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 7, b"\0" * 8 + b"x" * 32, b"\0" * 7 + b"\1", b"\0" * 7 + b"\1" + b"x" * 31]
)
def test_bytes_that_are_no_edge_are_refused(data: bytes) -> None:
    """Size and peaks must go together."""
    with pytest.raises(Malformed):
        range_from_bytes(data)


def test_no_proof_is_made_for_what_is_not_there() -> None:
    """Asking for a leaf outside the tree, or for a tree to shrink, is a programmer's error."""
    get = getter({})
    with pytest.raises(AssertionError):
        inclusion(3, 3, get)
    with pytest.raises(AssertionError):
        consistency(4, 3, get)
