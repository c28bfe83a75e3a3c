"""A small world for tests of the pure core: people, a policy, files, and tiny verbs that each are one act.

Law: every verb settles first, as the app does, and everything written is kept, so that a test can fold it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files as resources
from typing import Any, TypeVar

from answerable.core import decisions, identities, lapses, links, lowerings, notices, signals, standing, views
from answerable.core.cases import Case, Files
from answerable.core.facts import (
    UNKNOWN,
    ActId,
    ActorId,
    DeadlineKind,
    EndState,
    Fact,
    Hazard,
    LinkId,
    LookBackResult,
    LoweringKind,
    NoticeId,
    Outcome,
    PersonId,
    PolicyAdopted,
    ProposalId,
    Recorded,
    Refused,
    Role,
    SignalId,
    SignalKind,
    StaffEnrolled,
    StaffId,
    StaffLeft,
    SubjectId,
    TextRef,
    Tier,
)
from answerable.core.journal import Journal, Plan
from answerable.core.policy import Policy, load
from answerable.core.roster import Roster
from answerable.edge import Mint, SeededMint
from answerable_gate import Level, Limit, Standing

START = datetime(2031, 3, 3, 9, 0, tzinfo=UTC)
SUBJECT, SECOND = SubjectId("su_first"), SubjectId("su_second")
ALMA, BELA, HER = PersonId("pe_alma"), PersonId("pe_bela"), PersonId("pe_her")
TEXT = TextRef("tx_words")
RITA, RENE, ROSA, LEON = StaffId("rita"), StaffId("rene"), StaffId("rosa"), StaffId("leon")
EVA, PIA, CARL = StaffId("eva"), StaffId("pia"), StaffId("carl")
STAFFED = load((resources("answerable.blobs") / "policies/staffed.toml").read_text())

# Three reviewers beside each other, a lead and an executive above no one who signs, a partner, and sales.
PEOPLE = (
    (RITA, Role.REVIEWER, True),
    (RENE, Role.REVIEWER, False),
    (ROSA, Role.REVIEWER, False),
    (LEON, Role.LEAD, False),
    (EVA, Role.EXECUTIVE, False),
    (PIA, Role.PARTNER, False),
    (CARL, Role.COMMERCIAL, False),
)


def hours(number: float) -> timedelta:
    """Say a time in hours."""
    return timedelta(hours=number)

T = TypeVar("T")
F = TypeVar("F")


@dataclass(slots=True)
class World:
    """Everything that a store would keep between acts, and the clock."""

    policies: dict[str, Policy]
    mint: Mint
    files: Files = field(default_factory=Files)
    roster: Roster = field(default_factory=Roster)
    now: datetime = START
    effects_left: int = 1_000
    is_sealing: bool = True
    sealed: int = 0
    facts: list[Recorded] = field(default_factory=list)
    plans: dict[SubjectId, Plan] = field(default_factory=dict)
    count: int = 0

    # --- acts

    def act(self, verb: Callable[[Journal], T], by: str = "app") -> T:
        """Run one verb in a journal of its own, after what is due, and keep what it wrote."""
        journal = Journal(
            act=ActId(f"act_{len(self.facts)}"),
            by=ActorId(by),
            now=self.now,
            files=self.files,
            roster=self.roster,
            policies=self.policies,
            mint=self.mint,
            sealed=self.sealed,
            effects_left=self.effects_left,
            plans=self.plans,
        )
        lapses.settle(journal)
        result = verb(journal)
        self.effects_left, self.roster = journal.effects_left, journal.roster
        self._keep(journal.written)
        return result

    def _keep(self, written: list[Recorded]) -> None:
        """Give every entry its leaf, as the tree does, also where the files point to it."""
        leaves = {}
        for recorded in written:
            leaf = replace(recorded, index=len(self.facts))
            leaves[recorded.stream, recorded.seq] = leaf
            self.facts.append(leaf)
        for case in self.files.cases():
            for held in case.held.values():
                if held.lift is not None:
                    held.lift = leaves.get((held.lift.stream, held.lift.seq), held.lift)
        for subject in self.files.subjects.values():
            for link in subject.links.values():
                link.withdrawals = [leaves.get((one.stream, one.seq), one) for one in link.withdrawals]
        if self.is_sealing:
            self.sealed = len(self.facts)

    def write(self, *facts: Fact) -> World:
        """Record facts as they are."""
        self.act(lambda journal: journal.write(*facts))
        return self

    def seal(self) -> World:
        """Sign a checkpoint over everything."""
        self.sealed = len(self.facts)
        return self

    def fast_forward(self, **span: float) -> World:
        """Let time pass, then settle, as the due sweep would."""
        self.now += timedelta(**span)
        self.act(lambda journal: None)
        return self

    # --- what comes in

    def flag(self, subject: SubjectId = SUBJECT, person: PersonId = UNKNOWN, **fields: Any) -> Case:
        """Take in a machine's flag."""
        return self.act(lambda journal: signals.take(journal, self.hit(subject, person, **fields)), "gate")

    def hit(self, subject: SubjectId = SUBJECT, person: PersonId = UNKNOWN, **fields: Any) -> signals.Incoming:
        """Make up a signal; the fields not named are the mildest."""
        self.count += 1
        mild: dict[str, Any] = {
            "kind": SignalKind.FLAG, "source": "vendor", "model": "m", "version": "1", "label": None,
            "label_text": None, "hazard": Hazard.STALKING, "score": 700, "act": False, "identified": False,
            "conversation": None, "evidence": None, "seen": self.now,
        }
        return signals.Incoming(signal=SignalId(f"sg_{self.count}"), subject=subject, person=person, **(mild | fields))

    def notice(self, subject: SubjectId = SUBJECT, person: PersonId = HER, **fields: Any) -> NoticeId:
        """Take in a notice; return its id."""
        self.count += 1
        mild: dict[str, Any] = {
            "reporter": HER, "hazard": Hazard.STALKING, "danger_now": False, "minor_at_risk": False, "text": TEXT,
            "commit": "00", "repeats": None, "barred": (), "seen": self.now,
        }
        notice = NoticeId(f"nt_{self.count}")
        incoming = notices.Incoming(notice=notice, subject=subject, person=person, **(mild | fields))
        self.act(lambda journal: notices.receive(journal, incoming), "portal")
        return notice

    def see(self, subject: SubjectId = SUBJECT, *, found: bool = True) -> World:
        """See an account."""
        self.act(lambda journal: identities.see(journal, subject, commit="00", found=found))
        return self

    def with_flag(self, subject: SubjectId = SUBJECT, person: PersonId = UNKNOWN, **fields: Any) -> World:
        """Take in a flag and go on."""
        self.flag(subject, person, **fields)
        return self

    def with_notice(self, subject: SubjectId = SUBJECT, person: PersonId = HER, **fields: Any) -> World:
        """Take in a notice and go on."""
        self.notice(subject, person, **fields)
        return self

    def look_back(
        self, case: Case, notice: NoticeId, result: LookBackResult, *hits: signals.Incoming
    ) -> Refused | None:
        """End a look-back."""
        return self.act(
            lambda journal: notices.end_look_back(
                journal, case.id, notice, result, hits, messages=100, not_screened=0
            )
        )

    # --- what people do

    def view(self, case: Case, staff: StaffId = RITA) -> Refused | None:
        """Open a case."""
        return self.act(lambda journal: views.view(journal, case.id, staff=staff, purpose="review"), staff)

    def decide(self, case: Case, level: Level, staff: StaffId = RITA, limits: Iterable[Limit] = ()) -> Refused | None:
        """Open the case and decide on a level."""
        self.view(case, staff)
        wanted = decisions.Wanted(
            level=level, limits=frozenset(limits), shields=frozenset(), scope="chat", proportionality=None, reason=TEXT
        )
        return self.act(lambda journal: decisions.decide(journal, case.id, wanted, staff=staff), staff)

    def answer_all(self, staff: StaffId = RITA, outcome: Outcome = Outcome.HARMLESS) -> World:
        """View every case and answer every flag and notice in writing."""
        for case in list(self.files.cases()):
            self.view(case, staff)
            for signal in [one for one, kept in case.signals.items() if not kept.answered and not kept.refuted]:
                self.answer_flag(case, signal, staff, outcome)
            for notice in [one for one, kept in case.notices.items() if not kept.answered]:
                self.answer(case, notice, staff)
        return self

    def record_act(self, case: Case, found: str, staff: StaffId = RITA) -> Refused | None:
        """Record the act in a piece of evidence."""
        return self.act(lambda journal: signals.record_act(journal, case.id, found, staff=staff, text=TEXT), staff)

    def confirm_notice(self, case: Case, notice: NoticeId, partner: StaffId = PIA) -> Refused | None:
        """Confirm a notice as the partner."""
        return self.act(lambda journal: notices.confirm(journal, case.id, notice, partner=partner), partner)

    def answer_flag(
        self, case: Case, signal: SignalId, staff: StaffId = RITA, outcome: Outcome = Outcome.HARMLESS
    ) -> Refused | None:
        """Answer one flag."""
        return self.act(
            lambda journal: signals.answer(journal, case.id, signal, staff=staff, outcome=outcome, text=TEXT), staff
        )

    def answer(
        self, case: Case, notice: NoticeId, staff: StaffId = RITA, outcome: Outcome = Outcome.NOT_UPHELD
    ) -> Refused | None:
        """Answer one notice."""
        return self.act(
            lambda journal: notices.answer(journal, case.id, notice, staff=staff, outcome=outcome, text=TEXT), staff
        )

    def all_view(self) -> World:
        """Have everybody open everything."""
        for case in list(self.files.cases()):
            for staff in self.roster.deciders():
                self.view(case, staff)
        return self

    def propose(
        self, case: Case, kind: LoweringKind, staff: StaffId = RITA, *, waives: bool = False, **fields: Any
    ) -> ProposalId | Refused:
        """Propose a lowering."""
        wanted = lowerings.Wanted(kind=kind, reason=TEXT, **fields)
        return self.act(
            lambda journal: lowerings.propose(journal, case.id, wanted, staff=staff, waives=waives), staff
        )

    def sign(
        self, case: Case, proposal: ProposalId, staff: StaffId | None = None, *, waives: bool = False
    ) -> Refused | None:
        """Sign as the drawn person, or as who is named."""
        signer = staff or self.drawn(case, proposal)
        return self.act(
            lambda journal: lowerings.sign(journal, case.id, proposal, staff=signer, waives=waives), signer
        )

    def drawn(self, case: Case, proposal: ProposalId) -> StaffId:
        """Tell who was drawn."""
        drawn = case.proposals[proposal].drawn
        assert drawn is not None
        return drawn

    def lift(
        self, case: Case, proposal: ProposalId, staff: StaffId = RITA, shared: Sequence[links.Shared] = ()
    ) -> Refused | None:
        """Carry a proposal out."""
        return self.act(lambda journal: lowerings.lift(journal, case.id, proposal, staff=staff, shared=shared), staff)

    def lower(
        self,
        case: Case,
        kind: LoweringKind,
        staff: StaffId = RITA,
        *,
        shared: Sequence[links.Shared] = (),
        **fields: Any,
    ) -> ProposalId:
        """Go the whole way of a lowering: open, answer, propose, sign, wait, lift."""
        self.answer_all(staff).all_view()
        proposal = self.propose(case, kind, staff, **fields)
        assert not isinstance(proposal, Refused), proposal
        assert self.sign(case, proposal) is None
        self.fast_forward(hours=72)
        refused = self.lift(case, proposal, staff, shared)
        assert refused is None, refused
        return proposal

    def close(self, case: Case, staff: StaffId = RITA, end: EndState = EndState.UNFOUNDED) -> Refused | None:
        """Close a case alone."""
        return self.act(lambda journal: lowerings.close(journal, case.id, end, staff=staff, reason=TEXT), staff)

    def link(
        self, *kinds: str, one: SubjectId = SUBJECT, other: SubjectId = SECOND, is_protected: bool = False
    ) -> LinkId:
        """Link two accounts by identifiers verified today."""
        matches = [links.Match(kind=kind, verified_at=self.now, is_protected=is_protected) for kind in kinds]
        link = self.act(lambda journal: links.link(journal, one, other, matches))
        assert link is not None
        return link

    def confirm_link(self, link: LinkId, subject: SubjectId = SUBJECT, staff: StaffId = RITA) -> Refused | None:
        """Confirm a link."""
        return self.act(lambda journal: identities.confirm(journal, subject, link, staff=staff), staff)

    def leave(self, staff: StaffId) -> World:
        """Take somebody off the roster."""
        return self.write(StaffLeft(staff=staff))

    def adopt(self, policy: Policy) -> World:
        """Bring a policy into force, as a version of its own."""
        policy = replace(policy, version=f"{policy.version}.{len(self.policies)}")
        self.policies[policy.version] = policy
        self.write(PolicyAdopted(version=policy.version, digest="00", signed_by=(LEON, EVA)))
        self.act(lambda journal: None)
        return self

    # --- what there is to see

    def case(self, number: int = 0) -> Case:
        """Return a case by the order of its making among the accounts."""
        return list(self.files.cases())[number]

    def standing(self, subject: SubjectId = SUBJECT) -> Standing:
        """Return what is in force for an account."""
        return standing.standing(self.files, subject, sealed=self.sealed, now=self.now)

    def level(self, subject: SubjectId = SUBJECT) -> Level:
        """Return the level in force for an account."""
        return self.standing(subject).level

    def kinds(self) -> list[str]:
        """Return the kinds of every fact, in order."""
        return [type(recorded.fact).__name__ for recorded in self.facts]

    def said(self, kind: type[F]) -> list[F]:
        """Return every fact of one kind, in order."""
        return [recorded.fact for recorded in self.facts if isinstance(recorded.fact, kind)]

    def due(self, case: Case, kind: DeadlineKind) -> timedelta | None:
        """Return how far off the next running deadline of a kind is."""
        deadline = case.running(kind)
        return deadline.due - self.now if deadline else None

    def armed(self, case: Case) -> list[tuple[Level, timedelta]]:
        """Return level and time left of every live default, soonest first."""
        found = [(held.item.effective - self.now, held.item.standing.level) for held in case.live_defaults()]
        return [(level, left) for left, level in sorted(found)]


def a_world(policy: Policy = STAFFED, people: Iterable[tuple[StaffId, Role, bool]] = PEOPLE, seed: int = 7) -> World:
    """Make a world with people and a policy, and an account that has been found."""
    world = World(policies={policy.version: policy}, mint=SeededMint(seed))
    world.write(PolicyAdopted(version=policy.version, digest="00", signed_by=(LEON, EVA)))
    for staff, role, duty in people:
        world.write(StaffEnrolled(staff=staff, role=role, duty=duty, superior=None, commit="00"))
    return world.see()


def at(level: Level) -> Standing:
    """Say a level without limits."""
    return Standing(level)


def refusal(result: object) -> str | None:
    """Return the code of a refusal, None where nothing was refused."""
    return result.code if isinstance(result, Refused) else None


def of_tier(tier: Tier, policy: Policy = STAFFED, **fields: Any) -> Policy:
    """Return a policy with one tier's rule changed."""
    rules = dict(policy.tiers)
    rules[tier] = replace(rules[tier], **fields)
    return replace(policy, tiers=rules)
