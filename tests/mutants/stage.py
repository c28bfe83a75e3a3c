"""A stage for directed stories: one house, short verbs, time that moves when told to, and no chance.

Law: the same checks watch here as in the simulated world, so that a killer proves that they can see.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from answerable.app import (
    AccountIn,
    AccountState,
    CaseFile,
    Identifier,
    IdentifierKind,
    MeasureIn,
    NoticeIn,
    ProposalIn,
    SignalIn,
    StateIn,
    Taken,
    sources,
)
from answerable.core import facts as f
from answerable.core.recalls import Said
from answerable.simulation.grounds import Ground
from answerable.simulation.house import House
from answerable.simulation.outside import Mail
from answerable.simulation.people import User, named, staff
from answerable.simulation.seen import START
from answerable.simulation.switches import ask_for_support
from answerable.work.outbox import deliver
from answerable.work.ticker import sweep
from answerable_gate import Level, Standing, Verdict
from tests.sources import ROOT

STAFFED = (ROOT / "src/answerable/blobs/policies/staffed.toml").read_text()
LEAD, OTHER, PARTNER, JUNIOR = (f.StaffId(name) for name in ("lead-1", "lead-2", "partner-1", "reviewer-1"))


class Stage:
    """One story."""

    def __init__(
        self,
        *,
        policy: str = STAFFED,
        ground: Ground | None = None,
        servers: int = 1,
        between: Callable[[str], None] | None = None,
    ) -> None:
        people = tuple(one.person for one in staff())
        self.house = House(1, policy, people, gates=1, servers=servers, ground=ground, between=between)
        self.subjects: dict[str, str] = {}
        self._given = 0

    # --- time and the feed

    def wait(self, **span: float) -> None:
        """Let time pass and the record write down what it brought."""
        self.house.true.elapsed += timedelta(**span)

    def tick(self) -> None:
        """Let the worker write down what is due."""
        for subject in self.house.store.due(self.house.now, 100):
            self.house.act("settle", partial(self.house.app.settle, subject))

    def deliver(self) -> None:
        """Let the worker send what waits, letters into the void."""
        while self.house.act("deliver", lambda: deliver(self.house.worker.app, (Mail(),), self.house.stores)):
            pass

    def carry(self) -> None:
        """Sign a checkpoint, and let every gate hear everything."""
        self.house.seal()
        for site in self.house.sites:
            site.send()
            site.arrive()

    # --- what comes in

    def account(self, user: str, email: str, phone: str, party: f.Party = f.Party.UNKNOWN) -> str:
        """Let the directory report an account with its verified identifiers; return its token."""
        shared = (Identifier(IdentifierKind.EMAIL, email), Identifier(IdentifierKind.PHONE, phone))
        came = AccountIn(account=user, identifiers=shared, verified_at=self.house.now, party=party)
        taken = self.house.act("account", lambda: self.house.app.see_account(came))
        assert taken is not None
        self.subjects[user] = taken.id
        return taken.id

    def flag(self, user: str, *, hazard: f.Hazard = f.Hazard.STALKING, trajectory: bool = False) -> f.CaseId:
        """Raise a flag."""
        self._given += 1
        kind = f.SignalKind.TRAJECTORY if trajectory else f.SignalKind.FLAG
        came = SignalIn(
            id=f"s{self._given}", source="c", model="m", version="1", label="x", hazard=hazard, user=user, kind=kind
        )
        return self._taken(user, self.house.act("flag", lambda: self.house.app.raise_signal(came)))

    def switch(self, user: str, state: AccountState) -> f.CaseId | None:
        """Let the operator's own systems switch an account off or on."""
        self._given += 1
        came = StateIn(id=f"a{self._given}", source="trust", account=user, state=state)
        taken = self.house.act("switch", lambda: self.house.app.report_state(came))
        return None if taken is None or taken.case is None else self._taken(user, taken)

    def say(
        self, user: str, *, source: str = "noisy", version: str = "1", hazard: f.Hazard = f.Hazard.MASS_CASUALTY
    ) -> f.CaseId:
        """Let another source raise a flag, by default one of the gravest class."""
        self._given += 1
        came = SignalIn(
            id=f"s{self._given}", source=source, model="m", version=version, label="x", hazard=hazard, user=user
        )
        return self._taken(user, self.house.act("flag", lambda: self.house.app.raise_signal(came)))

    def recall(self, *, version: str = "1") -> sources.Proposed:
        """Propose to take back all that the noisy source has said so far."""
        said = Said(source="noisy", model="m", version=version, since=START, until=self.house.now)
        wanted = sources.RecallIn(said=said, reason="It says so of everybody.")
        found = self.house.act("recall", lambda: sources.propose(self.house.app.acts, wanted, staff=LEAD))
        assert isinstance(found, sources.Proposed), found
        return found

    def signed(self, recall: sources.Proposed) -> None:
        """Let both read the sample and sign."""
        for person in (LEAD, recall.drawn):
            for case in recall.sample:
                self.view(case, person)
            refused = self.house.act("sign", partial(sources.sign, self.house.app.acts, recall.recall, staff=person))
            assert refused is None, refused

    def release(self, recall: sources.Proposed) -> None:
        """Let a recall take effect, and the worker go through the cases."""
        app = self.house.app
        told = self.house.act("release", lambda: sources.release(app.acts, recall.recall, staff=LEAD))
        assert isinstance(told, f.Tier), told
        self.house.act("sweep", lambda: sweep(self.house.worker.app))

    def support(self, user: str) -> None:
        """Let support ask whether it may send somebody the way back in."""
        asked = User(account=user, email=f"{user}@mail.example", subject=self.subjects.get(user))
        ask_for_support(self.house, asked, f.DeskAction.SEND_REENTRY_INSTRUCTIONS)

    def warn(
        self, user: str, *, reporter: str = "her@mail.example", text: str = "", danger: bool = False,
        is_person: bool = True,
    ) -> f.CaseId:  # fmt: skip
        """Give a notice, by default as the person at risk."""
        self._given += 1
        came = NoticeIn(
            id=f"n{self._given}",
            source="portal",
            text=text or f"He follows me ({self._given}).",
            subject=(Identifier(IdentifierKind.ACCOUNT, user),),
            reporter=named(reporter),
            reporter_is_person=is_person,
            hazard=f.Hazard.STALKING,
            danger_now=danger,
        )
        return self._taken(user, self.house.act("notice", lambda: self.house.app.receive_notice(came)))

    def _taken(self, user: str, taken: Taken | None) -> f.CaseId:
        assert taken is not None and taken.case is not None
        self.subjects[user] = self.house.witness.cases[taken.case].subject
        return f.CaseId(taken.case)

    # --- what people do

    def view(self, case: f.CaseId, who: f.StaffId) -> CaseFile:
        """Open a case."""
        file = self.house.view(case, who)
        assert isinstance(file, CaseFile), file
        return file

    def answer(self, case: f.CaseId, who: f.StaffId) -> None:
        """Open a case and answer everything in it."""
        app, body = self.house.app, self.view(case, who).body
        for one in body["notices"]:
            notice = partial(app.answer_notice, outcome=f.Outcome.NOT_UPHELD)
            self.house.act("answer", partial(notice, case, one["id"], staff=who, text="No."))
        for one in body["signals"]:
            signal = partial(app.answer_signal, outcome=f.Outcome.HARMLESS)
            self.house.act("answer", partial(signal, case, one["id"], staff=who, text="No."))

    def decide(self, case: f.CaseId, level: Level, who: f.StaffId) -> f.Refused | None:
        """Open a case and decide alone."""
        self.view(case, who)
        wanted = MeasureIn(level=level, reason="So.", proportionality="So.")
        return self.house.act("decide", lambda: self.house.app.decide(case, wanted, staff=who))

    def propose(
        self, case: f.CaseId, who: f.StaffId, level: Level = Level.NONE, **more: object
    ) -> f.ProposalId | f.Refused:
        """Propose a lift, or whatever `more` says."""
        values: dict = {"kind": f.LoweringKind.LIFT, "reason": "So.", "to": Standing(level)}
        wanted = ProposalIn(**(values | more))
        found = self.house.act("propose", lambda: self.house.app.propose(case, wanted, staff=who))
        assert found is not None
        return found

    def countersign(self, case: f.CaseId, proposal: str, who: f.StaffId) -> f.Refused | None:
        """Sign as the second."""
        name = f.ProposalId(proposal)
        return self.house.act("countersign", lambda: self.house.app.countersign(case, name, staff=who))

    def lift(self, case: f.CaseId, proposal: str, who: f.StaffId) -> f.Refused | None:
        """Carry a proposal out."""
        name = f.ProposalId(proposal)
        return self.house.act("lift", lambda: self.house.app.lift(case, name, staff=who))

    def agreed(self, case: f.CaseId, level: Level = Level.NONE, **more: object) -> tuple[f.ProposalId, f.StaffId]:
        """Have a lift proposed by the lead and countersigned by whoever was drawn; return it and the second."""
        self.answer(case, LEAD)
        proposal = self.propose(case, LEAD, level, **more)
        assert isinstance(proposal, str), proposal
        second = f.StaffId(self.house.witness.cases[case].proposals[proposal].drawn[-1])
        self.view(case, second)
        refused = self.countersign(case, proposal, second)
        assert refused is None, refused
        return proposal, second

    # --- who uses

    def ask(self, user: str) -> Verdict:
        """Ask for one exchange at the first gate, with a tenant's key where one is above."""
        tenant, _, below = user.partition("/")
        site, above = self.house.sites[0], tenant if below else None
        return self.house.exchange(site, user, self.subjects.get(user), "small", (), tenant=above)
