"""Contact: a heartbeat that was long on its way says little about now."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from answerable_gate.contact import heard
from tests.gate.build import after


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1000)), min_size=1, max_size=20), st.floats(-1e6, 1e6))
def test_delay_counts_as_silence(beats: list[tuple[float, float]], store_ahead: float) -> None:
    """Contact is never taken for later than the fastest heartbeat of the connection allows."""
    contact, sent, arrived = None, 0.0, 0.0
    fastest = float("inf")
    for wait, delay in beats:
        sent += wait
        arrived = max(arrived, sent + delay)  # a connection keeps order
        fastest = min(fastest, arrived - sent)
        contact = heard(contact, after(sent + store_ahead), arrived)
        assert contact.at <= arrived + 1e-4
    assert contact is not None
    assert contact.at <= arrived + 1e-4
    assert contact.at >= sent + fastest - 1e-3


def test_a_heartbeat_held_back_is_an_old_one() -> None:
    """One that was sent a minute in and came ten minutes in leaves contact at one minute."""
    contact = heard(heard(None, after(0), 0.0), after(60), 600.0)
    assert contact.at == 60.0
    assert heard(contact, after(601), 601.0).at == 601.0


def test_a_store_whose_clock_steps_forward_stays_in_contact() -> None:
    """A store's jump forward is no delay."""
    assert heard(heard(None, after(0), 0.0), after(3610), 10.0).at == 10.0
