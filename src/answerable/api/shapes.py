"""The shapes of what comes in, as they stand on the wire; an unknown key is refused, for somebody relied on it."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from answerable.api.bodies import Invalid, moment
from answerable.app import (
    PLAN_BYTES_MAX,
    AccountIn,
    Exchange,
    Identifier,
    IdentifierKind,
    MeasureIn,
    NoticeIn,
    ProposalIn,
    SignalIn,
    plan_bytes,
)
from answerable.core.facts import EndState, Hazard, LinkId, LoweringKind, Outcome, Party, SubjectId, Tier
from answerable.core.journal import Plan
from answerable_gate import NOTHING, Level, Limit, Shield, Standing

Key = Annotated[str, Meta(min_length=1, max_length=200)]
Word = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,64}\Z")]
Vendor = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,22}\Z")]
"""With an operator's id of 40 and a colon it makes the 64 letters that the ledger gives to whoever acts."""
GateName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}\Z")]
Token = Annotated[str, Meta(pattern=r"^[a-z0-9_^-]{1,80}\Z")]
Account = Annotated[str, Meta(min_length=1, max_length=256)]
Label = Annotated[str, Meta(min_length=1, max_length=500)]
Score = Annotated[float, Meta(ge=0.0, le=1.0)]
Evidence = Annotated[str, Meta(max_length=20_000)]
Text = Annotated[str, Meta(min_length=1, max_length=20_000)]
Value = Annotated[str, Meta(min_length=1, max_length=2048)]
Names = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(max_length=200)]
Count = Annotated[int, Meta(ge=0, le=1 << 40)]
LevelNumber = Annotated[int, Meta(ge=0, le=5)]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{0,64}\Z")]

IDENTIFIERS_MAX = 100


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One document of the wire."""


class Given(Shape, frozen=True, kw_only=True):
    """An identifier as somebody wrote it."""

    kind: IdentifierKind
    value: Value


Identifiers = Annotated[tuple[Given, ...], Meta(max_length=IDENTIFIERS_MAX)]


def identifiers(given: Identifiers) -> tuple[Identifier, ...]:
    """Return identifiers as the application takes them."""
    return tuple(Identifier(one.kind, one.value) for one in given)


class SignalBody(Shape, frozen=True, kw_only=True):
    """A flag; without `source` it is the sender's own, with one it is that vendor's, forwarded."""

    user: Account
    model: Word
    version: Word
    label: Label
    hazard: Hazard
    id: Key | None = None
    source: Vendor | None = None
    score: Score | None = None
    conversation: Key | None = None
    person: Identifiers = ()
    evidence: Evidence | None = None
    at: str | None = None

    def taken_by(self, operator: str, key: str) -> SignalIn:
        """Return the flag as sent by an operator under an id."""
        return SignalIn(
            id=key,
            source=operator if self.source is None else f"{operator}:{self.source}",
            model=self.model,
            version=self.version,
            label=self.label,
            hazard=self.hazard,
            user=self.user,
            score=self.score,
            conversation=self.conversation,
            person=identifiers(self.person),
            evidence=self.evidence,
            at=moment(self.at) if self.at is not None else None,
        )


class NoticeBody(Shape, frozen=True, kw_only=True):
    """A warning by a person, passed on by an operator's form or desk."""

    text: Annotated[str, Meta(min_length=1)]
    id: Key | None = None
    subject: Identifiers = ()
    person: Identifiers = ()
    reporter: Identifiers = ()
    reporter_is_person: bool = False
    hazard: Hazard = Hazard.OTHER
    danger_now: bool = False
    minor_at_risk: bool = False
    named_staff: Annotated[tuple[Token, ...], Meta(max_length=50)] = ()
    at: str | None = None

    def taken_by(self, operator: str, key: str) -> NoticeIn:
        """Return the warning as passed on by an operator under an id."""
        return NoticeIn(
            id=key,
            source=operator,
            text=self.text,
            subject=identifiers(self.subject),
            person=identifiers(self.person),
            reporter=identifiers(self.reporter),
            reporter_is_person=self.reporter_is_person,
            hazard=self.hazard,
            danger_now=self.danger_now,
            minor_at_risk=self.minor_at_risk,
            named_staff=self.named_staff,
            at=moment(self.at) if self.at is not None else None,
        )


class AccountBody(Shape, frozen=True, kw_only=True):
    """A new or changed account; `verified_at` says when its identifiers were verified."""

    account: Account
    identifiers: Identifiers = ()
    verified_at: str | None = None
    party: Party = Party.UNKNOWN

    def taken(self) -> AccountIn:
        """Return the account as the application takes it."""
        given = identifiers(self.identifiers)
        verified_at = moment(self.verified_at) if self.verified_at is not None else None
        return AccountIn(account=self.account, identifiers=given, verified_at=verified_at, party=self.party)


class EntitlementBody(Shape, frozen=True, kw_only=True):
    """What an account is about to be allowed; None is not known."""

    account: Account
    models: Names | None = None
    tools: Names | None = None

    def plan(self) -> Plan:
        """Return the plan that is asked for."""
        plan = Plan(self.models, self.tools)
        if plan_bytes(plan) > PLAN_BYTES_MAX:
            raise Invalid(f"the names of a plan take at most {PLAN_BYTES_MAX} bytes")
        return plan


class ExchangeBody(Shape, frozen=True, kw_only=True):
    """One exchange as a gate saw it."""

    id: Key
    subject: Token
    at: str
    gate: GateName
    answer: Annotated[str, Meta(pattern=r"^(allow|limit|refuse)\Z")]
    level: LevelNumber
    standing: LevelNumber
    tokens: Count
    digest: Digest
    complete: bool
    conversation: Key | None = None
    model: Key | None = None
    documents: Count | None = None
    mentions: Count | None = None

    def taken(self) -> Exchange:
        """Return the row."""
        return Exchange(
            id=self.id,
            subject=SubjectId(self.subject),
            at=moment(self.at),
            gate=self.gate,
            conversation=self.conversation,
            model=self.model,
            answer=self.answer,
            level=self.level,
            standing=self.standing,
            tokens=self.tokens,
            digest=self.digest,
            complete=self.complete,
            documents=self.documents,
            mentions=self.mentions,
        )


class ConfirmationBody(Shape, frozen=True, kw_only=True):
    """A gate says that it holds these items."""

    gate: GateName
    subject: Token
    items: Annotated[tuple[Token, ...], Meta(max_length=1000)]


class DepartureBody(Shape, frozen=True, kw_only=True):
    """A gate says that it ends."""

    gate: GateName


class GapBody(Shape, frozen=True, kw_only=True):
    """A span in which a gate served a subject and could not keep what."""

    gate: GateName
    subject: Token
    since: str
    until: str
    exchanges: Count
    reason: Word


class Shielded(Shape, frozen=True, kw_only=True):
    """A shield for a protected person, by names that the subject himself used (L11)."""

    person: Token
    terms: Names = ()


class Measured(Shape, frozen=True, kw_only=True):
    """A level with its limits and shields."""

    level: Annotated[str, Meta(pattern=r"^(none|watch|guarded|paused|suspended|terminated)\Z")]
    limits: tuple[Limit, ...] = ()
    shields: Annotated[tuple[Shielded, ...], Meta(max_length=20)] = ()

    def standing(self) -> Standing:
        """Return it as standing."""
        shields = frozenset(Shield(one.person, one.terms) for one in self.shields)
        return Standing(Level.of(self.level), frozenset(self.limits), shields)


class ViewBody(Shape, frozen=True, kw_only=True):
    """Why a case is opened."""

    purpose: Annotated[str, Meta(min_length=1, max_length=200)]


class DecisionBody(Measured, frozen=True, kw_only=True):
    """A measure, with reasons."""

    reason: Text
    proportionality: Text
    scope: Word = "account"

    def wanted(self) -> MeasureIn:
        """Return the measure that is asked for."""
        there = self.standing()
        return MeasureIn(
            level=there.level, limits=there.limits, shields=there.shields, scope=self.scope, reason=self.reason,
            proportionality=self.proportionality,
        )


class ProposalBody(Shape, frozen=True, kw_only=True):
    """A lowering; only the field that its kind asks for is read."""

    kind: LoweringKind
    reason: Text
    to: Measured | None = None
    tier: Tier | None = None
    end: EndState | None = None
    link: Token | None = None
    evidence: Token | None = None
    waives: bool = False

    def wanted(self) -> ProposalIn:
        """Return the lowering that is proposed."""
        return ProposalIn(
            kind=self.kind,
            reason=self.reason,
            to=self.to.standing() if self.to else NOTHING,
            tier=self.tier,
            end=self.end,
            link=LinkId(self.link) if self.link else None,
            evidence=self.evidence,
            waives=self.waives,
        )


class SignatureBody(Shape, frozen=True, kw_only=True):
    """A signature under a proposal; `waives` records that a measure no human had set was wrong."""

    proposal: Token
    waives: bool = False


class OfProposal(Shape, frozen=True, kw_only=True):
    """Which proposal is meant."""

    proposal: Token


class AnswerBody(Shape, frozen=True, kw_only=True):
    """An answer in writing to a notice or to a flag: exactly one of the two."""

    outcome: Outcome
    text: Text
    notice: Token | None = None
    signal: Token | None = None


class ReplyBody(Shape, frozen=True, kw_only=True):
    """A message to a reporter that decides nothing."""

    notice: Token
    text: Text


class DissentBody(Shape, frozen=True, kw_only=True):
    """A disagreement in writing."""

    text: Text


class OverrideBody(Shape, frozen=True, kw_only=True):
    """A senior's answer to a dissent."""

    dissent: Token
    text: Text


class ActBody(Shape, frozen=True, kw_only=True):
    """What a reviewer found in a piece of evidence after opening it."""

    evidence: Token
    text: Text


class OfNotice(Shape, frozen=True, kw_only=True):
    """Which notice is meant."""

    notice: Token


class Nothing(Shape, frozen=True, kw_only=True):
    """Nothing more is to be said."""


class ClosureBody(Shape, frozen=True, kw_only=True):
    """How a mild case ended."""

    end: EndState
    reason: Text


class OfSubject(Shape, frozen=True, kw_only=True):
    """Whose link is meant."""

    subject: Token
