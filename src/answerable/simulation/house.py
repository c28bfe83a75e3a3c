"""The house under test: the real application on a store that can fail, real gates, and a witness beside it.

Law: everything that happens goes through `act`, which lets the witness read and the laws be checked at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from answerable.app import Acts, Answerable, CaseFile, Exchange, GateRules, Intake, Reading
from answerable.app.genesis import Person, adopt, adoption, enrol
from answerable.app.identifying import Index
from answerable.core import facts as f
from answerable.core import policy as policies
from answerable.edge import SeededMint, rfc3339
from answerable.errors import AnswerableError
from answerable.ledger.verify import leaf_hash
from answerable.simulation import bounds, interlock, protection
from answerable.simulation.laws import Checks, Law
from answerable.simulation.notes import note
from answerable.simulation.parts import ORIGIN, Accounts, Crash, FailingStore, MemorySigner, OwnClock, TrueTime
from answerable.simulation.wires import Site
from answerable.simulation.witness import Witness
from answerable.store.protocol import Store
from answerable.vault.keys import make_keyring
from answerable_gate import Entry, Verdict
from answerable_gate.io.proofs import pin

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
REMEMBERED = 12
SIGNERS = (f.StaffId("lead-1"), f.StaffId("partner-1"))
RULES = GateRules(on_stale="allow", on_cold_start="allow", on_no_identity="allow", lease_s=60)
T = TypeVar("T")


class Program:
    """A process of the house with its own clock: the server, or the worker."""

    acts: Acts
    app: Answerable

    def __init__(self, name: str, true: TrueTime, store: Store) -> None:
        """Take the name and the process's own way to the record; `House.start` does the rest."""
        self.name = name
        self.store = store
        self.clock = OwnClock(true)


class House:
    """One record with its gates, watched."""

    def __init__(
        self, seed: int, policy: str, staff: tuple[Person, ...], *, gates: int = 3, store: Store | None = None
    ) -> None:
        """Found the record under a policy's text and connect the gates; `store` is in memory where none is given."""
        self.true = TrueTime(START)
        self.checks = Checks()
        self.witness = Witness(self.checks)
        self.disk = FailingStore(ORIGIN)
        self.store: Store = store or self.disk
        self.mint = SeededMint(seed)
        self.keyring = make_keyring(self.mint)
        self.index = Index(keyring=self.keyring)
        self.signer = MemorySigner(ORIGIN, self.mint.secret(32))
        self.accounts = Accounts()
        self.acts_done: deque[str] = deque(maxlen=REMEMBERED)
        self.steps = 0
        self.lost = timedelta(0)
        self.policies: dict[str, policies.Policy] = {}
        self.entries: dict[str, Entry] = {}
        self.log: list[Exchange] = []
        self._views: Counter[tuple[str, str]] = Counter()
        self.sealed_roots: dict[int, bytes] = {}
        self.facts: list[f.Recorded] = []
        self.sites: list[Site] = []
        self._ahead: timedelta | None = None
        self._head = 0
        self.server, self.worker = (Program(name, self.true, self.store) for name in ("server", "worker"))
        self.start(self.server)
        self.start(self.worker)
        self.reading = Reading(self.server.acts, self.signer, RULES)
        self.adopt(policy, staff)
        self.sites = [self._site(f"gate-{number + 1}") for number in range(gates)]

    # --- the processes

    def start(self, program: Program) -> None:
        """Start a process: everything it remembers is made again from the record."""
        program.clock = OwnClock(self.true, program.clock.offset)
        program.acts = Acts(store=program.store, keyring=self.keyring, clock=program.clock, mint=self.mint)
        intake = Intake(program.acts, self.index, directory=self.accounts, entitlements=self.accounts)
        program.app = Answerable(program.acts, intake, self.signer)

    def restart(self, program: Program) -> None:
        """Let a process die and start again; with the server its connections to the gates break."""
        self.acts_done.append(f"{self.true.now:%d %H:%M:%S} {program.name} restarts")
        self.disk.restart(serves=program is self.server)
        self.start(program)
        if program is self.server:
            self.reading = Reading(program.acts, self.signer, RULES)
            for site in self.sites:
                site.cut()
                site.reading = self.reading
        self._lose(program.acts.now(self.store.high_water()))

    def adopt(self, policy: str, staff: tuple[Person, ...]) -> bool:
        """Let two sign a policy, with these staff enrolled; return whether it is now the one in force."""
        loaded = policies.load(policy)
        self.policies[loaded.version] = loaded
        self.enrol(staff)
        if not adoption(self.server.acts, policy).is_adopted:
            self.act("adopt", lambda: adopt(self.server.acts, policy=policy, signers=SIGNERS))
        return self.witness.policies[-1:] == [loaded.version]

    def enrol(self, staff: tuple[Person, ...]) -> None:
        """Bring the roster to what it should be."""
        self.act("enrol", lambda: enrol(self.server.acts, self.index, staff=staff))

    def _site(self, name: str) -> Site:
        pinned = pin(self.signer.vkey, ORIGIN)
        policy = self.reading.gate_policy()
        site = Site(name, self.true, self.reading, gate_key=self.keyring.gate, pinned=pinned, policy=policy)
        site.connect()
        site.arrive()
        return site

    # --- acts

    @property
    def app(self) -> Answerable:
        """The verbs, as the server's process has them."""
        return self.server.app

    @property
    def now(self) -> datetime:
        """The record's time."""
        return self.server.acts.now(self.store.high_water())

    @property
    def sealed(self) -> int:
        """The size of the newest checkpoint."""
        newest = self.store.newest_checkpoint()
        return newest.size if newest else 0

    def act(self, name: str, verb: Callable[[], T], *, by: Program | None = None) -> T | None:
        """Run one verb, let the witness read, check the laws; None where the process died or the store failed."""
        self.steps += 1
        answer: T | None = None
        try:
            answer = verb()
            told = answer.code if isinstance(answer, f.Refused) else ""
        except Crash:
            told = "died"
        except AnswerableError as error:
            told = error.code
        self.acts_done.append(f"{self.true.now:%d %H:%M:%S} {name} {told}".rstrip())
        if told == "died":
            self.restart(by or self.server)
        self._watch()
        return answer

    def view(self, case: f.CaseId, staff: f.StaffId) -> CaseFile | f.Refused | None:
        """Let somebody open a case; whoever got the file stands in the record as having opened it (L6)."""
        file = self.act(
            f"{staff} view {case[:12]}", lambda: self.app.view_case(case, staff=staff, purpose="review")
        )
        if isinstance(file, CaseFile):
            self._views[case, staff] += 1
            noted = self.witness.views[case, staff] >= self._views[case, staff]
            self.checks.that(Law.L6, noted, f"{staff} read {case} and no fact says so")
        return file

    def seal(self) -> None:
        """Sign a checkpoint over everything."""
        if self.act("seal", self.app.seal) is not None:
            newest = self.store.newest_checkpoint()
            assert newest is not None
            root = self.witness.edge.root()
            same = newest.size == self.witness.edge.size and root == self.store.root()
            self.checks.that(Law.L8, same, f"the checkpoint of {newest.size} is not over what was written")
            self.sealed_roots[newest.size] = root
            self._entries_follow(set())

    # --- the witness

    def _watch(self) -> None:
        """Read what is new, check each fact, and then whatever the acts of its subjects had to leave behind."""
        start = self.witness.edge.size
        if self.store.size() == start:
            return
        fresh = [self.witness.read(data) for data in self.store.entries(start, self.store.size())]
        now = fresh[-1].at
        self._lose(now)
        touched: set[str] = set()
        self.facts += fresh
        for recorded in fresh:
            act = [one.fact for one in fresh if one.act == recorded.act]
            interlock.check(self.checks, self.witness, recorded, act, self.policies)
            bounds.check(self.checks, self.witness, recorded, self._holds)
            note(self.witness, recorded, self.policies, true=self.true.elapsed, lost=self.lost)
            subject = getattr(recorded.fact, "subject", None)
            if subject is not None:
                touched |= self.witness.holder(subject)
        interlock.owed(self.checks, self.witness, touched, now)
        self._entries_follow(touched)

    def _lose(self, now: datetime) -> None:
        """Note by how much the record's clock has fallen behind real time: only a restart can make it."""
        ahead = now - self.true.now
        if self._ahead is not None and ahead < self._ahead:
            self.lost += self._ahead - ahead
        self._ahead = ahead

    def _holds(self, gate: str, subject: str, item: str) -> bool:
        return any(site.name == gate and site.holds(subject, item) for site in self.sites)

    def _entries_follow(self, touched: set[str]) -> None:
        """Take in the feed as a reader without delay would, and compare it with what the facts say (L2)."""
        lines = self.store.feed(self._head, 10_000)
        self.entries.update({line.entry.subject: line.entry for line in lines if isinstance(line.entry, Entry)})
        self._head = max((line.seq for line in lines), default=self._head)
        sealed, now = self.sealed, self.now
        for subject in sorted(touched | {line.entry.subject for line in lines}):
            entry = self.entries.get(subject)
            if entry is None:
                self.checks.that(Law.L2, not self.witness.accounts.get(subject), f"{subject} is not in the feed")
                continue
            holder = self.witness.sharing(subject, sealed, full=False)
            items = (item for case in self.witness.cases_of(holder) for item in case.items.values())
            fallen = {item.id for item in items if item.fell}
            known = frozenset(fallen | {f"{one}^guarded" for one in fallen})
            protection.check_entry(self.checks, self.witness, entry, sealed, now, known)

    # --- the gates

    def exchange(self, site: Site, account: str, subject: str | None, model: str, tools: tuple[str, ...]) -> Verdict:
        """Judge an exchange at a gate, check it against what is owed there, and record it where a case is open."""
        site.beat()
        verdict = site.judge(account, model, tools=tools)
        if subject is None:
            return verdict
        if site.contact is not None:
            owed = protection.by_nature(
                self.witness, subject, self.sealed, self.true.elapsed, contact=site.contact, lost=self.lost
            )
            protection.check_verdict(self.checks, verdict, owed, where=f"{site.name} for {subject}")
        held = site.gate.held(subject)
        if held is not None and held.entry.open:
            self._record(site, subject, model, verdict)
        return verdict

    def _record(self, site: Site, subject: str, model: str, verdict: Verdict) -> None:
        now = self.now
        number = len(self.log)
        row = Exchange(
            id=f"ex_{number}",
            subject=f.SubjectId(subject),
            at=now,
            gate=site.name,
            conversation=None,
            model=model,
            answer=verdict.answer,
            level=verdict.level.value,
            standing=verdict.level.value,
            tokens=0 if verdict.answer == "refuse" else 100 + number % 100,
            digest=leaf_hash(f"{number} {rfc3339(now)}".encode()).hex(),
            complete=True,
        )
        self.log.append(row)
