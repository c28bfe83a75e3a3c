"""Identifiers: the one spelling under which each is compared."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.vault.identifiers import (
    ACCOUNT_LETTERS_MAX,
    NAME_WORDS_MAX,
    RAW_LETTERS_MAX,
    Canonical,
    Identifier,
    IdentifierKind,
    canonical,
    fold,
    normalise,
    words,
)

EMAIL, PHONE, HANDLE = IdentifierKind.EMAIL, IdentifierKind.PHONE, IdentifierKind.HANDLE
URL, NAME, ACCOUNT = IdentifierKind.URL, IdentifierKind.NAME, IdentifierKind.ACCOUNT

SAME = [
    (EMAIL, "Mara.Ellison@Example.ORG", "mara.ellison@example.org"),
    (EMAIL, "  mara@example.org\u200b", "mara@example.org"),
    (EMAIL, "mara@bücher.example", "mara@xn--bcher-kva.example"),
    (EMAIL, "jose\u0301@example.org", "jos\u00e9@example.org"),
    (PHONE, "+44 (0)20 7946 0958", "0044 20 7946 0958"),
    (PHONE, "+1-202-555-0100 ext. 7", "+12025550100"),
    (HANDLE, "@Mara_Ellison", "mara_ellison"),
    (HANDLE, "\uff20mara", "mara"),
    (URL, "HTTPS://WWW.Example.org:443/Mara/?utm_source=x&fbclid=1#top", "http://example.org/Mara"),
    (URL, "example.org./%7Emara", "https://example.org/~mara"),
    (URL, "https://bücher.example/ü", "xn--bcher-kva.example/%c3%bc"),
    (NAME, "Ellison,  Mara", "mara ellison"),
    (NAME, "Dr. Mara Ellison, PhD", "Mara Ellison"),
    (NAME, "Se\u00e1n O\u2019Brien", "SEÁN O'BRIEN"),
    (ACCOUNT, " u-7A ", "u-7A"),
]
APART = [
    (EMAIL, "m.ara@gmail.com", "mara@gmail.com"),
    (EMAIL, "mara+shop@example.org", "mara@example.org"),
    (PHONE, "+442079460958", "+442079460959"),
    (HANDLE, "mara.ellison", "mara_ellison"),
    (URL, "example.org/a%2Fb", "example.org/a/b"),
    (URL, "example.org/Mara", "example.org/mara"),
    (URL, "example.org/?id=1", "example.org/?id=2"),
    (URL, "m.example.org/mara", "example.org/mara"),
    (URL, "example.org:8443/x", "example.org/x"),
    (NAME, "Mara Ellison", "Ellison Mara"),
    (NAME, "Mara J. Ellison", "Mara Ellison"),
    (NAME, "मारा एलिसन", "मीरा एलिसन"),
    (ACCOUNT, "u-7A", "u-7a"),
]
HINTS = [
    (EMAIL, "m.ara+x@googlemail.com", "mara@gmail.com"),
    (EMAIL, "mara+shop@example.org", "mara@example.org"),
    (HANDLE, "mara.ellison", "Mara_Ellison"),
    (URL, "https://m.example.org/Mara?lang=de", "http://www.example.org/mara"),
    (NAME, "Ellison Mara", "Mara J. Ellison"),
    (NAME, "Zoë Müller-Lüdenscheidt", "Zoe Muller Ludenscheidt"),
]
NONE = [
    (EMAIL, "mara"),
    (EMAIL, "mara@localhost"),
    (EMAIL, "Mara <mara@example.org>"),
    (EMAIL, "a b@example.org"),
    (EMAIL, "\u00afa@example.org"),
    (PHONE, "020 7946 0958"),
    (PHONE, "call me"),
    (PHONE, "+1 2"),
    (HANDLE, "@"),
    (HANDLE, "..."),
    (HANDLE, "mara ellison"),
    (HANDLE, "example.org/mara"),
    (HANDLE, "m" * 65),
    (URL, "mara"),
    (URL, "javascript:alert(1)"),
    (URL, "mailto:mara@example.org"),
    (URL, "https://bank.example@evil.example/"),
    (URL, "https://example.org:99999/"),
    (URL, "https://[::1/"),
    (URL, "https://[::1]/"),
    (URL, "https://exa\u0378mple.org/"),
    (URL, "https://xn--\u00fc.example/"),
    (NAME, "Mara"),
    (NAME, "Mara E."),
    (NAME, "Dr. Mara"),
    (NAME, "Agent 47"),
    (NAME, "-- ''"),
    (NAME, "na " * (NAME_WORDS_MAX + 1)),
    (NAME, f"mara {'a' * 200}"),
    (ACCOUNT, "  "),
    (ACCOUNT, "u\x007"),
    (ACCOUNT, "u\ud800"),
    (ACCOUNT, "a" * (ACCOUNT_LETTERS_MAX + 1)),
    (ACCOUNT, "a" * (RAW_LETTERS_MAX + 1)),
]


def found(kind: IdentifierKind, raw: str) -> Canonical:
    """Return the spelling of something that must be an identifier."""
    spelling = canonical(Identifier(kind, raw))
    assert spelling is not None, f"{raw!r} is a {kind}"
    return spelling


@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_spellings_of_one_thing_match(kind: IdentifierKind, one: str, other: str) -> None:
    """Spellings that surely mean the same are compared as the same."""
    assert found(kind, one).exact == found(kind, other).exact


@pytest.mark.parametrize(("kind", "one", "other"), APART)
def test_what_may_be_two_things_stays_apart(kind: IdentifierKind, one: str, other: str) -> None:
    """Nothing that may be two people's is one exact spelling, above all not the dots of an address."""
    assert found(kind, one).exact != found(kind, other).exact


@pytest.mark.parametrize(("kind", "one", "other"), HINTS)
def test_looser_spellings_hint(kind: IdentifierKind, one: str, other: str) -> None:
    """What only probably means the same shares a loose spelling and no exact one."""
    assert set(found(kind, one).loose) & set(found(kind, other).loose)
    assert found(kind, one).exact != found(kind, other).exact


@pytest.mark.parametrize(("kind", "raw"), NONE)
def test_what_is_no_identifier_is_none(kind: IdentifierKind, raw: str) -> None:
    """A text that names nobody is None, never a key that half the world shares; a first name alone is none (L13)."""
    assert normalise(Identifier(kind, raw)) is None


def test_names_in_scripts_without_case_are_whole() -> None:
    """A name of two words of one letter each is a full name where letters have no case."""
    assert found(NAME, "王 伟").exact == "王 伟"


def test_a_region_completes_local_numbers_only() -> None:
    """The region completes a number written without a country and changes none that has one."""
    assert normalise(Identifier(PHONE, "020 7946 0958"), region="GB") == "+442079460958"
    assert normalise(Identifier(PHONE, "+1 202 555 0100"), region="GB") == "+12025550100"


def test_a_number_without_its_area_code_is_nobodys() -> None:
    """A number that only works locally is many people's and so identifies none."""
    assert normalise(Identifier(PHONE, "555-0100"), region="US") is None


# Letters that fold to other letters, to spaces or to signs that mean something, among letters of all kinds.
TRICKY = st.one_of(
    st.characters(), st.sampled_from("aA0@.+-_ ,:/%?&#=[]'\u2019\u0130\u00df\ufb00\u00bd\u00af\uff05\uff20\u0345")
)


@given(st.sampled_from(IdentifierKind), st.text(TRICKY, max_size=30), st.sampled_from([None, "GB", "US"]))
def test_any_text_is_either_an_identifier_or_none(kind: IdentifierKind, raw: str, region: str | None) -> None:
    """No text of whatever letters is an error, and an exact spelling stays itself when spelled again."""
    spelling = canonical(Identifier(kind, raw), region=region)
    if spelling is not None:
        assert spelling.exact.strip()
        assert canonical(Identifier(kind, spelling.exact), region=region) == spelling


@given(st.text(max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    """A folded text is folded; compatibility forms and case never come back."""
    assert fold(fold(text)) == fold(text)
    assert unicodedata.is_normalized("NFKC", fold(text))


def test_words_keep_their_vowel_signs() -> None:
    """Marks belong to words: an Indic name is not broken at its vowels."""
    assert words("मारा, एलिसन!") == ["मारा", "एलिसन"]
    assert words("it's a well-known_one", within="'-") == ["it's", "a", "well-known", "one"]
