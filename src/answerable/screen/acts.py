"""Acts in what one person wrote: what he says that he does, will do, or wants done to somebody.

Law: conduct of the writer alone; what he reports of others is marked as theirs, and no frame deletes an act.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from answerable.ports.history import Speaker
from answerable.screen.patterns import (
    ACTS,
    FRAMES,
    REPORTED_BEFORE,
    REPORTED_BEHIND,
    REQUESTED,
    ActKind,
    Frame,
    written,
)
from answerable.screen.words import Folded, fold

SPAN_LETTERS_MAX = 300
ACTS_MAX = 200  # per pattern and text: a text with more is not screened whole
_CONTEXT = 120  # letters around an act in which it is looked for who said it
_QUOTE_LETTERS = 600

_ACTS = tuple(
    (kind, is_directed, frozenset(cues.split()), written(pattern)) for kind, is_directed, cues, pattern in ACTS
)
_CUE = re.compile(r"(?<![a-z])[a-z]{1,4}")
_FRAMES = tuple((frame, written(pattern)) for frame, pattern in FRAMES.items())
_REPORTED_BEFORE, _REPORTED_BEHIND, _REQUESTED = map(written, (REPORTED_BEFORE, REPORTED_BEHIND, REQUESTED))
# an apostrophe within a word does not end a quotation
_QUOTATION = re.compile(r"\"[^\"\n]{1,600}\"|(?<!\w)'(?:[^'\n]|'(?=\w)){1,600}'(?!\w)")
_SPEAKER = re.compile(
    r"\s{0,8}(?:>|(?!(?:I|Me|User|Human|Note|PS|Edit)\b)[A-Z][\w'-]{0,20}(?: [A-Z][\w'-]{0,20}){0,2}:)"
)
_PRONOUNS = frozenset({"her", "him", "them", "you", "she", "he", "they", "his", "their"})


class Voice(StrEnum):
    """Whose words an act stands in: the writer's own, a quotation nobody is named for, or somebody else's."""

    OWN = "own"
    QUOTED = "quoted"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act: where it stands (at most 300 letters), whose words it is, and whom it names as the one it is done to."""

    kind: ActKind
    start: int
    end: int
    voice: Voice
    is_directed: bool
    target: str


def acts(text: str, role: Speaker) -> tuple[Act, ...]:
    """Return the acts in a text of the subject, in order; a text of anybody else holds none of his."""
    return _find(fold(text)) if role is Speaker.USER else ()


def frames(text: str) -> frozenset[Frame]:
    """Return what else the text says that it is."""
    plain = fold(text).text
    return frozenset(frame for frame, pattern in _FRAMES if pattern.search(plain))


def is_saturated(found: tuple[Act, ...]) -> bool:
    """Return whether a text held more than was looked at, so that it cannot be called screened."""
    return len(found) >= ACTS_MAX


def _find(text: Folded) -> tuple[Act, ...]:
    found: dict[tuple[ActKind, int], Act] = {}
    said = frozenset(_CUE.findall(text.text.lower()))
    for kind, is_directed, cues, pattern in _ACTS:
        if cues.isdisjoint(said):
            continue
        for number, match in enumerate(pattern.finditer(text.text)):
            if number == ACTS_MAX:
                break
            act = _act(text, kind, is_directed, match)
            found.setdefault((kind, act.start), act)
    return tuple(sorted(found.values(), key=lambda act: (act.start, act.end, act.kind)))


def _act(text: Folded, kind: ActKind, is_directed: bool, match: re.Match[str]) -> Act:
    start, end = text.original(match.start()), text.original(match.end())
    named = match["who"] if "who" in match.re.groupindex else ""
    return Act(
        kind=kind,
        start=start,
        end=min(end, start + SPAN_LETTERS_MAX),
        voice=_voice(text.text, match.start(), match.end()),
        is_directed=is_directed,
        target="" if named.casefold() in _PRONOUNS else named,
    )


def _voice(text: str, start: int, end: int) -> Voice:
    line = text.rfind("\n", max(0, start - _QUOTE_LETTERS), start) + 1 or max(0, start - _QUOTE_LETTERS)
    quotation = next((quote for quote in _quotations(text, line, end) if quote[0] < end and start < quote[1]), None)
    begin, behind = quotation or (start, end)
    before = text[max(0, begin - _CONTEXT) : begin]
    if quotation is not None and _REQUESTED.search(before):
        return Voice.OWN  # whoever has a message written for him says what stands in it
    if _REPORTED_BEFORE.search(before) or _REPORTED_BEHIND.search(text[behind : behind + _CONTEXT]):
        return Voice.REPORTED
    return Voice.QUOTED if quotation is not None or _SPEAKER.match(text, line, end) else Voice.OWN


def _quotations(text: str, line: int, end: int) -> Iterator[tuple[int, int]]:
    for quote in _QUOTATION.finditer(text, line, end + _QUOTE_LETTERS):
        yield quote.span()
