"""Proofs over the stored nodes of the one RFC 6962 tree; the growing edge (`CompactRange`) comes from `verify`.

Law: only complete nodes are stored, and they never change; what hangs over the right edge is computed.
"""

from collections.abc import Callable

from answerable.ledger.verify import EMPTY_ROOT, CompactRange, Malformed, node_hash

__all__ = ["CompactRange", "Get", "consistency", "inclusion", "range_from_bytes", "range_to_bytes", "root_at"]

Get = Callable[[int, int], bytes]
"""Returns the hash of the complete node (level, index); level 0 are the leaves."""

HASH_BYTES = 32
SIZE_BYTES = 8


def range_to_bytes(edge: CompactRange) -> bytes:
    """Return the range as 8 bytes of size, big-endian, and its peaks, largest first."""
    return edge.size.to_bytes(SIZE_BYTES, "big") + b"".join(edge.peaks)


def range_from_bytes(data: bytes) -> CompactRange:
    """Read what `range_to_bytes` wrote; Malformed where size and peaks do not go together."""
    if len(data) < SIZE_BYTES:
        raise Malformed("is no compact range")
    peaks = [data[at : at + HASH_BYTES] for at in range(SIZE_BYTES, len(data), HASH_BYTES)]
    return CompactRange(int.from_bytes(data[:SIZE_BYTES], "big"), peaks)


def _split(count: int) -> int:
    """Return the largest power of two below `count` (count >= 2): where RFC 6962 cuts a tree in two."""
    return 1 << (count - 1).bit_length() - 1


def _root(low: int, high: int, get: Get) -> bytes:
    """Return the root over the leaves low..high-1, where low is a cut of the tree."""
    count = high - low
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return get(level, low >> level)
    middle = low + _split(count)
    return node_hash(get((middle - low).bit_length() - 1, low // (middle - low)), _root(middle, high, get))


def root_at(size: int, get: Get) -> bytes:
    """Return the root of the first `size` leaves."""
    return _root(0, size, get) if size else EMPTY_ROOT


def inclusion(index: int, size: int, get: Get) -> list[bytes]:
    """Return the path that proves leaf `index` in the tree of `size` leaves, the leaf's sibling first."""
    assert 0 <= index < size, "a leaf is proved in a tree that holds it"
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_root(middle, high, get))
            high = middle
        else:
            path.append(_root(low, middle, get))
            low = middle
    return path[::-1]


def consistency(old: int, new: int, get: Get) -> list[bytes]:
    """Return the path that proves the tree of `old` leaves to be the beginning of the tree of `new` leaves."""
    assert 0 <= old <= new, "a tree only grows"
    if old == 0:
        return []
    path, low, high = [], 0, new
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_root(middle, high, get))
            high = middle
        else:
            path.append(_root(low, middle, get))
            low = middle
    if low:  # else the old root is itself a node of the new tree, and the reader has it
        path.append(_root(low, high, get))
    return path[::-1]
