"""Names under a shield: kept as keyed hashes, found in a text word by word, spaced out or in pieces.

Law: what the hashes are of only the text can tell, where it holds the name itself (L11).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Sequence

from answerable_gate.measures import Shield
from answerable_gate.spelling import plain

NAME_PREFIX = b"name\n"
HASH_BYTES = 16
WORDS_MAX = 8
GROUP_MAX = 400  # a word, or one that is spaced out: its letters and what stands between them
GAP_MAX = 16  # letters between two words of one name: blanks, marks, a line's end

_WORD = re.compile(r"[^\W_]+")
# Letters that are spaced out (M a r a, M.a.r.a) all by the same; else a word, with marks in it or none (Ma-ra).
_LETTER, _MARK = r"[^\W_](?![^\W_])", "[-._*~|+·•]"
_GROUP = re.compile(
    rf"{_LETTER}([\W_]{{1,5}}){_LETTER}(?:\1{_LETTER}){{1,62}}|[^\W_]+(?:{_MARK}{{1,3}}[^\W_]+){{0,7}}"
)
_MAY_GROW, _MAY_GROW_SPELLED = re.compile(_MARK + "{0,3}"), re.compile(r"[\W_]{0,5}")
_SPELLED_MIN = 3  # A.I. and e.g. are nobody
_SEALED = re.compile(rf"([1-{WORDS_MAX}]):([0-9a-f]{{{2 * HASH_BYTES}}})")
# An address, a handle or a number has one order only.
_FIXED = re.compile(r"[@/:+\d]")
_KNOWN_MAX = 10_000


def seal_name(key: bytes, name: str) -> tuple[str, ...]:
    """Give the terms of a shield that find a name: as it is written, first and last, family name first, in one word.

    A term is its number of words, a colon and 32 hex digits. A name without a word, or with too many, has none.
    """
    words = tuple(_WORD.findall(plain(name).casefold()))
    if not words or len(words) > WORDS_MAX:
        return ()
    ways = [words]
    if len(words) > 1 and not _FIXED.search(name):
        first, last = words[0], words[-1]
        ways += [(first, last), (last, first), (first + last,)]
    return tuple(dict.fromkeys(f"{len(way)}:{_hash(key, way).hex()}" for way in ways))


def is_sealed(term: str) -> bool:
    """Say whether a term of a shield is a keyed hash already, and no name in letters."""
    return _SEALED.fullmatch(term) is not None


class Names:
    """The names of some shields, ready to be looked for; terms in letters, as older records have them, are sealed."""

    def __init__(self, key: bytes, shields: Iterable[Shield]) -> None:
        """Take the key under which the terms were sealed."""
        self._key = key
        # By number of words, the shortest first: every word of a text is looked up in each.
        self._sealed: dict[int, set[bytes]] = {}
        for term in sorted(_terms(key, shields)):
            self._sealed.setdefault(int(term[0]), set()).add(bytes.fromhex(term[2:]))
        self._known: dict[tuple[str, ...], bool] = {}

    def __bool__(self) -> bool:
        return bool(self._sealed)

    @property
    def span(self) -> int:
        """Give how many words the longest may take: one may stand between the two of a first and last name."""
        return max((*self._sealed, 3) if 2 in self._sealed else self._sealed, default=0)

    def find(self, text: str) -> bool:
        """Say whether a whole text holds one of them."""
        window = Window(self)
        return window.push(text) or window.end()

    def ends(self, words: Sequence[str]) -> bool:
        """Say whether one of them ends with the last of these words."""
        size = len(words)
        for length in self._sealed:
            if size >= length and self._is_one(tuple(words[size - length :])):
                return True
        return 2 in self._sealed and size > 2 and self._is_one((words[-3], words[-1]))

    def _is_one(self, words: tuple[str, ...]) -> bool:
        known = self._known.get(words)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            known = self._known[words] = _hash(self._key, words) in self._sealed[len(words)]
        return known


class Window:
    """A text that comes in pieces; `taken` and `safe` count letters in their plain spelling.

    What lies before `safe` can be no part of a name any more, whatever comes.
    """

    __slots__ = ("_looked", "_names", "_tail", "safe", "taken")

    def __init__(self, names: Names) -> None:
        """Begin with no text."""
        self._names = names
        self._tail = ""
        self._looked = 0
        self.taken = self.safe = 0

    def push(self, text: str) -> bool:
        """Take in a piece; say whether a name stands complete in what came so far."""
        written = plain(text).casefold()
        self.taken += len(written)
        self._tail += written
        return self._look(is_last=False)

    def end(self) -> bool:
        """End the text, and with it its last word; say whether that made a name. Another text may follow."""
        is_named = self._look(is_last=True)
        self._tail, self._looked, self.safe = "", 0, self.taken
        return is_named

    def _look(self, *, is_last: bool) -> bool:
        groups = list(_GROUP.finditer(self._tail))
        settled = len(groups) if is_last else _settled(groups, self._tail)
        reading = _Reading(self._names)
        begins: list[int] = []
        before = 0
        for number, group in enumerate(groups[:settled]):
            is_long = len(group[0]) > GROUP_MAX
            if group.start() - before > GAP_MAX or is_long:
                reading, begins = _Reading(self._names), []
            before = group.end()
            begins += [] if is_long else [group.start()]
            if reading.read(group) and number >= self._looked:
                return True
        self._keep(begins, groups[settled].start() if settled < len(groups) else None, before)
        return False

    def _keep(self, begins: list[int], unsettled: int | None, before: int) -> None:
        """Forget what can be no part of a name any more: all but the last words, and the one that still grows."""
        size, span = len(self._tail), self._names.span
        ends = size if unsettled is None else unsettled
        is_apart = ends - before > GAP_MAX
        kept = [] if is_apart or span < 2 else begins[1 - span :]
        self._looked = len(kept)
        place = kept[0] if kept else ends
        self._tail = self._tail[place:]
        self.safe = self.taken - len(self._tail)


class _Reading:
    """A text read twice, word by word and with each spaced-out word as one."""

    __slots__ = ("_joined", "_names", "_since", "_words")

    def __init__(self, names: Names) -> None:
        self._names = names
        self._words: list[str] = []
        self._joined: list[str] = []
        self._since = WORDS_MAX

    def read(self, group: re.Match[str]) -> bool:
        """Read on; say whether a name ends here."""
        text = group[0]
        self._since += 1
        if text.isalnum():
            self._words.append(text)
            self._joined.append(text)
            return self._names.ends(self._words) or (self._since < WORDS_MAX and self._names.ends(self._joined))
        parts, is_named = _WORD.findall(text), False
        for part in parts:
            self._words.append(part)
            is_named = is_named or self._names.ends(self._words)
        whole, self._since = "".join(parts), 0
        self._joined.append(whole if len(whole) >= _SPELLED_MIN else text)
        # A word of one letter may stand before or behind one that is spaced out, as if it were of it.
        others = (whole[1:], whole[:-1]) if group[1] and len(whole) > _SPELLED_MIN else ()
        return is_named or self._names.ends(self._joined) or any(self._names.ends((one,)) for one in others)


def _settled(groups: Sequence[re.Match[str]], text: str) -> int:
    """Count the groups that stay as they are, whatever comes: not the last one, nor single letters before it."""
    count = len(groups)
    if not count:
        return 0
    last = groups[-1][0]
    grows = _MAY_GROW_SPELLED if not last[-2:-1].isalnum() else _MAY_GROW
    if grows.fullmatch(text, groups[-1].end()) is None:
        return count
    while count and len(groups) - count < _SPELLED_MIN and (count == len(groups) or len(groups[count - 1][0]) == 1):
        count -= 1
    return count if len(text) - groups[count].start() <= GROUP_MAX else len(groups)


def _terms(key: bytes, shields: Iterable[Shield]) -> Iterator[str]:
    for shield in shields:
        for term in shield.terms:
            yield from (term,) if is_sealed(term) else seal_name(key, term)


def _hash(key: bytes, words: Sequence[str]) -> bytes:
    written = NAME_PREFIX + " ".join(words).encode("utf-8", "surrogatepass")
    return hmac.digest(key, written, "sha256")[:HASH_BYTES]
