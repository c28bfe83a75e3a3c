"""The house under test: real programs on one record that can fail, real gates, and a witness beside them.

Law: everything that happens goes through `act`, which lets the witness read and the laws be checked at once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, cast

from answerable.app import Acts, Answerable, CaseFile, GateRules, Intake, Reading
from answerable.app.genesis import Person, adopt, adoption, enrol
from answerable.app.identifying import Index
from answerable.core import facts as f
from answerable.core import policy as policies
from answerable.edge import SeededMint
from answerable.errors import AnswerableError, Busy, Conflict
from answerable.ledger.verify import parse_checkpoint, parse_note
from answerable.simulation import bounds, interlock, protection, reviewing
from answerable.simulation.chance import Chance
from answerable.simulation.grounds import ORIGIN, Ground, InMemory
from answerable.simulation.laws import Law
from answerable.simulation.notes import note
from answerable.simulation.parts import (
    Accounts,
    Ahead,
    Crash,
    Disk,
    FailingStore,
    HeardActs,
    MemorySigner,
    OwnClock,
    Program,
)
from answerable.simulation.seen import Seen
from answerable.simulation.shielding import Shielding
from answerable.simulation.wires import Site, exchange_row
from answerable.simulation.witness import SeenItem
from answerable.store.protocol import Store
from answerable.vault.keys import make_keyring
from answerable.work.writer import TRIES_MAX
from answerable_gate import Entry, Standing, Verdict, join
from answerable_gate import alias as gate_alias
from answerable_gate.io.proofs import pin

SIGNERS = (f.StaffId("lead-1"), f.StaffId("partner-1"))
RULES = GateRules(on_stale="allow", on_cold_start="allow", on_no_identity="allow", lease_s=60)
T = TypeVar("T")


class House(Seen):
    """One record with its gates, watched."""

    def __init__(
        self,
        seed: int,
        policy: str,
        staff: tuple[Person, ...],
        *,
        gates: int = 3,
        servers: int = 1,
        ground: Ground | None = None,
        between: Callable[[str], None] | None = None,
    ) -> None:
        """Found the record under a policy's text and connect the gates; it is in memory where no ground is given.

        `between` is called inside acts, where the ground lets somebody else write there.
        """
        super().__init__(is_crossed=between is not None)
        self.disk, self.ground = Disk(), ground or InMemory()
        self._between = between
        # What the witness reads with: it is in nobody's act, and sees what everybody has committed.
        self.store: Store = self.ground.open()
        self.mint = SeededMint(seed)
        self._ways = Chance(seed, 5)
        self.keyring = make_keyring(self.mint)
        self.index = Index(keyring=self.keyring)
        self._time = Acts(store=self.store, keyring=self.keyring, clock=OwnClock(self.true), mint=self.mint)
        self.signer = MemorySigner(ORIGIN, self.mint.secret(32))
        self.accounts = Accounts()
        self.sites: list[Site] = []
        self._ahead, self.shielding = Ahead(self.true), Shielding(self.checks, self.witness, self.keyring.gate)
        self.programs: list[Program] = []
        try:
            self.servers = [self.program(f"server-{number + 1}") for number in range(servers)]
            self.worker = self.program("worker")
            self.adopt(policy, staff)
            self.sites = [self._site(f"gate-{number + 1}") for number in range(gates)]
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End every program, and take the record away."""
        for program in self.programs:
            program.store.close()
        self.store.close()
        self.ground.close()

    # --- the processes

    def program(self, name: str) -> Program:
        """Start one more process on the record."""
        program = Program(name, self.true)
        self.start(program)
        self.programs.append(program)
        return program

    def start(self, program: Program) -> None:
        """Start a process: everything it remembers is made again from the record."""
        program.clock = OwnClock(self.true, program.clock.offset)
        program.store = FailingStore(self.ground.open(self._between), self.disk, program.name)
        program.acts = HeardActs(
            store=cast(Store, program.store), keyring=self.keyring, clock=program.clock, mint=self.mint,
            heard=self._ahead.hear,
        )  # fmt: skip
        intake = Intake(program.acts, self.index, directory=self.accounts, entitlements=self.accounts)
        program.app = Answerable(program.acts, intake, self.signer)
        program.reading = Reading(program.acts, self.signer, RULES)

    def restart(self, program: Program) -> None:
        """Let a process die and start again; its connections to the gates break."""
        self.acts_done.append(f"{self.true.now:%d %H:%M:%S} {program.name} restarts")
        program.store.close()
        told = program.reading
        self.start(program)
        for site in self.sites:
            if site.reading is told:
                site.cut()
                site.reading = program.reading

    @property
    def server(self) -> Program:
        """The first of the servers."""
        return self.servers[0]

    def free(self) -> list[Program]:
        """Return the servers that are in no act."""
        return [one for one in self.servers if not one.store.is_writing]

    def connect(self, site: Site) -> None:
        """Let a gate connect to whichever server answers."""
        site.reading = self._ways.pick(self.free()).reading
        site.connect()

    def may_hear(self, site: Site) -> bool:
        """Tell whether a gate's server is in no act."""
        return any(site.reading is one.reading for one in self.free())

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
        reading = self._ways.pick(self.servers).reading
        policy = reading.gate_policy()
        site = Site(name, self.true, reading, gate_key=self.keyring.gate, pinned=pinned, policy=policy)
        site.connect()
        site.arrive()
        return site

    # --- acts

    @property
    def app(self) -> Answerable:
        """The verbs, as whichever server takes the request has them."""
        free = self.free()
        return (free[0] if len(free) == 1 else self._ways.pick(free)).app

    @property
    def reading(self) -> Reading:
        """The lists, as a server has them that is in no act."""
        return self.free()[0].reading

    @property
    def now(self) -> datetime:
        """The record's time, for somebody whose clock is right; asking it tells no program anything."""
        return self._time.now(self.store.high_water())

    @property
    def sealed(self) -> int:
        """The size of the newest checkpoint."""
        newest = self.store.newest_checkpoint()
        return newest.size if newest else 0

    def act(self, name: str, verb: Callable[[], T]) -> T | None:
        """Run one verb, let the witness read, check the laws; None where the process died or the store failed."""
        self.steps += 1
        answer: T | None = None
        try:
            answer = self._tried(verb)
            told = answer.code if isinstance(answer, f.Refused) else ""
        except Crash as crash:
            told = f"died with {crash.program}"
            self.restart(next(one for one in self.programs if one.name == crash.program))
        except AnswerableError as error:
            told = error.code
        self.acts_done.append(f"{self.true.now:%d %H:%M:%S} {name} {told}".rstrip())
        self._watch()
        return answer

    def _tried(self, verb: Callable[[], T]) -> T:
        """Run a verb as a writer does: where somebody else was first, once more."""
        for _ in range(TRIES_MAX - 1):
            try:
                return verb()
            except Busy:
                raise
            except Conflict:
                continue
        return verb()

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
        """Sign a checkpoint over everything that was committed by now."""
        app = self.app
        # With nobody to grow the tree there is nothing new to sign; where acts grow it themselves, that is played.
        if self.disk.is_late and (not self.ground.grows_later or self.store.size() > self.sealed):
            return
        before = len(self.facts)
        done = self.act("seal", lambda: (app.seal(),))
        if done is None:
            return
        (sealed,) = done
        left = sum(order < before for order in self.witness.unplaced)
        self.checks.that(Law.L8, not left or self.disk.is_late, f"{left} committed facts were passed over by the tree")
        if sealed is None:
            return
        self.checks.that(Law.L8, not self.disk.is_late, "a checkpoint was signed over a tree that nobody had grown")
        root = self.witness.roots.get(sealed.size)
        signed = parse_checkpoint(parse_note(sealed.note.encode()).text).root
        self.checks.that(Law.L8, signed == root, f"the checkpoint of {sealed.size} is not over what was written")
        self.sealed_roots[sealed.size] = signed
        self._entries_follow(set())

    # --- the witness

    def _watch(self) -> None:
        """Read what is new, check each fact, and then whatever the acts of its subjects had to leave behind."""
        fresh = self._fresh()
        touched: dict[datetime, set[str]] = {}
        self.facts += fresh
        for recorded in fresh:
            act = [one.fact for one in fresh if one.act == recorded.act]
            interlock.check(self.checks, self.witness, recorded, act, self.policies)
            bounds.check(self.checks, self.witness, recorded, self._holds)
            for watch in self._watches:
                watch.check(recorded, act)
            ahead = recorded.at - self.true.now
            note(self.witness, recorded, self.policies, true=self.true.elapsed, ahead=ahead)
            for watch in self._watches:
                watch.note(recorded)
            subject = getattr(recorded.fact, "subject", None)
            if subject is not None:
                touched.setdefault(recorded.at, set()).update(self.witness.holder(subject))
        for at, subjects in touched.items():
            interlock.owed(self.checks, self.witness, subjects, at)
            for watch in self._watches:
                watch.owed(subjects, at)
        if fresh:
            self._entries_follow(set().union(*touched.values()))

    def _fresh(self) -> list[f.Recorded]:
        """Read what was committed since, whether it has its place in the tree or waits for it."""
        fresh = []
        for data in self.store.entries(self.witness.edge.size, self.store.size()):
            fresh.append(self.witness.read(data))
            self.witness.place(data)
        fresh += [self.witness.read(data) for data in self.ground.waiting()]
        return [one for one in fresh if one is not None]

    def _holds(self, gate: str, subject: str, item: str) -> bool:
        return any(site.name == gate and site.holds(subject, item) for site in self.sites)

    def _entries_follow(self, touched: set[str]) -> None:
        """Take in the feed as a reader without delay would, and compare it with what the facts say (L2)."""
        lines = self.store.feed(self._head, 10_000)
        self.entries.update({line.entry.subject: line.entry for line in lines if isinstance(line.entry, Entry)})
        self._head = max((line.seq for line in lines), default=self._head)
        for line in lines:
            for alias in line.entry.aliases:
                bearer = self._bearers.setdefault(alias, line.entry.subject)
                one = bearer == line.entry.subject
                self.checks.that(Law.L17, one, f"one account has two tokens: {bearer} and {line.entry.subject}")
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
            shields = (shield for item in entry.items for shield in item.standing.shields)
            self.shielding.check(subject, shields, self.entries, sealed, where="the feed")

    # --- the gates

    def exchange(
        self,
        site: Site,
        account: str,
        subject: str | None,
        model: str,
        tools: tuple[str, ...],
        *,
        tenant: str | None = None,
    ) -> Verdict:
        """Judge an exchange at a gate, check it against what is owed there, and record it where a case is open."""
        site.beat()
        verdict = site.judge(account, model, tools=tools, tenant=tenant)
        subject = subject or self._named(account)
        above = None if tenant is None else self._named(tenant)
        self._judged(site, verdict, subject, above)
        held = None if subject is None else site.gate.held(subject)
        if subject is not None and held is not None and held.entry.open:
            self._record(site, subject, model, verdict)
        return verdict

    def _named(self, account: str) -> str | None:
        """Return the token of an account, None where nobody has ever spoken of it."""
        return self._bearers.get(gate_alias(self.keyring.gate, account).hex())

    def _judged(self, site: Site, verdict: Verdict, subject: str | None, above: str | None) -> None:
        """Check a verdict: what is in force for the account is, with what people set for the tenant above it."""
        where = f"{site.name} for {subject or 'somebody'}"
        own, tenant = (list(protection.ever(self.witness, one)) if one else [] for one in (subject, above))
        possible = own + [item for item in tenant if not item.is_default]
        there = self._there(site, subject) + [one for one in self._there(site, above) if not one[0].is_default]
        owed = join(*(standing for _, standing in there))
        protection.check_verdict(self.checks, verdict, owed, possible, site.unknown, where=where)
        items = (item for item, _ in there)
        reviewing.check_told(self.checks, verdict, items, possible, now=site.now, where=where)
        self.shielding.check(subject, verdict.shields, self.entries, 0, where=where)
        bare = verdict.reason_ref in (None, subject)
        self.checks.that(Law.L11, bare, f"{where} refers to the case of {verdict.reason_ref}")

    def _there(self, site: Site, subject: str | None) -> list[tuple[SeenItem, Standing]]:
        """Return the least that a gate holds of an account."""
        if site.contact is None or subject is None:
            return []
        return protection.by_nature(
            self.witness, subject, self.sealed, self.true.elapsed, contact=site.contact, lowest=self._ahead.lowest
        )

    def _record(self, site: Site, subject: str, model: str, verdict: Verdict) -> None:
        self.log.append(exchange_row(len(self.log), site.name, subject, model, verdict, now=self.now))
