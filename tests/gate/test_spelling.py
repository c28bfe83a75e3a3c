"""The spelling in which names are looked for."""

from hypothesis import given
from hypothesis import strategies as st

from answerable_gate.spelling import plain


def test_letters_that_look_alike_are_one() -> None:
    """Marks, widths, styles, other scripts, and what nobody sees."""
    for written in ("Élan", "E\u0301lan", "Ｅlan", "\U0001d404lan", "Еlаn", "E\u200blan", "E\u00adlan"):
        assert plain(written) == "Elan"


@given(st.text(), st.text())
def test_a_text_in_pieces_is_spelled_as_the_whole(one: str, other: str) -> None:
    """No letter depends on its neighbours."""
    assert plain(one) + plain(other) == plain(one + other)
