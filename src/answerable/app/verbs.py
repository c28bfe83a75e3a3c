"""The verbs of people who answer: lock the subject, let the core write, append; an expected refusal is returned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from answerable.app import (
    briefs,
    exposures,
    helpdesk,
    holding,
    identifying,
    looking_back,
    sealing,
    shielding,
    spans,
    vendors,
)
from answerable.app.acts import Act, Acts
from answerable.app.briefs import Brief
from answerable.app.files import CaseFile, read
from answerable.app.incoming import AccountIn, NoticeIn, SignalIn, StateIn, Taken
from answerable.app.intake import Asked, Intake
from answerable.app.linked import LinkRow, to_look_at
from answerable.app.ordering import Ordering
from answerable.config import WebhookTable
from answerable.core import decisions, identities, lowerings, notices, signals, views
from answerable.core.facts import (
    CaseId,
    EndState,
    ExposureGap,
    HoldId,
    ItemId,
    LinkId,
    LoweringKind,
    MeasureConfirmed,
    NoticeId,
    Outcome,
    ProposalId,
    Refused,
    SignalId,
    StaffId,
    SubjectId,
    TextRef,
    Tier,
)
from answerable.core.journal import Plan
from answerable.core.links import Shared
from answerable.core.parties import WIDER
from answerable.edge import rfc3339
from answerable.errors import BadInput, Busy, NewerVersion
from answerable.ports.signer import Signer
from answerable.screen.lookback import LookBack
from answerable.store.protocol import Checkpointed, Exchange
from answerable_gate import NOTHING, Level, Limit, Shield, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureIn:
    """The measure that a person asks for, with the reasons in that person's words."""

    level: Level
    limits: frozenset[Limit] = frozenset()
    shields: frozenset[Shield] = frozenset()
    scope: str = "account"
    reason: str
    proportionality: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalIn:
    """A lowering that a person proposes; only the field that its kind asks for is read."""

    kind: LoweringKind
    reason: str
    to: Standing = NOTHING
    tier: Tier | None = None
    end: EndState | None = None
    link: LinkId | None = None
    evidence: str | None = None
    waives: bool = False


class Answerable:
    """Everything that can be done to a record."""

    def __init__(self, acts: Acts, intake: Intake, signer: Signer) -> None:
        """Take the acts to write with, the intake, and whoever signs checkpoints."""
        self.acts = acts
        self.intake = intake
        self.signer = signer
        self.orders = Ordering(acts, intake)

    # --- what comes in

    def raise_signal(self, came: SignalIn, asked: Asked | None = None) -> Taken:
        """Bind a flag to its case."""
        return self.intake.signal(came, asked)

    def receive_notice(self, came: NoticeIn, asked: Asked | None = None) -> Taken:
        """Bind a warning to its case."""
        return self.intake.notice(came, asked)

    def report_state(self, came: StateIn, asked: Asked | None = None) -> Taken:
        """Take in that the operator's own systems switched an account off or on."""
        return self.intake.state(came, asked)

    def see_account(self, came: AccountIn) -> Taken:
        """Take in a new or changed account."""
        return self.intake.account(came)

    def raise_entitlement(self, account: str, plan: Plan, *, by: str) -> Refused | None:
        """Ask whether an account's plan may rise."""
        return self.intake.entitlement(account, plan, by=by)

    def announce_notice(self, came: vendors.Announced) -> bool:
        """Keep that a vendor announced a notice; return whether it was known."""
        return vendors.announce(self.acts, came)

    def whose(self, table: WebhookTable, identifier: str) -> vendors.Whose:
        """Ask the operator's systems whose account a vendor's identifier is; outside any transaction."""
        return vendors.whose(self.intake, table, identifier)

    def take_notice(self, table: WebhookTable, came: vendors.Reported, found: vendors.Whose) -> Taken:
        """Take what a vendor says of an account."""
        return vendors.take(self.intake, table, came, found)

    def find_for_desk(self, came: helpdesk.DeskIn) -> helpdesk.Found:
        """Ask the operator's directory whose account support speaks of; outside any transaction."""
        return helpdesk.find(self.intake.directory, came)

    def check_for_desk(self, came: helpdesk.DeskIn, found: helpdesk.Found) -> helpdesk.Checked:
        """Answer whether support may do something for an account."""
        return helpdesk.check(self.acts, self.intake.index, came, found)

    def record_exchanges(self, exchanges: Sequence[Exchange]) -> int:
        """Keep what gates saw; return how many rows were new."""
        return self.acts.store.put_exchanges(exchanges)

    # --- what people do

    def view_case(self, case: CaseId, *, staff: StaffId, purpose: str) -> CaseFile | Refused:
        """Open a case file: the fact comes first, the content only with it (L6)."""
        with self.acts.on_case(case, staff) as act:
            refused = views.view(act.journal, case, staff=staff, purpose=purpose)
            if refused is not None:
                return refused
            subject = act.journal.files.case(case).subject
            return read(act, case, self.acts.store.spans(subject, spans.SPANS_MAX))

    def decide(self, case: CaseId, wanted: MeasureIn, *, staff: StaffId) -> Refused | None:
        """Set a measure; its scope may reach the tenant whose end user the account is."""
        with self.acts.on_case(case, staff, widens=wanted.scope in WIDER) as act:
            shields = shielding.sealed(act, case, wanted.shields, staff)
            if isinstance(shields, Refused):
                return shields
            measure = decisions.Wanted(
                level=wanted.level,
                limits=wanted.limits,
                shields=shields,
                scope=wanted.scope,
                reason=_keep(act, case, staff, "reason", wanted.reason),
                proportionality=_keep(act, case, staff, "proportionality", wanted.proportionality),
            )
            return decisions.decide(act.journal, case, measure, staff=staff)

    def propose(self, case: CaseId, wanted: ProposalIn, *, staff: StaffId) -> ProposalId | Refused:
        """Propose a lowering; the system draws the second person."""
        with self.acts.on_case(case, staff) as act:
            to = shielding.resealed(act, case, wanted.to)
            if isinstance(to, Refused):
                return to
            reason = _keep(act, case, staff, "reason", wanted.reason)
            lowering = lowerings.Wanted(
                kind=wanted.kind,
                reason=reason,
                to=to,
                tier=wanted.tier,
                end=wanted.end,
                link=wanted.link,
                evidence=wanted.evidence,
            )
            return lowerings.propose(act.journal, case, lowering, staff=staff, waives=wanted.waives)

    def countersign(
        self, case: CaseId, proposal: ProposalId, *, staff: StaffId, waives: bool = False
    ) -> Refused | None:
        """Sign a proposal on the evidence of this moment."""
        with self.acts.on_case(case, staff) as act:
            return lowerings.sign(act.journal, case, proposal, staff=staff, waives=waives)

    def redraw(self, case: CaseId, proposal: ProposalId, *, staff: StaffId) -> StaffId | Refused:
        """Draw another second person."""
        with self.acts.on_case(case, staff) as act:
            return lowerings.redraw(act.journal, case, proposal, staff=staff)

    def lift(self, case: CaseId, proposal: ProposalId, *, staff: StaffId) -> Refused | None:
        """Carry a signed proposal out; it counts once its entry is inside a signed checkpoint."""
        with self.acts.on_case(case, staff) as act:
            shared = _shared(act, case, proposal)
            return lowerings.lift(act.journal, case, proposal, staff=staff, shared=shared)

    def close(self, case: CaseId, end: EndState, *, staff: StaffId, reason: str) -> Refused | None:
        """Close a mild case as one person."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "reason", reason)
            return lowerings.close(act.journal, case, end, staff=staff, reason=kept)

    def answer_notice(
        self, case: CaseId, notice: NoticeId, *, staff: StaffId, outcome: Outcome, text: str
    ) -> Refused | None:
        """Answer a notice in writing."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "answer", text)
            return notices.answer(act.journal, case, notice, staff=staff, outcome=outcome, text=kept)

    def answer_signal(
        self, case: CaseId, signal: SignalId, *, staff: StaffId, outcome: Outcome, text: str
    ) -> Refused | None:
        """Answer a flag in writing."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "answer", text)
            return signals.answer(act.journal, case, signal, staff=staff, outcome=outcome, text=kept)

    def reply(self, case: CaseId, notice: NoticeId, *, staff: StaffId, text: str) -> Refused | None:
        """Write to a reporter without deciding; no clock stops for it."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "reply", text)
            return notices.reply(act.journal, case, notice, staff=staff, text=kept)

    def withdraw_notice(self, case: CaseId, notice: NoticeId, *, by: str) -> Refused | None:
        """Record that a reporter took a notice back; no clock stops for it."""
        with self.acts.on_case(case, by) as act:
            return notices.withdraw(act.journal, case, notice)

    def confirm_notice(self, case: CaseId, notice: NoticeId, *, partner: StaffId) -> Refused | None:
        """Record that a verified partner confirmed a notice."""
        with self.acts.on_case(case, partner) as act:
            return notices.confirm(act.journal, case, notice, partner=partner)

    def record_act(self, case: CaseId, evidence: str, *, staff: StaffId, text: str) -> Refused | None:
        """Record, as a reviewer who opened it, that evidence holds the act."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "act", text)
            return signals.record_act(act.journal, case, evidence, staff=staff, text=kept)

    def uphold(self, case: CaseId, *, staff: StaffId) -> Refused | None:
        """Confirm that an account's data is to be kept, so that no hold of the case lapses (L14)."""
        with self.acts.on_case(case, staff) as act:
            return decisions.uphold(act.journal, case, staff=staff)

    def dissent(self, case: CaseId, *, staff: StaffId, text: str) -> str | Refused:
        """Disagree in writing."""
        with self.acts.on_case(case, staff) as act:
            return decisions.dissent(act.journal, case, staff=staff, text=_keep(act, case, staff, "dissent", text))

    def override(self, case: CaseId, dissent: str, *, staff: StaffId, text: str) -> Refused | None:
        """Override a dissent as a named senior."""
        with self.acts.on_case(case, staff) as act:
            kept = _keep(act, case, staff, "override", text)
            found = decisions.override(act.journal, case, dissent, staff=staff, text=kept)
            return found if isinstance(found, Refused) else None

    def confirm_link(self, subject: SubjectId, link: LinkId, *, staff: StaffId) -> Refused | None:
        """Confirm that two accounts are one person's."""
        with self.acts.open(staff, (subject,)) as act:
            return identities.confirm(act.journal, subject, link, staff=staff)

    def links_to_look_at(self, *, staff: StaffId, limit: int) -> list[LinkRow]:
        """Return the links that nobody has confirmed, the riskiest first."""
        return to_look_at(self.acts, staff=staff, limit=limit)

    # --- what machines do

    def confirm_measure(self, subject: SubjectId, items: Sequence[ItemId], *, gate: str) -> int:
        """Record that a gate holds these items; return how many it had not confirmed before (L9)."""
        with self.acts.open(f"gate:{gate}", (subject,)) as act:
            before = len(act.journal.written)
            for case in list(act.journal.files.subject(subject).cases.values()):
                for item in items:
                    if item in case.held and gate not in case.confirmed.get(item, ()):
                        act.journal.write(MeasureConfirmed(subject=subject, case=case.id, item=item, gate=gate))
            return len(act.journal.written) - before

    def record_gap(
        self, subject: SubjectId, *, since: datetime, until: datetime, reason: str, gate: str, exchanges: int
    ) -> int:
        """Record that exchanges in a span may have been served without a record here (L18); return how many facts."""
        with self.acts.open(f"gate:{gate}", (subject,)) as act:
            key = f"{subject} {rfc3339(since)} {rfc3339(until)} {reason}"
            if act.journal.files.subject(subject).seq == 0 or act.tx.remembered(f"gap:{gate}", key) is not None:
                return 0
            act.tx.remember(f"gap:{gate}", key, b"recorded")
            gap = ExposureGap(subject=subject, since=since, until=until, reason=reason, exchanges=exchanges)
            act.journal.write(gap)
            return 1

    def lose_gate(self, gate: str, *, since: datetime, until: datetime | None = None) -> None:
        """Record that a gate fell silent, and until when, where it is heard of again (L18)."""
        exposures.lose_gate(self.acts, gate, since=since, until=until)

    def lost_gates(self) -> set[str]:
        """Return the gates that are lost now."""
        return exposures.lost_gates(self.acts)

    def find_gate(self, gate: str, *, until: datetime) -> None:
        """Record that a gate that was lost is heard of again."""
        exposures.find_gate(self.acts, gate, until=until)

    def settle(self, *subjects: SubjectId) -> dict[SubjectId, Busy | NewerVersion]:
        """Write what time has brought for subjects; return those passed over, with the reason."""
        return self.acts.settle(subjects)

    def look_backs(self, limit: int) -> list[tuple[SubjectId, CaseId, NoticeId]]:
        """Return look-backs that have started and not ended, the oldest first."""
        return looking_back.asked(self.acts, limit)

    def prepare_look_back(self, subject: SubjectId, case: CaseId, notice: NoticeId) -> looking_back.Asked:
        """Open what a look-back needs: whose history, and by what the protected person may be told in it."""
        return looking_back.prepare(self.acts, subject, case, notice)

    def end_look_back(self, asked: looking_back.Asked, found: LookBack) -> Refused | None:
        """Record what a look-back gave; its hits become signals of the case."""
        return looking_back.end(self.acts, self.intake.index, asked, found)

    def hold_task(self, case: CaseId, hold: HoldId) -> holding.HoldTask:
        """Return a hold as it stands, for whoever orders it at the operator's stores."""
        return holding.read(self.acts, case, hold)

    def confirm_hold(self, case: CaseId, hold: HoldId, reference: str) -> None:
        """Record that the operator's stores keep what they were told to keep (L9)."""
        holding.confirm(self.acts, case, hold, reference)

    def brief(self, case: CaseId, notice: NoticeId, *, text: str | None = None) -> Brief | None:
        """Return what a reporter may be told of a notice; `text` is the token of the answer in words."""
        return briefs.read(self.acts, case, notice, text)

    def expire_spans(self) -> int:
        """Erase spans whose time is over and that no case asks for; return of how many accounts some were looked at."""
        return spans.expire(self.acts)

    def seal(self) -> Checkpointed | None:
        """Sign a checkpoint over everything recorded so far."""
        return sealing.seal(self.acts.store, self.signer)

    def seal_exposures(self) -> int:
        """Seal exchange rows into blocks; return how many."""
        return exposures.seal_blocks(self.acts)


def _shared(act: Act, case: CaseId, proposal: ProposalId) -> list[Shared]:
    """Return what the holder's accounts share where a link among them is to go: who else stays one is linked anew."""
    file = act.journal.files.case(case)
    found = file.proposals.get(proposal)
    if found is None or found.fact.kind is not LoweringKind.WITHDRAW_LINK:
        return []
    return identifying.shared_by(act, {account.id for account in act.journal.files.holder(file.subject)})


def _keep(act: Act, case: CaseId, staff: StaffId, slot: str, text: str) -> TextRef:
    """Keep what a person wrote; an answer or a reason of no words is none (L4, L5)."""
    if not any(letter.isalnum() for letter in text):
        raise BadInput(f"the {slot} has no words")
    return act.keep(text, subject=act.journal.files.case(case).subject, author=staff, slot=slot)
