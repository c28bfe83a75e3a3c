"""Real persons in a text: every identifier it holds, and whether it names a person somebody warned about.

Law: an e-mail address, telephone number, handle, link or full name identifies; a first name alone never does (L13, E2).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from answerable.screen.words import ENGLISH, Folded, fold
from answerable.vault.identifiers import Identifier, IdentifierKind, normalise

MENTIONS_MAX = 1000  # per text: a text with more is not screened whole
_NUMBER_DIGITS = 8  # fewer could be any number

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_URL = re.compile(
    r"(?<![\w@.-])(?:https?://)?(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,12}/[\w./~%@?=&+-]{1,200}", re.IGNORECASE
)
_HANDLE = re.compile(r"(?<![\w@./])@[\w](?:[\w.-]{0,30}\w)?")
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\(?\d(?:[ ()./-]{0,2}\d){6,15}(?!\w)")
_NAME = re.compile(r"\b[^\W\d_a-z][\w'-]{1,20}(?:\s[^\W\d_a-z][\w'-]{0,20}\.?){0,2}\s[^\W\d_a-z][\w'-]{1,20}\b")
_EXACT = (
    (IdentifierKind.EMAIL, _EMAIL),
    (IdentifierKind.URL, _URL),
    (IdentifierKind.HANDLE, _HANDLE),
    (IdentifierKind.PHONE, _PHONE),
)
_SCHEME = re.compile(r"^https?://(?:www\.)?", re.IGNORECASE)
_TOKEN_LETTERS = 3  # shorter first names stand inside too many words


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One identifier and where it stands."""

    kind: IdentifierKind
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """What a notice gave to tell one person by."""

    person: str
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A text names a person; by name only, or by something that no character of a story has."""

    person: str
    by_name: bool


def mentions(text: str) -> tuple[Mention, ...]:
    """Return the identifiers of persons in a text, in order, at most a thousand."""
    found = islice(_mentions(fold(text), (*_EXACT, (IdentifierKind.NAME, _NAME))), MENTIONS_MAX)
    return tuple(sorted(found, key=lambda mention: (mention.start, mention.end)))


def _mentions(text: Folded, patterns: Sequence[tuple[IdentifierKind, re.Pattern[str]]]) -> Iterator[Mention]:
    for kind, pattern in patterns:
        for found in pattern.finditer(text.text):
            if kind is IdentifierKind.NAME and not _is_name(found[0]):
                continue
            start, end = text.original(found.start()), text.original(found.end())
            yield Mention(kind=kind, text=found[0], start=start, end=end)


def _is_name(text: str) -> bool:
    """Return whether two words at least are none of everyday English: "What Could" names nobody."""
    return sum(word.casefold() not in ENGLISH for word in text.split()) >= 2


class Known:
    """The persons that are looked for, ready to be matched against many texts."""

    def __init__(self, persons: Sequence[Aliases]) -> None:
        """Take what the notices gave; identifiers that cannot be read, and single names, match nothing."""
        self._exact: dict[tuple[IdentifierKind, str], set[str]] = {}
        self._phones: dict[str, set[str]] = {}
        self._names: list[tuple[str, re.Pattern[str]]] = []
        self._tokens: dict[str, frozenset[str]] = {}
        for aliases in persons:
            for identifier in aliases.identifiers:
                self._learn(aliases.person, identifier)
        words = sorted(
            word for word in frozenset[str]().union(*self._tokens.values()) - ENGLISH if len(word) >= _TOKEN_LETTERS
        )
        self._any_token = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE) if words else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing that identifies anybody was given."""
        return not (self._exact or self._phones or self._names)

    def find(self, text: str) -> tuple[tuple[Match, ...], bool]:
        """Return the persons that a text names, and whether all of it was looked at."""
        folded = fold(text)
        found = {person: True for person, pattern in self._names if pattern.search(folded.text)}
        listed = list(islice(_mentions(folded, _EXACT), MENTIONS_MAX)) if self._exact or self._phones else []
        for mention in listed:
            found.update(dict.fromkeys(self._whose(mention), False))
        matches = tuple(Match(person=person, by_name=by_name) for person, by_name in sorted(found.items()))
        return matches, len(listed) < MENTIONS_MAX

    def spell(self, text: str) -> str:
        """Return the text with the names that are looked for in capitals, as "i will kill mara" names somebody."""
        if self._any_token is None:
            return text
        return self._any_token.sub(lambda found: found[0][0].upper() + found[0][1:], text)

    def is_somebody_else(self, target: str, person: str) -> bool:
        """Return whether the one an act names, by name or by an address, is not this person."""
        words = set(re.findall(r"[\w]+", fold(target).text.casefold()))
        if not words.isdisjoint(self._tokens.get(person, frozenset())):
            return False
        addresses = list(_mentions(fold(target), _EXACT))
        is_address = any(person in self._whose(one) for one in addresses)
        return (target[:1].isupper() or bool(addresses)) and not is_address

    def _learn(self, person: str, identifier: Identifier) -> None:
        spelled = normalise(identifier)
        if identifier.kind is IdentifierKind.NAME and spelled is not None:
            words = fold(spelled).text.split()
            self._names.append((person, _name_pattern(words)))
            self._tokens[person] = self._tokens.get(person, frozenset()) | frozenset(words)
        elif identifier.kind is IdentifierKind.PHONE:
            # a number given without its country still has digits to compare
            digits = "".join(filter(str.isdigit, spelled or identifier.raw)).lstrip("0")
            if len(digits) >= _NUMBER_DIGITS:
                self._phones.setdefault(digits, set()).add(person)
        elif identifier.kind is not IdentifierKind.ACCOUNT and spelled is not None:
            self._exact.setdefault((identifier.kind, _SCHEME.sub("", spelled)), set()).add(person)

    def _whose(self, mention: Mention) -> set[str]:
        if mention.kind is IdentifierKind.PHONE:
            return self._whose_number(mention.text)
        spelled = normalise(Identifier(mention.kind, mention.text))
        found = self._exact.get((mention.kind, _SCHEME.sub("", spelled or "")), set())
        if mention.kind is IdentifierKind.URL:
            # a profile's address ends in the handle
            handle = mention.text.rstrip("/").rpartition("/")[2].removeprefix("@").casefold()
            return found | self._exact.get((IdentifierKind.HANDLE, handle), set())
        return found

    def _whose_number(self, text: str) -> set[str]:
        digits = "".join(filter(str.isdigit, text)).lstrip("0")
        if len(digits) < _NUMBER_DIGITS:
            return set()
        pairs = ((known, persons) for known, persons in self._phones.items())
        return {person for known, persons in pairs if _is_same(digits, known) for person in persons}


def _is_same(one: str, other: str) -> bool:
    """Return whether two numbers agree as far as both were written; one may lack its country."""
    return one.endswith(other) or other.endswith(one)


def _name_pattern(words: list[str]) -> re.Pattern[str]:
    """Return the pattern of a full name: in order with at most one word between, or family name first with a comma."""
    between = r"[\s-]{1,3}(?:[\w'-]{1,20}\.?\s{1,3})?"
    first, last = re.escape(words[0]), re.escape(words[-1])
    told = rf"\b{between.join(map(re.escape, words))}\b|\b{first}{between}{last}\b|\b{last},\s{{0,3}}{first}\b"
    if all(word in ENGLISH for word in words):
        # "Will Long" in small letters is two words of a sentence
        capitals = re.sub(r"\b([a-z])(?=\w)", lambda letter: letter[1].upper(), " ".join(words)).split()
        told = rf"\b{between.join(map(re.escape, capitals))}\b"
        return re.compile(told)
    return re.compile(told, re.IGNORECASE)
