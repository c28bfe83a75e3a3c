"""Identifiers of people and accounts, and the one spelling under which each is compared.

Law: two spellings match exactly only where they surely mean the same; anything looser is said to be looser.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote, urlsplit

import idna
import phonenumbers
from email_validator import EmailNotValidError, validate_email

RAW_LETTERS_MAX = 2048
HANDLE_LETTERS_MAX = 64
ACCOUNT_LETTERS_MAX = 256
NAME_LETTERS_MAX = 200
NAME_WORDS_MAX = 8
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_TRACKING = frozenset(
    {"fbclid", "gclid", "dclid", "msclkid", "igshid", "igsh", "mc_cid", "mc_eid", "ref_src", "ref_url"}
)
# A title and a first name are still a first name alone.
_TITLES = frozenset(
    {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "herr", "frau", "mme", "mlle", "phd", "md", "esq"}
)
_MOBILE = re.compile(r"^(m|mobile)\.")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?![0-9]+(/|$))")
_SPACES = re.compile(r"\s+")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
# What separates the words of a handle differs from site to site: mara.ellison, mara_ellison, mara-ellison.
_HANDLE_BREAK = re.compile(r"[._-]+")
# Typographic apostrophes and hyphens within names: O\u2019Brien is O'Brien.
_WITHIN_WORD = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-"})


class IdentifierKind(StrEnum):
    """What an identifier names, and so how it is compared."""

    EMAIL = "email"
    PHONE = "phone"
    HANDLE = "handle"
    URL = "url"
    NAME = "name"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One identifier as somebody wrote it."""

    kind: IdentifierKind
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Canonical:
    """The exact spelling of an identifier and the looser ones; a match on a looser one hints and never identifies."""

    exact: str
    loose: tuple[str, ...] = ()


def canonical(identifier: Identifier, *, region: str | None = None) -> Canonical | None:
    """Return how an identifier is compared, or None where the text is no such identifier.

    `region` (two letters, as GB) completes telephone numbers that were written without a country.
    """
    if len(identifier.raw) > RAW_LETTERS_MAX:
        return None
    text = _visible(identifier.raw)
    if not text:
        return None
    if identifier.kind is IdentifierKind.PHONE:
        return _phone(text, region)
    return _SPELLINGS[identifier.kind](text)


def normalise(identifier: Identifier, *, region: str | None = None) -> str | None:
    """Return the exact spelling of an identifier, or None where the text is no such identifier."""
    found = canonical(identifier, region=region)
    return None if found is None else found.exact


def fold(text: str) -> str:
    """Return a text without differences of width, composition and case."""
    # Twice NFKC: casefolding can leave a text that is no longer composed (UAX 15 and UAX 31).
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str, within: str = "") -> list[str]:
    """Return the words of a text: runs of letters, digits, marks and the signs in `within`."""
    # Not \w: it takes the vowel signs of Indic scripts for breaks between words.
    spaced = [letter if letter in within or unicodedata.category(letter)[0] in "LNM" else " " for letter in text]
    return "".join(spaced).split()


def _visible(raw: str) -> str:
    """Return the text without invisible letters, or nothing where it cannot be text at all."""
    if raw.isascii() and raw.isprintable():  # most are, and a flag that comes in is mostly this
        return raw.strip()
    # Cf: zero-width letters and direction marks tell two identifiers apart that look the same to a person.
    text = "".join(letter for letter in raw if unicodedata.category(letter) != "Cf").strip()
    is_text = all(unicodedata.category(letter) not in {"Cc", "Cs", "Cn"} for letter in text)
    return text if is_text else ""


def _email(text: str) -> Canonical | None:
    try:
        # No network, and reserved domains pass: what a warning names is compared, never written to from here.
        # Folded first: a letter may fold to a space or an @. The local part is case-sensitive by RFC 5321 and by no
        # provider we know of.
        parts = validate_email(fold(text), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return None
    # The ASCII form of a domain is its only one; the Unicode form has several.
    local, domain = parts.local_part, parts.ascii_domain
    plain = local.split("+", 1)[0] or local
    if domain in _GMAIL:
        plain, folded = plain.replace(".", "") or plain, "gmail.com"
    else:
        folded = domain
    return Canonical(exact=f"{local}@{domain}", loose=(f"{plain}@{folded}",))


def _phone(text: str, region: str | None) -> Canonical | None:
    # 00 is the international prefix of most of the world; without a region it cannot mean anything else.
    spelled = f"+{text[2:]}" if region is None and text.startswith("00") else text
    try:
        number = phonenumbers.parse(spelled, region)
    except phonenumbers.NumberParseException:
        return None
    # Possible, not valid: numbering plans change faster than the tables, and a refused number is a lost warning.
    # But not possible only locally: without its area code a number is many people's.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return Canonical(exact=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _handle(text: str) -> Canonical | None:
    handle = fold(text).removeprefix("@")
    if not handle or len(handle) > HANDLE_LETTERS_MAX or "/" in handle or _SPACES.search(handle):
        return None
    if not any(letter.isalnum() for letter in handle):
        return None
    return Canonical(exact=handle, loose=(_HANDLE_BREAK.sub("", handle),))


def _url(text: str) -> Canonical | None:
    try:
        parts = urlsplit(text if _SCHEME.match(text) else f"https://{text}")
        host, port = _ascii_host(parts.hostname or ""), parts.port
    except (ValueError, UnicodeError):
        return None
    scheme = parts.scheme.lower()
    # Before an @ in the host part stands a user name, the oldest trick to make a link look like another: not a profile.
    if scheme not in {"http", "https"} or not _HOST.fullmatch(host) or parts.username is not None:
        return None
    # People copy a profile link with and without https and www; both lead to the one page.
    bare = host.removeprefix("www.")
    place = bare if port in {None, 80, 443} else f"{bare}:{port}"
    path = _percent(parts.path).rstrip("/")
    query = "&".join(pair for pair in _percent(parts.query).split("&") if pair and not _is_tracking(pair))
    exact = f"{place}{path}" + (f"?{query}" if query else "")
    return Canonical(exact=exact, loose=(f"{_MOBILE.sub('', place)}{fold(unquote(path))}",))


def _ascii_host(host: str) -> str:
    spelled = host.rstrip(".")
    return spelled.lower() if spelled.isascii() else idna.encode(spelled, uts46=True).decode("ascii")


def _percent(text: str) -> str:
    """Return part of a URL with the one escaping of RFC 3986 section 6.2.2."""
    # Only what needs no escape is unescaped: a%2Fb and a/b are two pages.
    return _PERCENT.sub(_unescaped, quote(text, safe="%/?!$&'()*+,;=:@"))


def _unescaped(escape: re.Match[str]) -> str:
    letter = chr(int(escape[1], 16))
    return letter if _UNRESERVED.fullmatch(letter) else escape[0].upper()


def _is_tracking(pair: str) -> bool:
    key = pair.partition("=")[0]
    return key.lower() in _TRACKING or key.lower().startswith("utm_")


def _name(text: str) -> Canonical | None:
    family, comma, given = text.partition(",")
    # "Ellison, Mara": the comma says that the order is turned round.
    ordered = f"{given} {family}" if comma and given.strip() and "," not in given else text
    bare = [word.strip("'-") for word in words(fold(ordered.translate(_WITHIN_WORD)), within="'-")]
    named = [word for word in bare if word and word not in _TITLES]
    exact, whole = " ".join(named), [word for word in named if _is_whole(word)]
    # A first name alone, or one with an initial, identifies nobody (L13).
    if len(whole) < 2 or len(named) > NAME_WORDS_MAX or len(exact) > NAME_LETTERS_MAX:
        return None
    return Canonical(exact=exact, loose=(_orderless(whole),))


def _is_whole(word: str) -> bool:
    letters = [letter for letter in word if letter.isalpha()]
    # Scripts without case (Lo) write whole names in one letter; elsewhere one letter is an initial.
    return len(letters) >= 2 or any(unicodedata.category(letter) == "Lo" for letter in letters)


def _orderless(whole: list[str]) -> str:
    """Return the whole words of a name without accents, hyphens and order."""
    decomposed = unicodedata.normalize("NFKD", " ".join(whole))
    stripped = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(sorted(stripped.replace("'", "").replace("-", " ").split()))


def _account(text: str) -> Canonical | None:
    # The operator's own key: compared byte for byte, for user 7A and user 7a may be two people.
    spelled = unicodedata.normalize("NFC", text)
    return Canonical(exact=spelled) if len(spelled) <= ACCOUNT_LETTERS_MAX else None


_SPELLINGS: dict[IdentifierKind, Callable[[str], Canonical | None]] = {
    IdentifierKind.EMAIL: _email,
    IdentifierKind.HANDLE: _handle,
    IdentifierKind.URL: _url,
    IdentifierKind.NAME: _name,
    IdentifierKind.ACCOUNT: _account,
}
