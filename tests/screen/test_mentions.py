"""Real persons in a text.

Law: an e-mail address, telephone number, handle, link or full name identifies; a first name alone never does.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.screen.mentions import MENTIONS_MAX, Aliases, Known, Match, mentions
from answerable.vault.identifiers import Identifier, IdentifierKind

MARA = Aliases(
    person="mara",
    identifiers=(
        Identifier(IdentifierKind.NAME, "Mara Ellison"),
        Identifier(IdentifierKind.EMAIL, "Mara.Ellison@example.org"),
        Identifier(IdentifierKind.PHONE, "+44 20 7946 0018"),
        Identifier(IdentifierKind.HANDLE, "@mara.e"),
        Identifier(IdentifierKind.URL, "https://www.example.org/people/mara"),
        Identifier(IdentifierKind.ACCOUNT, "u7"),
    ),
)


def _found(text: str, *persons: Aliases) -> list[tuple[str, bool]]:
    matches, is_whole = Known(persons or (MARA,)).find(text)
    assert is_whole
    return [(match.person, match.by_name) for match in matches]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "mara.ellison@example.org"),
        ("phone", "+44 20 7946 0018"),
        ("phone", "(020) 7946-0018"),
        ("handle", "@mara.e"),
        ("url", "https://example.org/people/mara"),
        ("url", "social.example.org/mara"),
        ("name", "Mara Ellison"),
        ("name", "Mara J. Ellison"),
    ],
)
def test_identifiers_are_seen_in_a_sentence(kind: str, text: str) -> None:
    """Each kind of identifier is found where it stands."""
    told = f"please look at {text}, thanks"
    assert [(found.kind, found.text, told[found.start : found.end]) for found in mentions(told)] == [(kind, text, text)]


@pytest.mark.parametrize(
    "text", ["Mara", "What Could", "I Will", "call 12345", "a@b", "example.org", "2024-03-01", "v1.2"]
)
def test_what_identifies_nobody_is_no_mention(text: str) -> None:
    """First names, sentences in capitals, short numbers and dates are no persons."""
    assert mentions(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "mara ellison",
        "MARA ELLISON",
        "Mara\nEllison",
        "Mara Jane Ellison's car",
        "Ellison, Mara",
        "M\u200bara Éllison",
        "Mara-Ellison",
    ],
)
def test_a_full_name_is_found_however_it_is_typed(text: str) -> None:
    """Case, marks, a middle name and the order of a list do not hide a name."""
    assert _found(f"about {text} and so on") == [("mara", True)]


@pytest.mark.parametrize(
    "text",
    [
        "MARA.ELLISON@EXAMPLE.ORG",
        "020 7946 0018",
        "call 0044 20 7946 0018 now",
        "ask @Mara.E about it",
        "http://example.org/people/mara/",
        "www.example.org/people/mara",
        "social.example.org/@mara.e",
    ],
)
def test_other_identifiers_are_found_however_they_are_typed(text: str) -> None:
    """Spellings that surely mean the same match, and not by name only."""
    assert _found(text) == [("mara", False)]


@pytest.mark.parametrize(
    "text",
    [
        "Mara",
        "Ellison",
        "Mara and Tom Ellison have",
        "Tamara Ellisonova",
        "mara.ellison@example.com",
        "xmara.ellison@example.org",
        "@mara.ex",
        "7946 0019",
        "0018",
        "946 0018",
        "example.org/people/mara2",
        "u7",
    ],
)
def test_near_misses_are_nobody(text: str) -> None:
    """A first name, a family name, another address or number is not the person."""
    assert _found(text) == []


def test_names_of_everyday_words_need_capitals() -> None:
    """A person called Will Long is not named by every sentence that holds the words."""
    will = Aliases(person="will", identifiers=(Identifier(IdentifierKind.NAME, "Will Long"),))
    assert _found("this will long be remembered", will) == []
    assert _found("I met Will Long today", will) == [("will", True)]
    assert Known([will]).spell("i will kill her") == "i will kill her"


def test_what_identifies_nobody_is_not_looked_for() -> None:
    """A notice that gave a first name, an account or nothing readable gives nothing to look for."""
    vague = (
        Identifier(IdentifierKind.NAME, "Mara"),
        Identifier(IdentifierKind.EMAIL, "nonsense"),
        Identifier(IdentifierKind.PHONE, "123"),
        Identifier(IdentifierKind.ACCOUNT, "u7"),
    )
    assert Known([Aliases(person="mara", identifiers=vague)]).is_empty
    assert Known([]).is_empty
    assert Known([]).spell("mara") == "mara"
    assert not Known([MARA]).is_empty


def test_a_number_without_its_country_still_matches() -> None:
    """What the reporter wrote as she dials it is found as she dials it."""
    dialled = Aliases(person="mara", identifiers=(Identifier(IdentifierKind.PHONE, "020 7946 0018"),))
    assert _found("+44 20 7946 0018", dialled) == [("mara", False)]


def test_names_are_spelled_in_capitals_and_nothing_else_is() -> None:
    """Small letters do not hide whom an act is done to; the length of the text stays."""
    assert Known([MARA]).spell("i will kill mara, tamara") == "i will kill Mara, tamara"


def test_several_persons_are_told_apart() -> None:
    """One text may name more than one; an exact identifier outweighs the name."""
    petra = Aliases(person="petra", identifiers=(Identifier(IdentifierKind.NAME, "Petra Lindqvist"),))
    assert _found("Mara Ellison (@mara.e) met Petra Lindqvist", MARA, petra) == [("mara", False), ("petra", True)]
    known = Known([MARA, petra])
    assert known.is_somebody_else("Tom", "mara")
    assert not known.is_somebody_else("Mara's", "mara")
    assert not known.is_somebody_else("my boss", "mara")
    assert known.is_somebody_else("Mara", "petra")


def test_a_text_of_too_many_identifiers_is_said_not_to_be_whole() -> None:
    """Hiding one address among ten thousand makes the text not screened, never clear."""
    text = " ".join(f"a{n}@example.org" for n in range(MENTIONS_MAX + 1))
    assert len(mentions(text)) == MENTIONS_MAX
    assert Known([MARA]).find(text) == ((), False)


@given(st.text(), st.sampled_from(list(IdentifierKind)))
def test_any_alias_and_any_text_have_an_answer(text: str, kind: IdentifierKind) -> None:
    """No alias and no text breaks the search; an alias that is looked for finds itself or nothing."""
    known = Known([Aliases(person="p", identifiers=(Identifier(kind, text),))])
    matches, _ = known.find(text)
    assert set(matches) <= {Match(person="p", by_name=True), Match(person="p", by_name=False)}
    assert len(known.spell(text)) == len(text)
