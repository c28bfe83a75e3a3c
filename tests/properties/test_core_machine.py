"""The pure core as a stateful machine: any verbs in any order, with time between, and the laws after every step.

Law: L1-L5 and L7 hold for every history, not only for those that somebody thought of.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from answerable.core import adopted, decisions, fold, lapses, lowerings, notices
from answerable.core.cases import Case, Files, Subject
from answerable.core.facts import (
    UNKNOWN,
    CaseClosed,
    DeadlineKind,
    DecisionTaken,
    DefaultArmed,
    DefaultStepped,
    EndState,
    Hazard,
    LinkWithdrawn,
    LookBackResult,
    LoweringKind,
    MeasureLifted,
    MeasureSet,
    NoticeId,
    PersonId,
    ProposalId,
    Recorded,
    Refused,
    SignalKind,
    StaffId,
    SubjectId,
    Tier,
    TierLowered,
)
from answerable.core.policy import Policy
from answerable_gate import Level, Standing, covers, join
from tests.core.builders import (
    ALMA,
    EVA,
    HER,
    LEON,
    PIA,
    RENE,
    RITA,
    ROSA,
    SECOND,
    STAFFED,
    SUBJECT,
    TEXT,
    World,
    a_world,
    of_tier,
)

SUBJECTS = st.sampled_from([SUBJECT, SECOND])
PERSONS = st.sampled_from([UNKNOWN, HER, ALMA])
PEOPLE = st.sampled_from([RITA, RENE, ROSA, LEON, EVA, PIA])
HAZARDS = st.sampled_from([Hazard.STALKING, Hazard.SELF_HARM, Hazard.MASS_CASUALTY, Hazard.OTHER])
PICK = st.integers(0, 7)
SPANS = st.sampled_from([timedelta(minutes=number) for number in (5, 20, 180, 1_500, 4_320, 12_000, 57_600)])
POLICIES = st.sampled_from(
    [
        STAFFED,
        of_tier(Tier.SERIOUS, look=timedelta(hours=1), decide=timedelta(hours=2), answer=timedelta(hours=12)),
        of_tier(Tier.SERIOUS, look=timedelta(hours=12), decide=timedelta(hours=48)),
        replace(STAFFED, default_review=timedelta(hours=6)),
    ]
)


class Core(RuleBasedStateMachine):
    """A world of two accounts and three people who could be harmed, and everything anybody can do to it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.due: dict[str, tuple[Standing, datetime]] = {}
        self.seen = 0
        self.sealed = 0
        self.levels: dict[str, Standing] = {}

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        """Make the world."""
        self.world = a_world(seed=seed).see(SECOND)

    # --- what comes in

    @rule(
        subject=SUBJECTS,
        person=PERSONS,
        hazard=HAZARDS,
        kind=st.sampled_from(list(SignalKind)),
        act=st.booleans(),
        identified=st.booleans(),
    )
    def flag(self, subject: SubjectId, person: PersonId, **fields: object) -> None:
        """A machine says something."""
        self.world.flag(subject, person, **fields)

    @rule(subject=SUBJECTS, person=PERSONS, danger_now=st.booleans(), repeats=st.booleans(), barred=st.booleans())
    def notice(self, subject: SubjectId, person: PersonId, danger_now: bool, repeats: bool, barred: bool) -> None:
        """Somebody warns."""
        earlier = NoticeId("nt_earlier") if repeats else None
        self.world.notice(
            subject, person, danger_now=danger_now, repeats=earlier, barred=(ROSA,) if barred else ()
        )

    @rule(subject=SUBJECTS, level=st.sampled_from([Level.SUSPENDED, Level.TERMINATED]), hazard=HAZARDS)
    def switch_off(self, subject: SubjectId, level: Level, hazard: Hazard) -> None:
        """The operator's own systems switch an account off."""
        came = adopted.Incoming(
            subject=subject, level=level, source="trust", hazard=hazard, label=None, seen=self.world.now
        )
        self.world.act(lambda journal: adopted.adopt(journal, came), "trust")
        assert covers(self.world.standing(subject), Standing(level))

    @rule(subject=SUBJECTS)
    def switch_on(self, subject: SubjectId) -> None:
        """Somebody there switches it on again: nothing is lowered, and it is tier 1."""
        self.world.act(lambda journal: None)
        before = self.world.standing(subject)
        case = self.world.act(
            lambda journal: adopted.undo(journal, subject, source="trust", seen=self.world.now), "trust"
        )
        assert covers(self.world.standing(subject), before)
        assert case is None or (case.is_open and case.tier is Tier.CRITICAL)

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        """Time passes."""
        self.world.fast_forward(seconds=span.total_seconds())

    @rule(is_sealing=st.booleans())
    def seal(self, is_sealing: bool) -> None:
        """The signer of checkpoints fails, or is back."""
        self.world.is_sealing = is_sealing
        if is_sealing:
            self.world.seal()

    @precondition(lambda self: len(self.world.policies) < 4)
    @rule(policy=POLICIES)
    def adopt(self, policy: Policy) -> None:
        """A policy version comes into force."""
        self.world.adopt(policy)

    @rule(strong=st.booleans())
    def link(self, strong: bool) -> None:
        """The machine finds that two accounts share identifiers."""
        if not self.world.files.subject(SUBJECT).links:
            self.world.link(*(("phone", "card") if strong else ("address",)))

    @precondition(lambda self: self.world.files.subject(SUBJECT).links)
    @rule(staff=PEOPLE)
    def confirm_link(self, staff: StaffId) -> None:
        """A person confirms the link."""
        self.world.confirm_link(next(iter(self.world.files.subject(SUBJECT).links)), SUBJECT, staff)

    # --- what people do to a case

    def _case(self, pick: int) -> Case | None:
        cases = list(self.world.files.cases())
        return cases[pick % len(cases)] if cases else None

    @rule(pick=PICK, staff=PEOPLE)
    def view(self, pick: int, staff: StaffId) -> None:
        """Somebody opens a case."""
        if case := self._case(pick):
            self.world.view(case, staff)

    @rule(pick=PICK, staff=PEOPLE, level=st.sampled_from(list(Level)))
    def decide(self, pick: int, staff: StaffId, level: Level) -> None:
        """Somebody decides."""
        if case := self._case(pick):
            self.world.decide(case, level, staff)

    @rule(staff=PEOPLE)
    def answer_all(self, staff: StaffId) -> None:
        """Somebody answers everything, and everybody reads it."""
        self.world.answer_all(staff).all_view()

    @rule(pick=PICK, result=st.sampled_from(list(LookBackResult)), found=st.booleans())
    def look_back(self, pick: int, result: LookBackResult, found: bool) -> None:
        """A look into history ends, with or without a hit."""
        case = self._case(pick)
        if case and case.look_backs:
            hits = (self.world.hit(case.subject, case.person, act=True, identified=True),) if found else ()
            self.world.look_back(case, next(reversed(case.look_backs)), result, *hits)

    @rule(pick=PICK, staff=PEOPLE)
    def record_act(self, pick: int, staff: StaffId) -> None:
        """A reviewer records an act."""
        case = self._case(pick)
        if case and case.evidence:
            self.world.record_act(case, case.evidence[0], staff)

    @rule(pick=PICK)
    def confirm(self, pick: int) -> None:
        """The partner confirms a notice."""
        case = self._case(pick)
        if case and case.notices:
            notice = next(iter(case.notices))
            self.world.act(lambda journal: notices.confirm(journal, case.id, notice, partner=PIA), PIA)

    @rule(pick=PICK, staff=PEOPLE, kind=st.sampled_from(list(LoweringKind)), waives=st.booleans())
    def propose(self, pick: int, staff: StaffId, kind: LoweringKind, waives: bool) -> None:
        """Somebody proposes a lowering by one step."""
        if case := self._case(pick):
            self._propose(case, kind, staff, waives=waives)

    def _propose(self, case: Case, kind: LoweringKind, staff: StaffId, *, waives: bool) -> ProposalId | Refused:
        held = join(*(one.item.standing for one in case.live()))
        to = Standing(Level(max(held.level - 1, 0)), held.limits if held.level > Level.GUARDED else frozenset())
        links = self.world.files.subject(case.subject).links
        return self.world.propose(
            case,
            kind,
            staff,
            waives=waives,
            to=to if kind in (LoweringKind.LIFT, LoweringKind.CLOSE) else Standing(),
            tier=Tier(min(case.tier + 1, 3)),
            end=EndState.RESOLVED,
            link=next(iter(links), None),
            evidence=next(iter(case.evidence), None),
        )

    @rule(pick=PICK, which=PICK, waives=st.booleans())
    def sign(self, pick: int, which: int, waives: bool) -> None:
        """The drawn person signs."""
        case = self._case(pick)
        if case and case.proposals:
            proposal = list(case.proposals)[which % len(case.proposals)]
            self.world.sign(case, proposal, waives=waives)

    @rule(pick=PICK, which=PICK, staff=PEOPLE)
    def lift(self, pick: int, which: int, staff: StaffId) -> None:
        """Somebody tries to carry a proposal out."""
        case = self._case(pick)
        if case and case.proposals:
            self.world.lift(case, list(case.proposals)[which % len(case.proposals)], staff)

    @rule(
        pick=PICK,
        staff=st.sampled_from([RITA, RENE]),
        kind=st.sampled_from(list(LoweringKind)),
        between=st.sampled_from(["nothing", "nothing", "nothing", "flag", "notice", "repeat", "dissent"]),
        hold=st.sampled_from([0, 24, 72, 24 * 8]),
        waives=st.booleans(),
    )
    def lower_wholly(
        self, pick: int, staff: StaffId, kind: LoweringKind, between: str, hold: int, waives: bool
    ) -> None:
        """Two people go the whole way of a lowering; something may come between signature and lift."""
        case = self._case(pick)
        if case is None:
            return
        self.world.answer_all(staff).all_view()
        proposal = self._propose(case, kind, staff, waives=waives)
        if isinstance(proposal, Refused):
            return
        self.world.sign(case, proposal, waives=waives)
        self.world.fast_forward(hours=hold)
        digest = case.proposals[proposal].signatures[-1].digest
        if between == "flag":
            self.world.flag(case.subject, case.person)
        elif between in ("notice", "repeat"):
            earlier = NoticeId("nt_earlier") if between == "repeat" else None
            self.world.notice(case.subject, case.person, repeats=earlier)
        elif between == "dissent":
            self.world.act(lambda journal: decisions.dissent(journal, case.id, staff=LEON, text=TEXT), LEON)
        if between != "repeat":
            self.world.answer_all(staff)
        refused = self.world.lift(case, proposal, staff)
        if between in ("flag", "notice", "dissent"):
            assert refused is not None and digest != self._digest(case)

    def _digest(self, case: Case) -> str:
        return self.world.act(lambda journal: lowerings.current_digest(journal, case))

    @rule(pick=PICK, staff=PEOPLE)
    def close(self, pick: int, staff: StaffId) -> None:
        """Somebody tries to close a case alone."""
        if case := self._case(pick):
            self.world.close(case, staff)

    # --- the laws

    def _new(self) -> list[Recorded]:
        return self.world.facts[self.seen :]

    @invariant()
    def laws(self) -> None:
        """Check every law over what the last step wrote, and over the files as they are."""
        world, new = self.world, self._new()
        self._standing_falls_only_by_release()
        self._defaults_are_settled_only_by_people(new)
        self._two_people_lower(new)
        self.seen = len(world.facts)
        for case in world.files.cases():
            self._defaults_hold(case)
            self._clocks_run(case)
        assert _plain(fold.fold(world.facts)) == _plain(world.files)

    def _standing_falls_only_by_release(self) -> None:
        """A level goes down only in a step that seals a lift or a withdrawn link (L2, L4)."""
        sealed = self.world.facts[self.sealed : self.world.sealed]
        released = any(isinstance(one.fact, MeasureLifted | LinkWithdrawn | DefaultStepped) for one in sealed)
        self.sealed = self.world.sealed
        for subject in (SUBJECT, SECOND):
            now = self.world.standing(subject)
            assert released or covers(now, self.levels.get(subject, Standing()))
            self.levels[subject] = now

    def _defaults_are_settled_only_by_people(self, new: list[Recorded]) -> None:
        """Nothing but a decision settles, and only the defaults of its own case (L3)."""
        for one in new:
            if isinstance(one.fact, DecisionTaken):
                case = self.world.files.case(one.fact.case)
                assert one.by != "app"
                assert all(item in case.held for item in one.fact.settles)
            if isinstance(one.fact, DefaultArmed):
                running = self.world.files.case(one.fact.case).running(DeadlineKind.DECIDE)
                assert one.at <= one.fact.due
                assert running is None or one.fact.due <= running.due
                self.due[one.fact.item] = (one.fact.standing, one.fact.due)

    def _two_people_lower(self, new: list[Recorded]) -> None:
        """A lift names two people, or one where only claims or one machine's word stood (L4)."""
        closed = {one.act for one in new if isinstance(one.fact, CaseClosed)}
        for one in new:
            if isinstance(one.fact, MeasureLifted):
                if one.fact.proposal is None:
                    assert one.act in closed
                else:
                    assert len(set(one.fact.staff)) == 2
                    self._was_approved(one.fact, one)
            if isinstance(one.fact, TierLowered):
                assert one.fact.proposal

    def _was_approved(self, fact: MeasureLifted, recorded: Recorded) -> None:
        """Both signed one digest, and nothing above an unverified claim came after it (L4)."""
        assert fact.proposal is not None
        case = self.world.files.case(fact.case)
        proposal = case.proposals[fact.proposal]
        signers: dict[str, set[StaffId]] = {}
        for one in proposal.signatures:
            signers.setdefault(one.digest, set()).add(one.staff)
        assert any(set(fact.staff) <= both for both in signers.values())
        seconds = [one for one in proposal.signatures if one.staff == fact.staff[1]]
        if not (seconds[-1].waives and not case.notices and case.person == UNKNOWN):
            assert recorded.at - seconds[0].at >= timedelta(hours=24)
        grave = [
            one.at
            for other in self.world.files.holder_cases(case.subject)
            for one in other.signals.values()
            if one.at <= recorded.at
        ]
        assert all(at <= max(one.at for one in proposal.signatures) for at in grave)

    def _defaults_hold(self, case: Case) -> None:
        """What fell due is in force until somebody decided or a sealed lift released it; no due time has moved."""
        for held in case.held.values():
            if held.item.id in self.due:
                assert (held.item.standing, held.item.effective) == self.due[held.item.id]
            if held.is_live and held.item.effective <= self.world.now:
                assert covers(self.world.standing(case.subject), held.item.standing)
            if held.settled:
                later = [m for m in case.held.values() if isinstance(m.fact, MeasureSet)]
                assert any(covers(one.item.standing, held.item.standing) for one in later)

    def _clocks_run(self, case: Case) -> None:
        """Every unanswered notice has a running clock or a recorded lapse; whatever is armed is owed a decision."""
        for notice in case.notices.values():
            running = [
                one for one in case.deadlines.values()
                if one.kind is DeadlineKind.ANSWER and one.about == notice.fact.notice and one.is_running
            ]
            assert notice.answered or notice.lapsed or running
        if not case.is_open:
            assert not any(case.live_defaults())
        elif any(held.item.effective > self.world.now for held in case.live_defaults()):
            assert case.running(DeadlineKind.DECIDE) is not None
        world = self.world
        world.act(lambda journal: None)
        wake = lapses.next_wake(case, look_back_limit=STAFFED.look_back_limit)
        assert wake is None or wake > world.now
        if case.is_open and any(one.item.standing.level > Level.NONE for one in case.live() if not one.is_default):
            assert any(one.kind is DeadlineKind.MEASURE_REVIEW and not one.met for one in case.deadlines.values())


def _plain(files: Files) -> list[Subject]:
    """Return what files hold, leaving out accounts of which nothing is recorded."""
    return sorted(
        (subject for subject in files.subjects.values() if subject.seq or subject.cases), key=lambda one: one.id
    )


TestCore = Core.TestCase
TestCore.settings = settings(
    max_examples=250,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
