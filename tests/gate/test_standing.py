"""Standing over time: law L1."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import NOTHING, Item, Level, Standing, covers, standing, uncovered
from tests.gate.build import after, an_item, standings

times = st.integers(0, 6).map(float)
items = st.lists(
    st.builds(
        lambda name, there, at: Item(
            id=name, of="subject_a", standing=there, effective=after(at), kind="default", review_by=None
        ),
        st.sampled_from(["a", "b", "c", "d"]),
        standings,
        times,
    ),
    max_size=4,
    unique_by=lambda item: item.id,
)


def test_an_item_counts_from_its_very_moment() -> None:
    """Due is effective <= now, to the microsecond, and nobody has to do anything for it."""
    default = an_item(level=Level.PAUSED, effective=60)
    assert standing([default], after(59.999999)) == NOTHING
    assert standing([default], after(60)) == Standing(Level.PAUSED)


def test_what_was_due_stays_due() -> None:
    """A fallen default counts whatever a clock says later."""
    default = an_item("item_d", level=Level.PAUSED, effective=60)
    assert standing([default], after(0), {"item_d"}) == Standing(Level.PAUSED)


@given(items, items, times, times, st.frozensets(st.sampled_from("abcd")))
def test_uncovered_is_exactly_what_would_be_missed(
    held: list[Item], received: list[Item], now: float, wait: float, fallen: frozenset[str]
) -> None:
    """Without its uncovered items the held set adds nothing to the received one at any later moment."""
    missed = uncovered(held, received, after(now), fallen)
    rest = [item for item in held if item not in missed]
    later = after(now + wait)
    assert covers(standing(received, later, fallen), standing(rest, later, fallen))


@given(items, items, times, st.frozensets(st.sampled_from("abcd")))
def test_every_uncovered_item_is_missed(
    held: list[Item], received: list[Item], now: float, fallen: frozenset[str]
) -> None:
    """An item is called uncovered only where it exceeds the received standing when it begins to count."""
    for item in uncovered(held, received, after(now), fallen):
        begins = after(now) if item.id in fallen else max(item.effective, after(now))
        assert not covers(standing(received, begins, fallen), item.standing)
