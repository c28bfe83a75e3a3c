"""Letters and words.

Law: a text that the patterns cannot read is said to be not screened, never passed as clear.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.screen.words import fold, is_english


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain", "plain"),
        ("kíll", "kill"),
        ("ｋｉｌｌ", "kill"),
        ("𝐤𝐢𝐥𝐥", "kill"),
        ("kіll", "kill"),
        ("“I’ll”", '"I\'ll"'),
        ("a\u00a0b", "a b"),
        ("k\u200bi\u00adll", "kill"),
        ("ki\u0301ll", "kill"),
        ("k\u200bі\u200bll", "kill"),
    ],
)
def test_one_spelling(text: str, plain: str) -> None:
    """Marks, widths, styles, look-alikes and invisible letters do not hide a word."""
    assert fold(text).text == plain


@given(st.text(alphabet="aé\u200b\u0301і𝐤 ’"), st.data())
def test_places_lead_back_to_the_original(text: str, data: st.DataObject) -> None:
    """Every letter of the folded text lies in the original where it is said to lie, and folds to the same."""
    folded = fold(text)
    if folded.text:
        place = data.draw(st.integers(0, len(folded.text) - 1))
        assert fold(text[folded.original(place)]).text == folded.text[place]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "café",
        "tomatoes balcony",
        "I met José in Zürich yesterday",
        "How do I kill the print job?",
        "12345 !!!",
        "python list comprehension example",
        "Help me write a long letter to my landlord about the broken heating in the kitchen.",
    ],
)
def test_english_is_read(text: str) -> None:
    """Ordinary English, short or long, with names from anywhere, can be screened."""
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "te voy a matar",
        "je vais te tuer",
        "ich bringe dich um",
        "ti ammazzo",
        "vou te matar",
        "ik ga je vermoorden",
        "я убью тебя",
        "убью",
        "杀了她",
        "سأقتلك",
        "seni öldüreceğim",
        "aku akan membunuhmu",
        "Please help me with my homework today.\nte voy a matar\nThanks a lot for that.",
        "tutaj nikt mnie znajdzie nigdy",
        "kila mtu anajua ambapo anaishi sasa, nitamfuata mpaka nyumbani kwake usiku huu wote pamoja",
    ],
)
def test_other_languages_are_not(text: str) -> None:
    """A text or a line in another language is not screened by English patterns, however short."""
    assert not is_english(text)


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    """No text breaks the folding or the question of language."""
    assert len(fold(text).text) <= len(text)
    assert is_english(text) in {True, False}
