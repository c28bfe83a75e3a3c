"""Whose an account is: facts about parties, and about what tenants were asked of their end users."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from answerable.core.words import OfCase, OfSubject, SignalId, SubjectId

AskId = NewType("AskId", str)


class Party(StrEnum):
    """What stands behind an account's name: a consumer, an end user of a tenant, a tenant's key, or the tenant."""

    ACCOUNT = "account"
    END_USER = "end_user"
    API_KEY = "api_key"
    ORGANISATION = "organisation"
    UNKNOWN = "unknown"


class Named(StrEnum):
    """What a tenant answered: which end user it was, that nobody can tell, or that it has stopped by itself."""

    END_USER = "end_user"
    NOT_KNOWN = "not_known"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyKnown(OfSubject):
    """It came to be known what stands behind an account; `tenant` is the key or organisation that an end user is of."""

    party: Party
    tenant: SubjectId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAsked(OfCase):
    """A flag spoke of a tenant's traffic and of no end user: the tenant owes an answer who it was."""

    ask: AskId
    signal: SignalId


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantReceived(OfCase):
    """The tenant's administration has read that it is asked; no clock stops for it (L3)."""

    ask: AskId


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantAnswered(OfCase):
    """The tenant answered; `user` is the account that it named, which gets a case of its own."""

    ask: AskId
    answer: Named
    user: SubjectId | None


TenantFact = TenantAsked | TenantReceived | TenantAnswered
