"""Identifying: from what people and machines write down to tokens; a name alone never picks an account (L10, L13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable.app.acts import Act
from answerable.core import identities, links, parties
from answerable.core.facts import Party, PersonId, StaffId, SubjectId
from answerable.errors import BadInput
from answerable.ports.directory import Directory, OneAccount
from answerable.store.protocol import Alias, Tx
from answerable.vault.identifiers import Identifier, IdentifierKind, canonical
from answerable.vault.index import blind
from answerable.vault.keys import Keyring
from answerable_gate import alias as gate_alias

SUBJECT = "subject"
PERSON = "person"
ACCOUNT_TEXT = "account_of"
TENANT = "tenant"
ACCOUNT_LEARNT = "account_learnt"
TOLD = "gate-alias:"
_TOLD_ALIAS = re.compile(r"gate-alias:[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blind:
    """An identifier as a keyed hash."""

    kind: IdentifierKind
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Turns identifiers into keyed hashes, and those into tokens."""

    keyring: Keyring
    region: str | None = None

    def blinds(self, identifiers: Sequence[Identifier], *, names_within: str | None = None) -> list[Blind]:
        """Return the hashes of identifiers that are well formed; names only within one subject's files.

        Two people of one name are two people: a name identifies nobody except beside an account (L13).
        """
        found = []
        for identifier in identifiers:
            spelled = canonical(identifier, region=self.region)
            if spelled is None or (identifier.kind is IdentifierKind.NAME and names_within is None):
                continue
            within = f"{names_within}\n" if identifier.kind is IdentifierKind.NAME else ""
            found.append(Blind(kind=identifier.kind, key=blind(identifier.kind, within + spelled.exact, self.keyring)))
        return found

    def tokens(self, tx: Tx, space: str, blinds: Sequence[Blind]) -> list[str]:
        """Return the tokens of a space that carry any of these, each once, in order of the identifiers."""
        found = [alias.token for one in blinds for alias in tx.find_alias(space, one.key)]
        return list(dict.fromkeys(found))

    def subject(self, tx: Tx, identifiers: Sequence[Identifier]) -> SubjectId | None:
        """Return the one subject that these identifiers name, or None where none or several do.

        An account is named by its own name or by an identifier the operator verified. What a notice said beside an
        account is a claim: who writes his own address into a notice about somebody else must not become that one (L13).
        """
        hits = [alias for one in self.blinds(identifiers) for alias in tx.find_alias(SUBJECT, one.key)]
        proven = {hit.token for hit in hits if hit.kind == IdentifierKind.ACCOUNT or hit.verified_at is not None}
        return SubjectId(proven.pop()) if len(proven) == 1 else self.spoken_of(tx, identifiers)

    def spoken_of(self, tx: Tx, identifiers: Sequence[Identifier]) -> SubjectId | None:
        """Return a subject that notices gave these identifiers and nobody has an account for yet."""
        tokens = self.tokens(tx, SUBJECT, self.blinds(identifiers))
        return next((SubjectId(one) for one in tokens if tx.remembered(ACCOUNT_TEXT, one) is None), None)

    def conversation(self, conversation: str | None) -> str | None:
        """Return the token of a conversation: a keyed hash, for the operator's own id may say whose it is."""
        if conversation is None:
            return None
        return blind(IdentifierKind.HANDLE, f"conversation\n{conversation}", self.keyring)

    def span(self, subject: SubjectId, conversation: str, message: str, start: int) -> str:
        """Return the token of a place in a message: the same at every reading, and telling nothing of whose it is."""
        return blind(IdentifierKind.HANDLE, f"span\n{subject}\n{conversation}\n{message}\n{start}", self.keyring)


def account_of(directory: Directory | None, identifiers: Sequence[Identifier]) -> str | None:
    """Ask the operator's directory, outside any transaction, whose account these identifiers belong to."""
    given = [one.raw for one in identifiers if one.kind is IdentifierKind.ACCOUNT]
    if given:
        return given[0]
    found = directory.resolve(identifiers) if directory is not None and identifiers else None
    return found.account if isinstance(found, OneAccount) else None


def find_subject(
    tx: Tx, index: Index, account: str | None, identifiers: Sequence[Identifier]
) -> tuple[SubjectId | None, bool]:
    """Return the subject already known for an account or its identifiers, and whether it lacks the account's name."""
    if account is None:
        return index.subject(tx, identifiers), False
    # A subject that has an account already is another one's, whatever address a notice wrote beside it.
    known = index.subject(tx, [Identifier(IdentifierKind.ACCOUNT, account)])
    if known:
        return known, False
    # What a model vendor told of under the alias that the gateway gave it, before the account itself was seen.
    told = [Identifier(IdentifierKind.ACCOUNT, TOLD + told_name(index.keyring.gate, account))]
    return index.subject(tx, told) or index.spoken_of(tx, identifiers), True


def enter_subject(
    act: Act, index: Index, subject: SubjectId, account: str | None, identifiers: Sequence[Identifier]
) -> None:
    """Record a subject on first sight with every exact identifier, and the hash under which gates will know it."""
    named = [Identifier(IdentifierKind.ACCOUNT, account)] if account is not None else []
    # Of several accounts that a notice names, only the one it is bound to bears its name.
    blinds = index.blinds([*named, *(one for one in identifiers if one.kind is not IdentifierKind.ACCOUNT)])
    for one in blinds:
        act.tx.put_alias(SUBJECT, Alias(blind=one.key, kind=one.kind, token=subject, verified_at=None))
    known = act.journal.files.subject(subject)
    if known.seq and (known.found or account is None):
        _learn(act, index, subject, account)
        return
    content = account if account is not None else "\n".join(one.raw for one in identifiers)
    token, commit = act.seal(content, subject=subject, author=subject, slot="account")
    if account is None:
        identities.see(act.journal, subject, commit=commit, found=False)
        return
    alias = told_name(act.keyring.gate, account)
    (told,) = index.blinds([Identifier(IdentifierKind.ACCOUNT, TOLD + alias)])
    act.tx.put_alias(SUBJECT, Alias(blind=told.key, kind=told.kind, token=subject, verified_at=None))
    identities.see(act.journal, subject, commit=commit, found=True, alias=alias_commit(subject, alias))
    act.tx.remember(ACCOUNT_TEXT, subject, token.encode())
    act.tx.gate_aliases(subject, (alias,))
    place(act, index, subject, account)


def place(act: Act, index: Index, subject: SubjectId, account: str, party: Party = Party.UNKNOWN) -> None:
    """Record what stands behind an account: what was said of it, or that it is named below a known tenant."""
    if party in (Party.API_KEY, Party.ORGANISATION):
        if act.journal.files.subject(subject).party is Party.UNKNOWN:
            act.tx.remember(TENANT, subject, party.value.encode())
        parties.know(act.journal, subject, party, None)
        return
    tenant = find_tenant(act.tx, index, account.partition("/")[0]) if "/" in account else None
    if tenant is None and party is Party.END_USER:
        raise BadInput("no tenant of this name is known", hint="name an end user as TENANT/USER, the tenant first")
    parties.know(act.journal, subject, party if tenant is None else Party.END_USER, tenant)


def find_tenant(tx: Tx, index: Index, account: str) -> SubjectId | None:
    """Return the key or organisation of this name; None where no such was ever reported."""
    blinds = index.blinds([Identifier(IdentifierKind.ACCOUNT, account)])
    tokens = index.tokens(tx, SUBJECT, blinds)
    return next((SubjectId(one) for one in tokens if tx.remembered(TENANT, one) is not None), None)


def _learn(act: Act, index: Index, subject: SubjectId, account: str | None) -> None:
    """Keep the name of an account that only the alias was known of which a gateway tells models, and whose it is."""
    known = _kept(act, ACCOUNT_TEXT, subject)
    if account is None or known is None or _TOLD_ALIAS.fullmatch(known) is None:
        return
    if known == TOLD + told_name(act.keyring.gate, account) and act.tx.remembered(ACCOUNT_LEARNT, subject) is None:
        token = act.keep(account, subject=subject, author=subject, slot="account")
        act.tx.remember(ACCOUNT_LEARNT, subject, token.encode())
        place(act, index, subject, account)


def told_alias(identifier: str) -> str | None:
    """Return the account's name for an alias that the gateway tells models, None where this is no alias."""
    name = TOLD + identifier
    return name if _TOLD_ALIAS.fullmatch(name) else None


def told_name(gate_key: bytes, account: str) -> str:
    """Return the hash under which gates know an account; of one that is known by this alone, itself."""
    is_told = _TOLD_ALIAS.fullmatch(account) is not None
    return account.removeprefix(TOLD) if is_told else gate_alias(gate_key, account).hex()


def alias_commit(subject: SubjectId, alias: str) -> str:
    """Return what the record holds of the alias under which gates know a subject.

    An alias has 128 bits under the gates' key, so its hash tells a reader of the record nothing.
    """
    return hashlib.sha256(f"answerable alias 1\n{subject}\n{alias}".encode()).hexdigest()


def account_text(act: Act, subject: SubjectId) -> str | None:
    """Return the account's own name, for the ports and nobody else."""
    known, learnt = _kept(act, ACCOUNT_TEXT, subject), _kept(act, ACCOUNT_LEARNT, subject)
    # A name that was learnt later stands in no fact; the alias that does is its proof.
    is_proven = learnt is not None and known == TOLD + told_name(act.keyring.gate, learnt)
    return learnt if is_proven else known


def _kept(act: Act, space: str, subject: SubjectId) -> str | None:
    token = act.tx.remembered(space, subject)
    opened = act.open(token.decode()) if token is not None else None
    return opened.decode("utf-8", "surrogatepass") if opened is not None else None


def person(act: Act, index: Index, identifiers: Sequence[Identifier], *, within: SubjectId) -> PersonId | None:
    """Return the token of a protected person or reporter, minted on first sight; None where nothing identifies one."""
    blinds = index.blinds(identifiers, names_within=within)
    if not blinds:
        return None
    tokens = index.tokens(act.tx, PERSON, blinds)
    token = tokens[0] if tokens else act.mint.token("person")
    for one in blinds:
        act.tx.put_alias(PERSON, Alias(blind=one.key, kind=one.kind, token=token, verified_at=None))
    return PersonId(token)


def matches(act: Act, blinds: Sequence[Blind], verified_at: datetime | None) -> dict[SubjectId, list[links.Match]]:
    """Return, by subject, which identifiers are shared with it and whether each may link (DESIGN section 5)."""
    found: dict[SubjectId, list[links.Match]] = {}
    for one in blinds:
        if one.kind is IdentifierKind.ACCOUNT:
            continue
        protected = _is_protected(act, one.key)
        for alias in act.tx.find_alias(SUBJECT, one.key):
            times = [at for at in (alias.verified_at, verified_at) if at is not None]
            # Both ends must have been verified: a link is as old as its older proof.
            verified = min(times) if len(times) == 2 else None
            match = links.Match(kind=one.kind.value, verified_at=verified, is_protected=protected)
            found.setdefault(SubjectId(alias.token), []).append(match)
    return found


def shared_by(act: Act, accounts: Collection[SubjectId]) -> list[links.Shared]:
    """Return what each two of these accounts share, as it was when the later one of them was verified.

    What two of them shared strongly once ties them for ever, whether a link says so or others between them do.
    """
    found: dict[tuple[SubjectId, SubjectId], list[links.Match]] = {}
    for one in sorted(accounts):
        for own in act.tx.aliases_of(SUBJECT, one):
            if own.kind == IdentifierKind.ACCOUNT:
                continue
            protected = _is_protected(act, own.blind)
            for alias in act.tx.find_alias(SUBJECT, own.blind):
                other = SubjectId(alias.token)
                if one < other and other in accounts:
                    kind = IdentifierKind(own.kind).value
                    match = links.Match(kind=kind, verified_at=_met(act, own, alias), is_protected=protected)
                    found.setdefault((one, other), []).append(match)
    return [links.Shared(one=one, other=other, matches=tuple(match)) for (one, other), match in found.items()]


def _met(act: Act, one: Alias, other: Alias) -> datetime | None:
    """Return this moment where the two were verified within one span that links, so that it links still."""
    if one.verified_at is None or other.verified_at is None:
        return None
    return act.now if abs(one.verified_at - other.verified_at) <= links.VERIFIED_WITHIN else None


def _is_protected(act: Act, key: str) -> bool:
    return bool(act.tx.find_alias(PERSON, key))


def barred_staff(act: Act, blinds: Sequence[Blind]) -> tuple[StaffId, ...]:
    """Return the staff who match an identifier of subject or reporter (L6)."""
    keys = {one.key for one in blinds}
    staff = act.journal.roster.staff.items()
    return tuple(sorted(person for person, enrolled in staff if keys.intersection(enrolled.identifiers)))
