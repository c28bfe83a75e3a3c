"""Names under a shield: sealed, found, and found in pieces before their beginning is out."""

from __future__ import annotations

from itertools import pairwise

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


@pytest.mark.parametrize(
    "text",
    [
        "M.a.r.a W.e.i.s.s", "M a r a W e i s s", "m-a-r-a  w-e-i-s-s", "M a r a   W e i s s",
        "M. a. r. a. W. e. i. s. s.", "Mara W.e.i.s.s", "W_e_i_s_s, M_a_r_a", "I M a r a W e i s s",
        "- M\n- a\n- r\n- a\n\n- W\n- e\n- i\n- s\n- s", "Ma.ra We-iss", "M·á·r·a | Weiss", "I M.a.r.a Weiss",
        "**M**a**r**a Weiss", "M, a, r, a. Weiss",
    ],
)  # fmt: skip
def test_a_name_that_is_spaced_out_is_found(text: str) -> None:
    """Letter by letter, all by the same marks or blanks, or a word with marks in it."""
    assert of(MARA).find(text)
    assert of(MARA).find(f"She is {text}, they say.")


ORDINARY = (
    "Mar-a-Lago", "U.S.A.", "e.g.", "i.e.", "a", "I", "x, y, z", "a.m.", "J. R. R.", "A, B, C, D", "well-known", "M",
    "he'll", "ma", "ra", "mar", "weis", "s", "Mara", "Bea", "-", "1. a", "2. r", "W.e.b.", "A.I.", "O'M", "|",
    "https://a.b/c-d/e", "le(a, b)",
)  # fmt: skip


@given(st.lists(st.sampled_from(ORDINARY), max_size=30), st.sampled_from([" ", "  ", "\n", ", "]), st.integers(1, 7))
def test_ordinary_text_is_never_taken_for_a_spaced_out_name(texts: list[str], gap: str, size: int) -> None:
    """Abbreviations, lists, initials and broken words, wherever a chunk ends."""
    text, found = gap.join(texts), of(MARA, "Hell", "Mary", "Lea", "Ai")
    window = Window(found)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    for piece in pieces:
        assert not window.push(piece)
    assert not window.end()


SPACED = ("M", "a", "r", "a", "W", "e", "iss", "Weiss", "Mara", " ", " ", ".", ".", "-", "I", "x", "  ", "\n", "'")


@given(st.lists(st.sampled_from(SPACED), max_size=40), st.lists(st.integers(0, 60), max_size=8))
def test_a_spaced_out_name_is_found_in_pieces_as_in_the_whole(letters: list[str], cuts: list[int]) -> None:
    """And nothing of a name was safe before it was found."""
    text = "".join(letters)
    is_named, told = in_pieces(text, cuts)
    assert is_named == of(MARA).find(text)
    assert not of(MARA).find(text[:told])


@given(
    st.lists(st.sampled_from(["so", "well-known", "I", "a", "e.g.", "x, y"]), max_size=4),
    st.sampled_from([".", "-", " ", "_", " . ", "\n", "*", "  ", ", "]), st.lists(st.integers(0, 60), max_size=12),
)  # fmt: skip
def test_no_letter_of_a_spaced_out_name_is_out_too_soon(before: list[str], mark: str, cuts: list[int]) -> None:
    """Whatever stands before it and wherever a chunk ends."""
    begin = " ".join([*before, "by "])
    is_named, told = in_pieces(f"{begin}{mark.join('Mara')}, {mark.join('Weiss')} then.", cuts)
    assert is_named
    assert told <= len(begin)


def in_pieces(text: str, cuts: list[int]) -> tuple[bool, int]:
    """Say whether a name is found, and how much was safe before that."""
    window = Window(of(MARA))
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    told = 0
    for begin, end in pairwise(edges):
        if window.push(text[begin:end]):
            return True, told
        told = window.safe
    return window.end(), told


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
        assert window.taken - window.safe <= 3 * (names.GROUP_MAX + names.GAP_MAX)
    assert not window.push("y" * 1000)
    assert window.safe == window.taken
    assert not window.push(" ")
    assert not window.end()
    assert window.safe == window.taken


@pytest.mark.parametrize("mark", [".", " "])
def test_a_name_in_front_of_what_is_too_long_to_wait_for_is_found(mark: str) -> None:
    """What never ends is read before it is let go, and costs no memory."""
    for first, is_name in (("Mara.", True), ("Bea.", False)):
        window, found = Window(of(MARA)), []
        for piece in (first, "We", "iss", mark, *["x" * 100] * 9):
            found.append(window.push(piece))
            assert any(found) or window.taken - window.safe <= 2 * names.GROUP_MAX
        assert any(found) == is_name


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
