"""A story told to the real application: real verbs, a real record, a real gate fed with real feed lines.

Law: nothing here decides anything; each verb is what a person or a machine does, and time moves only by `fast_forward`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from answerable.app import (
    AccountIn,
    AccountState,
    Acts,
    Answerable,
    CaseRow,
    GateRules,
    Identifier,
    IdentifierKind,
    Intake,
    MeasureIn,
    NoticeIn,
    ProposalIn,
    Reading,
    SignalIn,
    StateIn,
    Taken,
)
from answerable.app.genesis import Person, establish
from answerable.app.helpdesk import Checked, DeskIn
from answerable.app.identifying import Index
from answerable.core.facts import (
    CaseId,
    DeskAction,
    Hazard,
    LoweringKind,
    NoticeId,
    Outcome,
    ProposalId,
    Recorded,
    Refused,
    Role,
    SignalId,
    StaffId,
)
from answerable.core.journal import Plan
from answerable.edge import ManualClock, SeededMint
from answerable.ports.folder import Folder
from answerable.ports.intake import FolderSink
from answerable.ports.signer import LocalSigner, create_signing_key
from answerable.screen.exports.imports import Format, import_file
from answerable.store.memory import MemoryStore
from answerable.store.places import Place
from answerable.store.protocol import Store
from answerable.vault.keys import make_keyring
from answerable.work.look_back import look
from answerable.work.ticker import sweep
from answerable_gate import Gate, GatePolicy, Item, Level, Request, Standing, Verdict
from answerable_gate.io.proofs import pin

START = datetime(2025, 8, 12, 9, 0, tzinfo=UTC)
ORIGIN = "story/record"
SUBJECT = "corvin-vale"
SECOND = "cv-second"
PERSON_EMAIL, PERSON_NAME = "mara.ellison@example.org", "Mara Ellison"
SMALL, LARGE = "small-1", "large-1"

FIRST_REVIEWER, SECOND_REVIEWER, LEAD, PARTNER = (
    StaffId("reviewer-1"), StaffId("reviewer-2"), StaffId("lead-1"), StaffId("partner-1")
)
STAFF = (
    Person(id=FIRST_REVIEWER, name="Ines Aalto", role=Role.REVIEWER, duty=True, superior=LEAD),
    Person(id=SECOND_REVIEWER, name="Jon Breck", role=Role.REVIEWER, duty=False, superior=LEAD),
    Person(id=LEAD, name="Lena Ord", role=Role.LEAD, duty=False, superior=None),
    Person(id=PARTNER, name="Harbour House", role=Role.PARTNER, duty=False, superior=None),
)
EVERYBODY = tuple(StaffId(person.id) for person in STAFF)
"""A house in which the other reviewer or the outside partner can countersign the first; the lead stands above both."""

_COLD = GatePolicy(
    version=0, preamble="-", tools_allowed=(), on_stale="refuse", on_cold_start="refuse", on_no_identity="refuse",
    lease_s=60,
)


@dataclass(slots=True)
class Story:
    """A house with two reviewers, a lead and an outside partner, one gate, and a worker that a test may silence.

    `unproven` is what the store took away without a proof, and the gate therefore kept.
    """

    folder: Path
    place: Place | None = None
    policy: str = "staffed"
    works: bool = True
    start: datetime = START
    store: Store = field(init=False)
    clock: ManualClock = field(init=False)
    answerable: Answerable = field(init=False)
    reading: Reading = field(init=False)
    gate: Gate = field(init=False)
    ports: Folder = field(init=False)
    unproven: list[Item] = field(init=False, default_factory=list)
    _count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Build the house as the composition root does, with a clock and a mint that a test can repeat."""
        mint = SeededMint(7)
        self.clock = ManualClock(self.start)
        keyring = make_keyring(mint)
        keys = self.folder / "keys"
        keys.mkdir()
        # In memory where no place is given.
        create = self.place.create if self.place else _in_memory
        self.store = create(keys=keys, origin=ORIGIN, mark=keyring.mark)
        key = keys / "log.json"
        create_signing_key(key, ORIGIN, mint=mint)
        signer = LocalSigner(key)
        acts = Acts(store=self.store, keyring=keyring, clock=self.clock, mint=mint)
        index = Index(keyring=keyring)
        text = (resources.files("answerable.blobs") / "policies" / f"{self.policy}.toml").read_text("utf-8")
        establish(acts, index, staff=STAFF, policy=text, signers=(FIRST_REVIEWER, PARTNER))
        self.ports = Folder(self.folder)
        intake = Intake(acts, index, directory=self.ports, entitlements=self.ports)
        self.answerable = Answerable(acts, intake, signer)
        rules = GateRules(on_stale="guarded", on_cold_start="refuse", on_no_identity="guarded", lease_s=60)
        self.reading = Reading(acts, signer, rules)
        self.gate = Gate(
            gate_key=keyring.gate, pinned=pin(signer.vkey, ORIGIN), policy=_COLD, wall=self.now, monotonic=0.0
        )
        _, hello = self.reading.hello()
        self._line(hello)
        self.sync()

    # --- time

    @property
    def now(self) -> datetime:
        """The time of the story."""
        return self.clock.now()

    def fast_forward(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
        """Let time pass; the worker, where it lives, writes down what that brought, and the gate hears of it."""
        self.clock.advance(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds))
        self.work()

    def work(self) -> None:
        """Let the worker, where it lives, write down what is due and look back where a notice asks for it."""
        if self.works:
            sweep(self.answerable)
            look(self.answerable, self.ports)
        self.sync()

    def sync(self) -> None:
        """Seal what was written and bring the gate up to date, line by line, as the feed does."""
        self.answerable.seal()
        at, lines = self.reading.entries_after(self.gate.after)
        for line in lines:
            self._line(line)
        self._line(self.reading.heartbeat(at))

    def _line(self, line: bytes) -> None:
        received = self.gate.receive(line.rstrip(b"\n"), wall=self.now, monotonic=self.clock.monotonic())
        self.unproven += received.refused

    # --- what the operator's machines say

    def enrol(self, account: str = SUBJECT, *, models: tuple[str, ...] = (SMALL,), plan: str = "free") -> None:
        """Let the operator's directory and billing know an account."""
        line = {"account": account, "plan": plan, "models": models, "tools": []}
        with (self.folder / "accounts.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def remembers(self, file: Path) -> None:
        """Let the operator's history hold the conversations of a file, read in as an import reads them."""
        report = import_file(file, Format.JSONL, FolderSink(self.folder))
        assert report.is_complete, report.bad

    def flag(
        self,
        user: str = SUBJECT,
        hazard: Hazard = Hazard.MASS_CASUALTY,
        *,
        person: tuple[Identifier, ...] = (),
        evidence: str = "",
    ) -> Taken:
        """Let the operator's classifier raise a flag, by default one of the gravest class."""
        came = SignalIn(
            id=self._id(), source="classifier-1", model="guard", version="4", label=hazard.value, hazard=hazard,
            user=user, score=0.97, person=person, evidence=evidence or None,
        )
        taken = self.answerable.raise_signal(came)
        self.sync()
        return taken

    def see_account(self, account: str, *, email: str, phone: str, verified: bool = True) -> Taken:
        """Let the operator's directory report an account with its verified identifiers."""
        identifiers = (Identifier(IdentifierKind.EMAIL, email), Identifier(IdentifierKind.PHONE, phone))
        came = AccountIn(account=account, identifiers=identifiers, verified_at=self.now if verified else None)
        taken = self.answerable.see_account(came)
        self.sync()
        return taken

    def switch(self, state: AccountState, user: str = SUBJECT, source: str = "trust-1") -> Taken:
        """Let the operator's own systems switch an account off or on."""
        came = StateIn(id=self._id(), source=source, account=user, state=state, hazard=Hazard.STALKING, label="abuse")
        taken = self.answerable.report_state(came)
        self.sync()
        return taken

    def raise_plan(self, user: str = SUBJECT) -> Refused | None:
        """Let billing restore the larger plan."""
        refused = self.answerable.raise_entitlement(user, Plan((SMALL, LARGE), ("files",)), by="billing")
        self.sync()
        return refused

    def desk(self, action: DeskAction, user: str = SUBJECT, *, email: str | None = None) -> Checked:
        """Let a support macro ask before it does something, for the account or for who wrote from an address."""
        given = (Identifier(IdentifierKind.EMAIL, email),) if email else ()
        came = DeskIn(source="desk-1", action=action, account=None if email else user, identifiers=given)
        checked = self.answerable.check_for_desk(came, self.answerable.find_for_desk(came))
        self.sync()
        return checked

    # --- what people outside say

    def notice(
        self,
        user: str = SUBJECT,
        hazard: Hazard = Hazard.STALKING,
        *,
        text: str = "He has been writing about me with your chatbot for months. Please stop this.",
        source: str = "portal",
        email: str = PERSON_EMAIL,
        name: str = PERSON_NAME,
        danger_now: bool = False,
    ) -> Taken:
        """Let the person concerned warn."""
        came = NoticeIn(
            id=self._id(), source=source, text=text, subject=(Identifier(IdentifierKind.ACCOUNT, user),),
            person=(Identifier(IdentifierKind.EMAIL, email), Identifier(IdentifierKind.NAME, name)),
            reporter_is_person=True, hazard=hazard, danger_now=danger_now,
        )
        taken = self.answerable.receive_notice(came)
        self.work()
        return taken

    def partner_confirms(self, taken: Taken) -> None:
        """Let the verified outside partner confirm a notice, after having spoken with her."""
        refused = self.answerable.confirm_notice(case_of(taken), NoticeId(taken.id), partner=PARTNER)
        assert refused is None, refused
        self.sync()

    # --- what people inside do

    def opens(self, case: CaseId, *staff: StaffId) -> None:
        """Let people open the whole file."""
        for person in staff:
            opened = self.answerable.view_case(case, staff=person, purpose="review")
            assert not isinstance(opened, Refused), opened

    def answers_everything(self, case: CaseId, staff: StaffId = FIRST_REVIEWER) -> None:
        """Let a reviewer answer every open flag and notice of a case, as if each were harmless."""
        file = self.answerable.view_case(case, staff=staff, purpose="review")
        assert not isinstance(file, Refused), file
        for signal in file.body["signals"]:
            self.answerable.answer_signal(
                case, SignalId(signal["id"]), staff=staff, outcome=Outcome.HARMLESS, text="Read as fiction."
            )
        for notice in file.body["notices"]:
            self.answerable.answer_notice(
                case, NoticeId(notice["id"]), staff=staff, outcome=Outcome.NOT_UPHELD, text="Read; see the reasons."
            )
        self.sync()

    def decides(self, case: CaseId, level: Level, staff: StaffId = FIRST_REVIEWER) -> Refused | None:
        """Let one person open the case and set a measure."""
        self.opens(case, staff)
        wanted = MeasureIn(level=level, reason="As I see it.", proportionality="Nothing milder would do.")
        refused = self.answerable.decide(case, wanted, staff=staff)
        self.sync()
        return refused

    def two_sign(self, case: CaseId, to: Level, first: StaffId = FIRST_REVIEWER) -> tuple[ProposalId, StaffId]:
        """Let one propose a lift and whoever is drawn countersign it, with everything opened and answered."""
        self.opens(case, *EVERYBODY)
        self.answers_everything(case, first)
        wanted = ProposalIn(kind=LoweringKind.LIFT, reason="The flag was about a novel.", to=Standing(to))
        proposal = self.answerable.propose(case, wanted, staff=first)
        assert not isinstance(proposal, Refused), proposal
        second = self._drawn(case, proposal)
        assert self.answerable.countersign(case, proposal, staff=second) is None
        return proposal, second

    def lifts(self, case: CaseId, proposal: ProposalId, staff: StaffId = FIRST_REVIEWER) -> Refused | None:
        """Let a signer carry a lift out."""
        refused = self.answerable.lift(case, proposal, staff=staff)
        self.sync()
        return refused

    def _drawn(self, case: CaseId, proposal: ProposalId) -> StaffId:
        file = self.answerable.view_case(case, staff=LEAD, purpose="oversight")
        assert not isinstance(file, Refused), file
        return StaffId(next(one["drawn"] for one in file.body["proposals"] if one["id"] == proposal))

    # --- what is served

    def request(self, user: str = SUBJECT, model: str = SMALL, tools: Sequence[str] = ()) -> Verdict:
        """Let a user ask the model through the gate, by the gate's own clock."""
        asked = Request(identity=user, model=model, tools=tuple(tools))
        return self.gate.check(asked, wall=self.now, monotonic=self.clock.monotonic())

    # --- what the record says

    def facts(self, *kinds: type) -> list[Recorded]:
        """Return the recorded facts of some kinds, oldest first."""
        return [one for one in self.store.all_recorded() if isinstance(one.fact, kinds)]

    def row(self, case: CaseId) -> CaseRow:
        """Return a case as lists show it."""
        row = self.store.case_row(case)
        assert row is not None
        return row

    def file(self, case: CaseId) -> dict[str, object]:
        """Return the whole file as the lead sees it."""
        file = self.answerable.view_case(case, staff=LEAD, purpose="oversight")
        assert not isinstance(file, Refused), file
        return file.body

    def _id(self) -> str:
        self._count += 1
        return f"delivery-{self._count}"


def _in_memory(*, keys: Path, origin: str, mark: str) -> Store:
    return MemoryStore(origin=origin)


def case_of(taken: Taken) -> CaseId:
    """Return the case that something was bound to."""
    assert taken.case is not None
    return CaseId(taken.case)
