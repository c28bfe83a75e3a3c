"""Names under a shield: sealed, found, and found in pieces before their beginning is out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import Gate, Names, Request, Shield, Window, is_sealed, judge, names, seal_name
from answerable_gate.spelling import plain
from tests.gate.build import GATE_KEY, START, Log, a_policy

MARA = "Mara Weiss"


def of(*written: str, key: bytes = GATE_KEY) -> Names:
    """Give the names of one shield."""
    terms = tuple(term for name in written for term in seal_name(GATE_KEY, name))
    return Names(key, [Shield("person_a", terms)])


@pytest.mark.parametrize(
    "text",
    [
        "Mara Weiss", "about MARA WEISS's day", "Weiss, Mara", "**Mara** Weiss", "Mara\n\nWeiss", "@maraweiss",
        "Mára Weiß's", "Mara J. Weiss", "Ma\u200bra We\u00adiss", "Мara Weіss", "Mara_Weiss", "mara.weiss@mail.example",
    ],
)  # fmt: skip
def test_a_name_is_found_as_it_may_be_written(text: str) -> None:
    """Case, marks, order, what stands between, look-alikes, and what nobody sees."""
    assert of("Mara Weiß" if "ß" in text else MARA).find(text)


@pytest.mark.parametrize(
    "text", ["", "Mara", "Weiss", "Mara and Bea and Weiss", "Tamara Weissman", "Mara" + " " * 17 + "Weiss", "Mara Weis"]
)
def test_what_is_not_the_name_is_not_found(text: str) -> None:
    """A first name alone, another name, words too far apart."""
    assert not of(MARA).find(text)


def test_what_has_one_order_is_found_in_that_order() -> None:
    """An address is not turned round, nor joined."""
    found = of("mara.weiss@mail.example")
    assert found.find("Write to <Mara.Weiss@mail.example>.")
    assert not found.find("example mail weiss mara")
    assert not found.find("mara example")
    assert found.span == 4


def test_a_single_word_and_a_long_name() -> None:
    """One word needs no window; the words between first and last may be left out."""
    assert of("Xanthippe").span == 1
    assert of("Xanthippe").find("so Xanthippe said")
    long = of("Ana Maria de la Cruz Soto")
    assert long.find("Ana Maria de la Cruz Soto")
    assert long.find("Soto, Ana")
    assert long.span == 6


def test_what_cannot_be_a_name_is_none() -> None:
    """No word, or more than a name has; a shield without names finds nothing and holds nothing."""
    assert seal_name(GATE_KEY, "--") == () == seal_name(GATE_KEY, "a b c d e f g h i")
    empty = of()
    assert not empty
    assert empty.span == 0
    window = Window(empty)
    assert not window.push("Mara Weiss")
    assert (window.taken, window.safe) == (10, 5)


def test_terms_tell_nothing_without_the_key() -> None:
    """Sealed they hold no letter; under another key they find nobody; older ones in letters are sealed on arrival."""
    terms = seal_name(GATE_KEY, MARA)
    assert [term[:2] for term in terms] == ["2:", "2:", "1:"]
    assert all(is_sealed(term) for term in terms)
    assert not is_sealed(MARA)
    assert not of(MARA, key=b"x" * 32).find(MARA)
    assert Names(GATE_KEY, [Shield("person_a", (MARA,))]).find("Weiss, Mara")


@given(st.lists(st.sampled_from(["Mara", "Weiss", "Bea", " ", " ", ", ", "M", "ara", "x", "\u200b", "É", " " * 20])))
def test_pieces_are_found_as_the_whole(pieces: list[str]) -> None:
    """And until then nothing of the name was safe to hand on."""
    known, window, handed = of(MARA), Window(of(MARA)), 0
    is_named = False
    for piece in pieces:
        is_named = is_named or window.push(piece)
        if is_named:
            break
        assert handed <= window.safe <= window.taken
        handed = window.safe
    is_named = is_named or window.end()
    text = "".join(pieces)
    assert is_named == known.find(text)
    if is_named:
        told = plain(text).casefold()[:handed]
        assert not known.find(told)
        assert not told.rstrip(" ,").endswith("mara")


@given(st.integers(0, 3), st.text(max_size=5))
def test_a_window_is_small(words: int, tail: str) -> None:
    """At most three words and what stands between them wait, however long the text."""
    window = Window(of(MARA))
    for _ in range(50):
        assert not window.push("lorem " * words + tail.replace("m", ""))
        assert window.taken - window.safe <= 3 * (names.WORD_LETTERS_MAX + names.GAP_MAX)
    assert not window.push("y" * 1000)
    assert window.safe == window.taken
    assert not window.push(" ")
    assert not window.end()
    assert window.safe == window.taken


def test_what_was_looked_up_is_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long stream costs no memory."""
    monkeypatch.setattr(names, "_KNOWN_MAX", 5)
    found = of(MARA)
    assert not found.find(" ".join(f"word{number}" for number in range(50)))
    assert found.find(MARA)


def test_a_gate_gives_the_names_of_a_verdict() -> None:
    """Under its own key."""
    policy = a_policy()
    gate = Gate(gate_key=GATE_KEY, pinned=Log().pinned, policy=policy, wall=START, monotonic=0)
    verdict = judge(None, Request(identity="subject_a", model=None, tools=None), START, policy)
    assert not gate.names(verdict)
    shield = Shield("person_a", seal_name(GATE_KEY, MARA))
    assert gate.names(verdict._replace(shields=frozenset({shield}))).find(MARA)
