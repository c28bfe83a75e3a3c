"""The entry on the wire: strict, canonical, and early rather than late."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Entry, Frozen, Item, Level, Limit, Malformed, Shield, Standing, decode, encode
from answerable_gate.entry import ITEMS_MAX, decode_standing
from tests.gate.build import START, after, an_entry, an_item, standings

tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
name_sets = st.none() | st.frozensets(names, max_size=3).map(lambda found: tuple(sorted(found)))
wire_items = st.builds(
    Item,
    id=tokens,
    of=tokens,
    standing=standings,
    effective=moments,
    kind=st.sampled_from(["measure", "default"]),
    review_by=st.none() | moments,
)
entries = st.builds(
    Entry,
    subject=tokens,
    version=st.integers(1, 2**53 - 1),
    items=st.lists(wire_items, max_size=4, unique_by=lambda item: item.id).map(
        lambda found: tuple(sorted(found, key=lambda item: item.id))
    ),
    aliases=st.frozensets(st.binary(min_size=16, max_size=16).map(bytes.hex), max_size=3).map(
        lambda found: tuple(sorted(found))
    ),
    frozen=st.none() | st.builds(Frozen, models=name_sets, tools=name_sets),
    open=st.booleans(),
    reason_ref=st.none() | tokens,
)


@given(entries, moments)
def test_reading_gives_back_what_was_written(entry: Entry, now: datetime) -> None:
    """With equal clocks an entry survives the wire unchanged."""
    assert decode(encode(entry)) == entry
    assert decode(encode(entry, now=now), received=now) == entry


@given(entries)
def test_writing_is_canonical(entry: Entry) -> None:
    """The order in which an entry was put together does not show."""
    turned = replace(entry, items=entry.items[::-1], aliases=entry.aliases[::-1])
    assert encode(turned) == encode(entry)


@pytest.mark.parametrize(("reader", "effective"), [(-7200, -7200 + 600), (0, 600), (7200, 600)])
def test_the_earlier_of_due_and_left_holds(reader: float, effective: float) -> None:
    """A reader whose clock is slow counts by what was left; one whose clock is fast by the time itself."""
    wire = encode(an_entry(an_item(effective=600)), now=START)
    assert decode(wire, received=after(reader)).items[0].effective == after(effective)


def test_left_is_rounded_up_and_may_exceed_the_calendar() -> None:
    """A default is never early by rounding, and an absurd `left` is no error."""
    wire = encode(an_entry(an_item(effective=600.0005)), now=START)
    assert wire["items"][0]["left_ms"] == 600_001  # type: ignore[index]
    wire["items"][0]["left_ms"] = 2**53 - 1  # type: ignore[index]
    assert decode(wire, received=START).items[0].effective == after(600.0005)


def test_what_counts_at_the_store_counts_at_a_gate_whose_clock_is_behind() -> None:
    """A measure in force has nothing left: no gate waits for its own clock to reach the store's (L1)."""
    wire = encode(an_entry(an_item(effective=600)), now=after(600))
    assert wire["items"][0]["left_ms"] == 0  # type: ignore[index]
    assert decode(wire, received=after(0)).items[0].effective == after(0)
    assert decode(wire, received=after(700)).items[0].effective == after(600)


BROKEN = {
    "not an object": [],
    "version zero": {"version": 0},
    "version true": {"version": True},
    "version too large": {"version": 2**53},
    "version a text": {"version": "1"},
    "unknown key": {"until": None},
    "subject with a blank": {"subject": "a b"},
    "subject too long": {"subject": "a" * 65},
    "subject a number": {"subject": 7},
    "items an object": {"items": {}},
    "too many items": {"items": [0] * (ITEMS_MAX + 1)},
    "alias too short": {"aliases": ["ab"]},
    "alias in capitals": {"aliases": ["AB" * 16]},
    "alias twice": {"aliases": ["ab" * 16] * 2},
    "alias a number": {"aliases": [7]},
    "open a number": {"open": 1},
    "frozen empty": {"frozen": {}},
    "frozen text": {"frozen": {"models": "all", "tools": None}},
    "name too long": {"frozen": {"models": ["m" * 201], "tools": None}},
    "name half a pair": {"frozen": {"models": ["\ud800"], "tools": None}},
    "reason a number": {"reason_ref": 7},
}
BROKEN_ITEMS = {
    "unknown level": {"standing": {"level": "banned", "limits": [], "shields": []}},
    "level a number": {"standing": {"level": 3, "limits": [], "shields": []}},
    "unknown limit": {"standing": {"level": "none", "limits": ["no_fun"], "shields": []}},
    "limit a number": {"standing": {"level": "none", "limits": [1], "shields": []}},
    "shield without terms": {"standing": {"level": "none", "limits": [], "shields": [{"person": "p"}]}},
    "unknown kind": {"kind": "hold"},
    "time without digits": {"effective": "2026-08-01T12:00:00Z"},
    "time with other digits": {"effective": "２０２６-08-01T12:00:00.000000Z"},
    "no such day": {"effective": "2026-02-30T12:00:00.000000Z"},
    "time a number": {"effective": 7},
    "left negative": {"left_ms": -1},
    "left a float": {"left_ms": 1.5},
    "unknown key": {"until": None},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_entry_is_malformed(change: object) -> None:
    """Anything but an entry is refused whole."""
    wire = encode(an_entry(an_item()))
    with pytest.raises(Malformed):
        decode(wire | change if isinstance(change, dict) else change)


@pytest.mark.parametrize("change", BROKEN_ITEMS.values(), ids=BROKEN_ITEMS)
def test_a_broken_item_is_malformed(change: dict) -> None:
    """One broken item condemns its entry."""
    wire = copy.deepcopy(encode(an_entry(an_item())))
    wire["items"][0] |= change  # type: ignore[index]
    with pytest.raises(Malformed):
        decode(wire)


@pytest.mark.parametrize("key", ["subject", "version", "items", "aliases", "frozen", "open", "reason_ref"])
def test_nothing_may_be_missing(key: str) -> None:
    """A missing field never reads as empty (L10)."""
    wire = encode(an_entry(an_item()))
    del wire[key]
    with pytest.raises(Malformed, match=f"missing \\['{key}'\\]"):
        decode(wire)


def test_an_id_stands_once() -> None:
    """Two items of one id are refused, also where they differ."""
    twice = encode(an_entry(an_item("item_a"), an_item("item_a", Level.PAUSED)))
    with pytest.raises(Malformed, match="an item id stands twice"):
        decode(twice)


def test_a_standing_reads_alone() -> None:
    """A standing has its own codec, which policies use."""
    wire = {"level": "guarded", "limits": ["care"], "shields": [{"person": "p", "terms": ["Mara"]}]}
    assert decode_standing(wire) == Standing(
        Level.GUARDED, frozenset({Limit.CARE}), frozenset({Shield("p", ("Mara",))})
    )
