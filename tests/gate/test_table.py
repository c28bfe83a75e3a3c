"""The table: dense storage that behaves like two dictionaries."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Held, alias, table
from answerable_gate.packed import pack, unpack
from answerable_gate.table import Table
from tests.gate.build import GATE_KEY, an_entry, an_item


def put(stored: Table, held: Held) -> int:
    """Put a held entry."""
    aliases = tuple(bytes.fromhex(one) for one in held.entry.aliases)
    return stored.put(held.entry.subject, aliases, pack(held))


def a_held(number: int, items: int, names: list[int]) -> Held:
    """Build a held entry of some size with some aliases."""
    entry = an_entry(*(an_item(f"item_{place}") for place in range(items)), subject=f"subject_{number}")
    return Held(entry=replace(entry, aliases=tuple(sorted(alias(GATE_KEY, str(name)).hex() for name in names))))


puts = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30), st.lists(st.integers(0, 8), unique=True, max_size=3)),
    max_size=40,
)


@given(puts)
def test_it_is_a_dictionary_by_subject_and_by_alias(steps: list) -> None:
    """After any puts each subject has its newest record, and each alias finds exactly who bears it now."""
    stored, model = Table(), {}
    for number, items, names in steps:
        held = a_held(number, items, names)
        assert unpack(stored.record(put(stored, held))) == held
        model[held.entry.subject] = held
    assert len(stored) == len(model)
    for subject, held in model.items():
        slot = stored.slot(subject)
        assert slot is not None
        assert unpack(stored.record(slot)) == held
    for name in range(9):
        wanted = alias(GATE_KEY, str(name))
        found = [unpack(stored.record(slot)) for slot, _, _ in stored.find(wanted)]
        bearers = [held for held in model.values() if wanted.hex() in held.entry.aliases]
        assert sorted(found, key=str) == sorted(bearers, key=str)
    assert stored.slot("nobody") is None


def test_it_grows_and_empties_its_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of changing records stay found, and their waste is given back."""
    monkeypatch.setattr(table, "SLAB_BYTES", 1 << 14)
    monkeypatch.setattr(table, "_WASTE_MAX", 1 << 13)
    stored, chance, sizes = Table(), random.Random(7), {}
    for _ in range(12_000):
        number = chance.randrange(3_000)
        sizes[number] = chance.randrange(6)
        put(stored, a_held(number, sizes[number], [number]))
    for number, size in sizes.items():
        ((slot, _, _),) = stored.find(alias(GATE_KEY, str(number)))
        assert unpack(stored.record(slot)) == a_held(number, size, [number])
    live = sum(len(stored.record(slot)) + 8 for slot in range(len(stored)))
    assert live < sum(len(slab) for slab in stored._slabs) < 3 * live


def test_a_record_larger_than_a_slab_has_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry is too large for the table."""
    monkeypatch.setattr(table, "SLAB_BYTES", 1 << 10)
    stored = Table()
    for number in range(3):
        put(stored, a_held(number, 40, [number]))
    ((slot, _, _),) = stored.find(alias(GATE_KEY, "1"))
    assert unpack(stored.record(slot)) == a_held(1, 40, [1])
