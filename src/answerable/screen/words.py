"""Letters and words: one spelling for matching, and whether a text is in the language the patterns know.

Law: a text that the patterns cannot read is said to be not screened, never passed as clear (L10).
"""

# ruff: noqa: RUF001, SIM905  (an apostrophe is typeset in two ways; lists of words are read as text)

import re
from bisect import bisect_right
from dataclasses import dataclass

from answerable_gate.spelling import INVISIBLE, LETTERS

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
# where "no English word at all" begins to say something
_SILENT_WORDS = 4
_LONG_WORDS = 12
_ENGLISH_SHARE = 8  # one word in eight of a long text

ENGLISH = frozenset(
    """
    a about after again all also am an and any anyone are around as ask at away back be because been before being
    best better but by call came can can't come could day did didn't do does doesn't doing don't done down each else
    even ever every everything feel few find first for from get gets getting give go goes going good got had has
    hasn't have he hello help her here him his home how i i'd i'll i'm i've if in into is isn't it it's its just
    keep know last let like list little long look made make makes making many maybe me mean might more most much
    must my myself name need never new next no not nothing now of off old on once one only or other our out over own
    people person please put really right said same saw say says see she should show since so some someone something
    still stop such take tell than thank thanks that that's the their them then there these they thing things think
    this those though through time to today told too try two under until up us use used using very want wants was
    wasn't way we well went were what when where which while who whole why will with without won't word words work
    works would write year years yes you you're your explain example answer question create generate describe
    following between called used hi
    """.split()
)
# Words that are common in another language and no word of English; those that are both are left out.
_OTHERS = frozenset(
    """
    de la el los las que una por con para te voy quiero como pero esta mi tu yo ella lo muy es del ti sus
    le les des et est une il elle pas vous nous sur dans avec pour qui suis veux cette ses
    der das und ich nicht ist ein eine mit zu dich sie er wir auf dem werde bin mich mein dein
    di che sono gli della io voglio lui lei mio suo
    het een niet ik je van dat zijn haar hij ga jou
    um uma vou eu ele ela nao voce meu minha
    jag och det att inte ska dig jeg ikke og deg skal
    nie jest sie ciebie ja mam
    seni bir ve bu icin
    aku akan kamu dia yang
    """.split()
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text in one spelling, and the way back to the places of the original."""

    text: str
    _places: tuple[int, ...] = ()
    _dropped: tuple[int, ...] = ()

    def original(self, place: int) -> int:
        """Return where a place of the folded text lies in the original."""
        run = bisect_right(self._places, place)
        return place + (self._dropped[run - 1] if run else 0)


def fold(text: str) -> Folded:
    """Return a text without marks, widths, look-alikes and invisible letters; case is kept."""
    if text.isascii():
        return Folded(text)
    if not INVISIBLE.search(text):
        return Folded(text.translate(LETTERS))
    parts, places, dropped, end, lost = [], [], [], 0, 0
    for found in INVISIBLE.finditer(text):
        parts.append(text[end : found.start()])
        places.append(found.start() - lost)
        lost += len(found[0])
        dropped.append(lost)
        end = found.end()
    parts.append(text[end:])
    return Folded("".join(parts).translate(LETTERS), tuple(places), tuple(dropped))


def is_english(text: str) -> bool:
    """Return whether the patterns can read a text: a line of another language makes it one they cannot."""
    english = total = 0
    for line in text.splitlines():
        words = [word.casefold().replace("’", "'") for word in _WORD.findall(line)]
        known = sum(word in ENGLISH for word in words)
        if _is_other(words, known):
            return False
        english += known
        total += len(words)
    if total >= _LONG_WORDS:
        return english * _ENGLISH_SHARE >= total
    return total < _SILENT_WORDS or english > 0


def _is_other(words: list[str], known: int) -> bool:
    if sum(not _is_latin(word) for word in words) * 3 >= max(len(words), 1):
        return True
    # one word with a mark is a name or a loan as often as not
    marked = sum(not word.isascii() for word in words) if len(words) > 1 else 0
    return marked + sum(word in _OTHERS for word in words) > known


def _is_latin(word: str) -> bool:
    return all(letter.isascii() or ord(letter) in LETTERS for letter in word)
