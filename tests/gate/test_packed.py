"""Records: dense, and the same entry as before."""

from __future__ import annotations

import struct
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from answerable.edge import SeededMint
from answerable_gate import Entry, Held, Limit, join
from answerable_gate.clock import NEVER, microseconds
from answerable_gate.packed import bears, is_about, pack, pack_token, summary, unpack
from tests.gate.build import an_entry, an_item
from tests.gate.test_entry import entries, tokens

minted = st.builds(lambda seed, prefix: SeededMint(seed).token(prefix), st.integers(0), st.sampled_from(["a", "item"]))


@given(entries, st.randoms(), st.integers(1, 2**53 - 1) | st.just(0), st.booleans())
@example(an_entry(an_item()), Random(0), 0, True)
@example(an_entry(), Random(0), 0, False)
@example(an_entry(), Random(0), 2, False)
def test_packing_loses_nothing(entry: Entry, chance: Random, withheld: int, unproven: bool) -> None:
    """Unpacking gives back what was packed, and the head says the truth about it."""
    fallen = frozenset(item.id for item in entry.items if chance.random() < 0.5)
    held = Held(entry=entry, fallen=fallen, withheld=withheld, unproven=unproven)
    record = pack(held)
    assert unpack(record) == held
    assert pack(unpack(record)) == record
    counting = [item for item in entry.items if item.id in fallen]
    there = join(*(item.standing for item in counting))
    review_by = min((item.review_by for item in counting if item.review_by), default=None)
    is_known = bool(entry.items or entry.open or entry.frozen)
    is_plain = is_known and not withheld and entry.frozen is None and not there.shields
    if is_plain and entry.reason_ref in {None, entry.subject}:
        mask = sum(1 << place for place, limit in enumerate(Limit) if limit in there.limits)
        shape, reason_ref, review = summary(b"12345" + record, 5)
        assert (shape, reason_ref) == (there.level << 8 | mask, entry.reason_ref)
        assert review == (NEVER if review_by is None else microseconds(review_by))
    else:
        assert summary(b"12345" + record, 5) == (-1, None, NEVER)


@given(entries, entries, st.binary(min_size=16, max_size=16))
def test_a_record_knows_its_subject_and_aliases(entry: Entry, other: Entry, alias: bytes) -> None:
    """It is found under its own names and no others."""
    record = b"12345" + pack(Held(entry=entry))
    assert all(bears(record, 5, bytes.fromhex(one)) for one in entry.aliases)
    assert bears(record, 5, alias) == (alias.hex() in entry.aliases) or not entry.aliases
    assert is_about(record, 5, entry.subject)
    assert is_about(record, 5, other.subject) == (entry.subject == other.subject)


@given(tokens | minted)
def test_tokens_are_self_delimiting(token: str) -> None:
    """A packed token tells its own length, and a minted one takes 17 bytes for its 26 letters."""
    assert len(pack_token(token)) <= len(token) + 1
    held = Held(entry=an_entry(an_item(token, of=token[::-1])))
    assert unpack(pack(held)) == held


def test_a_minted_token_is_dense() -> None:
    """The usual token is a third shorter."""
    assert len(pack_token(SeededMint(1).token("item"))) == len("item_") + 18


@given(st.integers(0))
def test_a_cut_or_longer_record_is_none(place: int) -> None:
    """Whatever is missing or left over is an error, never another entry."""
    record = pack(Held(entry=an_entry(an_item())))
    for broken in (record[: place % len(record)], record + b"\0"):
        with pytest.raises((ValueError, IndexError, struct.error)):
            unpack(broken)
