"""The helpdesk's question, from what support was told to an answer: may this be done for that account (R37).

Law: whom nobody can find, or several are, is for a person to find out; it is never allowed (L10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from answerable.app.acts import Acts
from answerable.app.identifying import Index, find_tenant
from answerable.core import helpdesk
from answerable.core.facts import DeskAction, SubjectId
from answerable.ports.directory import Directory, OneAccount, SeveralAccounts
from answerable.store.protocol import Tx
from answerable.vault.identifiers import Identifier, IdentifierKind


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskIn:
    """What support is about to do, and for whom: the account's own name, what its user wrote from, or both."""

    source: str
    action: DeskAction
    account: str | None = None
    identifiers: tuple[Identifier, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The accounts that it may be for; `is_certain` where it is one, and the operator's directory says so too."""

    accounts: tuple[str, ...]
    is_certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The answer; `reference` is what support passes on to whoever answers for the case, and says nothing of it."""

    allowed: bool
    reference: str | None = None


def find(directory: Directory | None, came: DeskIn) -> Found:
    """Ask the operator's directory, outside any transaction, whose account it is.

    Where none is connected the account's own name is taken as it is; anything else needs a directory.
    """
    named = (came.account,) if came.account is not None else ()
    if directory is None:
        return Found(named, bool(named))
    own = [Identifier(IdentifierKind.ACCOUNT, name) for name in named]
    found = directory.resolve([*own, *came.identifiers])
    if isinstance(found, OneAccount):
        # A name that the directory knows otherwise is another account than the one that wrote.
        return Found(tuple(dict.fromkeys((*named, found.account))), not named or named == (found.account,))
    others = found.accounts if isinstance(found, SeveralAccounts) else ()
    return Found(tuple(dict.fromkeys((*named, *others))), False)


def check(acts: Acts, index: Index, came: DeskIn, found: Found) -> Checked:
    """Answer whether it may be done; a refusal on account of a case is kept."""
    with acts.store.act() as tx:
        subjects = _subjects(tx, index, came, found.accounts)
        tenants = _tenants(tx, index, subjects, found.accounts)
        if subjects or tenants:
            with acts.within(tx, came.source, (*subjects, *tenants)) as act:
                held = helpdesk.check(act.journal, subjects, came.action, tenants=tenants)
                if held is not None:
                    return Checked(allowed=False, reference=held)
    return Checked(allowed=found.is_certain)


def _subjects(tx: Tx, index: Index, came: DeskIn, accounts: Sequence[str]) -> list[SubjectId]:
    given = [[Identifier(IdentifierKind.ACCOUNT, name)] for name in accounts]
    known = [index.subject(tx, one) for one in (*given, list(came.identifiers)) if one]
    return sorted({one for one in known if one is not None})


def _tenants(tx: Tx, index: Index, subjects: Sequence[SubjectId], accounts: Sequence[str]) -> list[SubjectId]:
    """Return the tenants that the accounts are below, by what is known of them and by their names alone."""
    files = tx.files(subjects)
    above = [files.subject(one).tenant for one in subjects]
    named = [find_tenant(tx, index, one.partition("/")[0]) for one in accounts if "/" in one]
    return sorted({one for one in (*above, *named) if one is not None})
