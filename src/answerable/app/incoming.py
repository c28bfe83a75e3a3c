"""What comes in, as plain values: the shapes of a signal, a notice and an account before anything is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from answerable.core.facts import Hazard, Party, SignalKind
from answerable.vault.identifiers import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalIn:
    """A flag as a source sent it. `id` is the source's own and makes a second delivery harmless.

    `label` is kept verbatim; `score` is in [0, 1] or None; `evidence` is the text that it was raised on, of the
    account's own conversations and of nobody who reported it (L11); `also` is what else the source calls the account,
    should it not be known yet; `since` is when it was announced, where it could be read only later: its clocks run from
    then on (L3).
    """

    id: str
    source: str
    model: str
    version: str
    label: str
    hazard: Hazard
    user: str
    score: float | None = None
    conversation: str | None = None
    person: tuple[Identifier, ...] = ()
    evidence: str | None = None
    kind: SignalKind = SignalKind.FLAG
    at: datetime | None = None
    also: tuple[Identifier, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeIn:
    """A warning as a person gave it; every list may be empty, and what was given is kept sealed with the text."""

    id: str
    source: str
    text: str
    subject: tuple[Identifier, ...]
    person: tuple[Identifier, ...] = ()
    reporter: tuple[Identifier, ...] = ()
    reporter_is_person: bool = False
    hazard: Hazard = Hazard.OTHER
    danger_now: bool = False
    minor_at_risk: bool = False
    named_staff: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountIn:
    """A new or changed account from the operator's directory; `verified_at` says when its identifiers were verified."""

    account: str
    identifiers: tuple[Identifier, ...]
    verified_at: datetime | None = None
    party: Party = Party.UNKNOWN


class AccountState(StrEnum):
    """What the operator's own systems made of an account."""

    DISABLED = "disabled"
    DELETED = "deleted"
    ENABLED = "enabled"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateIn:
    """An account that the operator's own systems switched off or on; `label` is their word for the reason.

    `since` is as in `SignalIn`.
    """

    id: str
    source: str
    account: str
    state: AccountState
    hazard: Hazard = Hazard.OTHER
    label: str | None = None
    at: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The answer to whatever came in: its token here and its case; `again` where it had come before.

    `level` is what an account has to reckon with at the gates, for the operator who asks before it is created.
    """

    id: str
    case: str | None
    at: datetime
    again: bool = False
    level: str | None = None
