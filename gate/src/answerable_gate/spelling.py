"""One spelling of a text for matching: letters that look alike become one, invisible ones go; case is kept.

Law: each letter is spelled by itself, so that a text that comes in pieces is spelled like the whole.
"""

# ruff: noqa: RUF001  (look-alike letters are the subject here)

from __future__ import annotations

import re
import unicodedata

_SPANS = ((0xA0, 0x250), (0x1E00, 0x1F00), (0x2000, 0x2070), (0xFF01, 0xFF5F), (0x1D400, 0x1D800))
# letters of other scripts that look like these; in a text of their own script the fold does no harm
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТХУаеорсухіјѕԁһΑΒΕΖΗΙΚΜΝΟΡΤΥΧοα‘’‚‛“”„«»‐‑‒–—″",
    'ABEKMHOPCTXYaeopcyxijsdhABEZHIKMNOPTYXoa\'\'\'\'"""""-----"',
)
# soft hyphens, combining marks, zero widths, direction marks, variation selectors, tags
INVISIBLE = re.compile(
    "[\u00ad\u0300-\u036f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]+"
)


def _letters() -> dict[int, int]:
    """Give the letters that have one plain letter under their marks, width or style."""
    found: dict[int, int] = {}
    for first, last in _SPANS:
        for code in range(first, last):
            plain = unicodedata.normalize("NFKD", chr(code))[:1]
            if plain.isascii() and plain != chr(code) and (plain.isalnum() or plain.isspace() or plain in "._@-+"):
                found[code] = ord(plain)
    return found | {code: letter for code, letter in _LOOKALIKES.items() if isinstance(letter, int)}


LETTERS = _letters()


def plain(text: str) -> str:
    """Spell a text."""
    return text if text.isascii() else INVISIBLE.sub("", text).translate(LETTERS)
