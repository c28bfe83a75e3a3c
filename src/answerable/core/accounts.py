"""What came to be known of accounts: facts of the subject stream about names, plans, links and what was served."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from answerable.core.words import CaseId, DeskAction, ItemId, LinkId, OfSubject, ProposalId, SubjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSeen(OfSubject):
    """An account came to be known here under a random token; `found` is false while only a notice speaks of it.

    `alias` commits to the one hash under which gates know the account, so that nobody takes it from them unseen.
    """

    commit: str
    found: bool
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementsFrozen(OfSubject):
    """What the account could use when its case opened; None is not known, and not frozen (L10)."""

    case: CaseId
    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRaiseRefused(OfSubject):
    """Somebody raised the plan of an account with an open case; the gate goes on with what was frozen (R1, F4)."""

    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpdeskRefused(OfSubject):
    """Support was about to do something for an account with a case, and was told to leave it to the case (R37)."""

    action: DeskAction


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsLinked(OfSubject):
    """Two accounts appear to be one person's; written to both streams. Nothing is merged."""

    other: SubjectId
    link: LinkId
    strong: bool
    identifiers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkConfirmed(OfSubject):
    """A person confirmed a link; from here on standing joins fully."""

    other: SubjectId
    link: LinkId


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWithdrawn(OfSubject):
    """A link was withdrawn through the interlock (L4); written to both streams.

    `lifts` are the items that came over it to the subject's side and no longer count there once this entry is sealed;
    no others ever leave by it. Where they are too many for one entry, further ones of the same act name the rest.
    """

    other: SubjectId
    link: LinkId
    proposal: ProposalId
    lifts: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureSealed(OfSubject):
    """A block of exchanges of this account was sealed; `root` is the Merkle root over their rows, as they arrived.

    `documents_not_known` and `mentions_not_known` are in how many of those served nobody could count these (L10); None
    in a block that was sealed before anybody counted.
    """

    root: str
    exchanges: int
    served: int
    looser: int
    tokens: int
    since: datetime
    until: datetime
    documents: int = 0
    documents_not_known: int | None = None
    mentions: int = 0
    mentions_not_known: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureGap(OfSubject):
    """Exchanges in this span may have been served without a record here (L18); how many, None where nobody knows."""

    since: datetime
    until: datetime
    reason: str
    exchanges: int | None = None
