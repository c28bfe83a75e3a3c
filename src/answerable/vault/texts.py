"""Sealed texts: every text under its own key, every key under that of its author in its case.

Law: destroying one AuthorKey erases what that author wrote in that case and nothing else; the proofs go on.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from answerable.edge import Mint
from answerable.errors import Corrupt, TooLarge
from answerable.vault.commitments import SALT_BYTES, commit, opens
from answerable.vault.keys import KEY_BYTES, Keyring

TEXT_BYTES_MAX = 16 << 20
_NONCE_BYTES = 12
_LENGTH_BYTES = 4
_PAD_BYTES = 64
_WRAPPED_V1 = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorKey:
    """The row whose destruction erases an author's texts in a case; a case may be `system` for what belongs to none."""

    case: str
    author: str
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedText:
    """One text as the store keeps it; only `token` and `commit` ever stand in a fact."""

    token: str
    case: str
    author: str
    slot: str
    wrapped_key: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A text with the salt that opens its commitment: what a receipt or a dossier hands over."""

    text: bytes = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A text whose author's key was destroyed: its commitment still stands, its words are gone."""

    token: str
    commit: str


def make_author_key(*, case: str, author: str, keyring: Keyring, mint: Mint) -> AuthorKey:
    """Return a fresh key for one author's texts in one case, wrapped under the key-encryption key."""
    wrapped = _wrap(keyring.kek, mint.secret(KEY_BYTES), _bound("author", case, author), mint)
    return AuthorKey(case=case, author=author, wrapped=wrapped)


def seal(text: bytes, *, author_key: AuthorKey, slot: str, keyring: Keyring, mint: Mint) -> SealedText:
    """Seal a text of at most 16 MiB for its author's slot (as notice, answer, name) and commit to it."""
    if len(text) > TEXT_BYTES_MAX:
        raise TooLarge(f"a text is at most {TEXT_BYTES_MAX} bytes")
    case, author, token = author_key.case, author_key.author, mint.token("text")
    bound = _bound("text", case, author, slot, token)
    outer = _unwrap(keyring.kek, author_key.wrapped, _bound("author", case, author))
    key, nonce, salt = mint.secret(KEY_BYTES), mint.secret(_NONCE_BYTES), mint.secret(SALT_BYTES)
    return SealedText(
        token=token,
        case=case,
        author=author,
        slot=slot,
        wrapped_key=_wrap(outer, key, bound, mint),
        nonce=nonce,
        ciphertext=AESGCM(key).encrypt(nonce, _pad(salt, text), bound),
        # To the text, not the ciphertext: AES-GCM does not bind to its key, so one ciphertext could open to two texts.
        commit=commit(salt, text),
    )


def unseal(sealed: SealedText, author_key: AuthorKey | None, keyring: Keyring) -> bytes | Erased:
    """Return the text, or Erased where its author's key is no more; raise Corrupt for a row that was changed."""
    opening = disclose(sealed, author_key, keyring)
    return opening if isinstance(opening, Erased) else opening.text


def disclose(sealed: SealedText, author_key: AuthorKey | None, keyring: Keyring) -> Opening | Erased:
    """Return the text with the salt of its commitment, or Erased; raise Corrupt for a row that was changed."""
    if author_key is None:
        return Erased(token=sealed.token, commit=sealed.commit)
    if (author_key.case, author_key.author) != (sealed.case, sealed.author):
        raise Corrupt(f"the key of another author was given for {sealed.token}")
    bound = _bound("text", sealed.case, sealed.author, sealed.slot, sealed.token)
    outer = _unwrap(keyring.kek, author_key.wrapped, _bound("author", sealed.case, sealed.author))
    key = _unwrap(outer, sealed.wrapped_key, bound)
    salt, text = _unpad(_decrypt(key, sealed.nonce, sealed.ciphertext, bound))
    if not opens(sealed.commit, salt=salt, text=text):
        raise Corrupt(f"the text {sealed.token} does not open its commitment")
    return Opening(text=text, salt=salt)


def _bound(*parts: str) -> bytes:
    """Return what a ciphertext is bound to, so that moving it to another row, slot or author makes it unreadable."""
    # Tokens hold no control character, so the line ends cannot be forged.
    assert all(part.isascii() and part.isprintable() for part in parts), "tokens are printable ASCII"
    return "\n".join(("answerable vault 1", *parts)).encode("ascii")


def _wrap(outer: bytes, key: bytes, bound: bytes, mint: Mint) -> bytes:
    nonce = mint.secret(_NONCE_BYTES)
    return _WRAPPED_V1 + nonce + AESGCM(outer).encrypt(nonce, key, bound)


def _unwrap(outer: bytes, wrapped: bytes, bound: bytes) -> bytes:
    if wrapped[:1] != _WRAPPED_V1:
        raise Corrupt("a wrapped key of an unknown version")
    return _decrypt(outer, wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :], bound)


def _decrypt(key: bytes, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound)
    except (InvalidTag, ValueError) as error:
        raise Corrupt("a sealed row was changed, or belongs to another keyring") from error


def _pad(salt: bytes, text: bytes) -> bytes:
    # Steps of 64 bytes: the length of a row must not tell a yes from a no, or one e-mail address from another.
    content = salt + len(text).to_bytes(_LENGTH_BYTES, "big") + text
    return content + bytes(-len(content) % _PAD_BYTES)


def _unpad(payload: bytes) -> tuple[bytes, bytes]:
    start = SALT_BYTES + _LENGTH_BYTES
    length = int.from_bytes(payload[SALT_BYTES:start], "big")
    return payload[:SALT_BYTES], payload[start : start + length]
