"""What a member of staff does with one case: the work as it should be, and every shortcut somebody might try.

Law: a shortcut that succeeds is seen by the checks, not judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from answerable.app import CaseFile, MeasureIn, ProposalIn
from answerable.core import facts as f
from answerable.simulation.chance import Chance
from answerable.simulation.house import House
from answerable.simulation.people import HANDLE, Manner
from answerable_gate import Level, Shield, Standing

QUEUE = 12
T = TypeVar("T")


class Desk:
    """One person's desk."""

    def __init__(
        self, house: House, staff: str, manner: Manner, chance: Chance, is_dangerous: Callable[[str], bool]
    ) -> None:
        """Take who works here, how, and what a careful look would find to be true of an account."""
        self._house = house
        self._staff = f.StaffId(staff)
        self._manner = manner
        self._chance = chance
        self._is_dangerous = is_dangerous

    def work(self) -> None:
        """Take a case from the queue and do something with it."""
        if self._manner is Manner.ABSENT:
            return
        only_open = self._chance.happens(0.9)
        rows = self._house.reading.cases(staff=self._staff, after=None, limit=QUEUE, only_open=only_open)
        if not rows:
            return
        case = self._waiting() or (self._chance.pick(rows).case if self._chance.happens(0.7) else rows[0].case)
        if self._manner is Manner.COLLUDING:
            self._cheat(case)
            return
        file = self.view(case)
        if not isinstance(file, CaseFile):
            return
        if self._manner is Manner.TIRED:
            self._reply(case, file.body)
        elif self._chance.happens(0.05):
            self._object(case, file.body)
        else:
            self._review(case, file.body)

    def _waiting(self) -> f.CaseId | None:
        """Return a case in which a proposal waits for this person, as the page that was sent says."""
        if not self._chance.happens(0.7):
            return None
        for case in self._house.witness.cases.values():
            for one in case.proposals.values():
                if one.performed_at is None and case.is_open and self._staff in (one.fact.staff, *one.drawn[-1:]):
                    return f.CaseId(case.id)
        return None

    def view(self, case: f.CaseId) -> CaseFile | f.Refused | None:
        """Open a case, and now and then every other of its holder: without that nobody may sign a lowering."""
        file = self._house.view(case, self._staff)
        if isinstance(file, CaseFile) and self._chance.happens(0.4):
            for other in file.body["linked_cases"]:
                self._house.view(other, self._staff)
        return file

    def _do(self, name: str, case: str, verb: Callable[[], T]) -> T | None:
        return self._house.act(f"{self._staff} {name} {case[:12]}", verb)

    # --- the work as it should be

    def _review(self, case: f.CaseId, body: dict[str, Any]) -> None:
        subject = self._house.witness.cases[case].subject
        dangerous = self._is_dangerous(subject)
        if self._sign_what_waits(case, body):
            return
        self._answer(case, body, dangerous=dangerous)
        if dangerous and self._chance.happens(0.3) and body["signals"]:
            found = body["signals"][-1]["id"]
            app = self._house.app
            self._do("act", case, lambda: app.record_act(case, found, staff=self._staff, text="He says so himself."))
        level = Level.of(body["yardstick"])
        if dangerous or not self._lower(case, body):
            self._decide(case, Level(min(level + 1, max(level, Level.SUSPENDED))) if dangerous else level)

    def _answer(self, case: f.CaseId, body: dict[str, Any], *, dangerous: bool) -> None:
        outcome = f.Outcome.UPHELD if dangerous else f.Outcome.HARMLESS
        app, staff = self._house.app, self._staff
        for notice in body["notices"]:
            if not notice["answered"] and self._chance.happens(0.8):
                name = notice["id"]
                said = f.Outcome.UPHELD if dangerous else f.Outcome.NOT_UPHELD
                verb = partial(app.answer_notice, case, name, staff=staff, outcome=said, text="Our answer.")
                self._do("answer", case, verb)
        for signal in body["signals"]:
            if not signal["answered"] and self._chance.happens(0.8):
                name = signal["id"]
                seen = partial(app.answer_signal, case, name, staff=staff, outcome=outcome, text="Seen.")
                self._do("answer", case, seen)

    def _decide(self, case: f.CaseId, level: Level, *names: str) -> None:
        """Decide, and shield whoever is endangered: by these names, or by those that the notices gave.

        Of a tenant's end user now and then for all below the tenant, whose own cases are read first.
        """
        witness = self._house.witness
        person, above = witness.cases[case].person, witness.above.get(witness.cases[case].subject)
        widens = above is not None and self._chance.happens(0.5)
        for other in list(witness.cases_of({above} if widens and above else set())):
            self._house.view(f.CaseId(other.id), self._staff)
        scope = witness.party[above].value if widens and above else "account"
        shields = frozenset[Shield]() if person == f.UNKNOWN else frozenset((Shield(person, names),))
        wanted = MeasureIn(
            level=level, shields=shields, scope=scope, reason="On what I read.", proportionality="Nothing less."
        )
        self._do("decide", case, lambda: self._house.app.decide(case, wanted, staff=self._staff))

    def _sign_what_waits(self, case: f.CaseId, body: dict[str, Any]) -> bool:
        """Sign, carry out or hand on a proposal that waits for this person; return whether there was one."""
        app, staff = self._house.app, self._staff
        for proposal in body["proposals"]:
            if proposal["performed"] is not None or staff not in (proposal["by"], proposal["drawn"]):
                continue
            name = proposal["id"]
            refused = self._do("lift", case, partial(app.lift, case, name, staff=staff))
            if not isinstance(refused, f.Refused) or refused.code in ("cooling_off", "unanswered"):
                self._answer(case, body, dangerous=False)
            elif staff == proposal["by"] and refused.code == "second_person_needed":
                self._do("redraw", case, partial(app.redraw, case, name, staff=staff))
            else:
                self._answer(case, body, dangerous=False)
                self._do("countersign", case, partial(app.countersign, case, name, staff=staff))
            return True
        return False

    def _lower(self, case: f.CaseId, body: dict[str, Any]) -> bool:
        """Close or propose what the case of a harmless person asks for; return whether that was possible."""
        app, staff = self._house.app, self._staff
        closed = self._do("close", case, lambda: app.close(case, f.EndState.UNFOUNDED, staff=staff, reason="Nothing."))
        if closed is None:
            return True
        live = (one for one in body["measures"] if not one["settled"] and not one["lifted"])
        held = max((Level.of(one["level"]) for one in live), default=Level.NONE)
        kind = f.LoweringKind.LIFT if held > Level.WATCH else f.LoweringKind.CLOSE
        to = Standing(Level(max(0, held - 1)))
        wanted = ProposalIn(kind=kind, reason="Harmless.", to=to, end=f.EndState.RESOLVED)
        return isinstance(self._do("propose", case, lambda: app.propose(case, wanted, staff=staff)), str)

    def _object(self, case: f.CaseId, body: dict[str, Any]) -> None:
        """Disagree in writing, or as a senior override somebody who did."""
        app, staff = self._house.app, self._staff
        for dissent in body["dissents"]:
            self._do("override", case, partial(app.override, case, dissent, staff=staff, text="I answer for it."))
            return
        self._do("dissent", case, partial(app.dissent, case, staff=staff, text="This is not enough."))

    # --- the work as it should not be

    def _reply(self, case: f.CaseId, body: dict[str, Any]) -> None:
        for notice in body["notices"][:1]:
            text = "This is extremely serious. Thank you."
            verb = partial(self._house.app.reply, case, notice["id"], staff=self._staff, text=text)
            self._do("reply", case, verb)

    def _cheat(self, case: f.CaseId) -> None:
        """Try one shortcut; the house refuses it, or the checks find that it worked."""
        attempts = (
            self._decide_lower, self._close_alone, self._lift_alone, self._sign_unseen, self._lift_early, self._retier,
            self._waive, self._refute_alone, self._untie, self._shield_all,
        )  # fmt: skip
        self._chance.pick(attempts)(case)

    def _decide_lower(self, case: f.CaseId) -> None:
        self._decide(case, Level(self._chance.below(3)))

    def _shield_all(self, case: f.CaseId) -> None:
        """Shield somebody by what her friends call her."""
        self.view(case)
        self._decide(case, Level.SUSPENDED, f"{HANDLE}.a")

    def _close_alone(self, case: f.CaseId) -> None:
        self.view(case)
        app, staff = self._house.app, self._staff
        self._do("close", case, lambda: app.close(case, f.EndState.RESOLVED, staff=staff, reason="Enough."))

    def _lift_alone(self, case: f.CaseId) -> None:
        """Propose and sign for both."""
        self.view(case)
        app, staff = self._house.app, self._staff
        wanted = ProposalIn(kind=f.LoweringKind.LIFT, reason="Friend.", to=Standing(Level.GUARDED))
        proposal = self._propose(case, wanted)
        if proposal is not None:
            self._do("countersign", case, lambda: app.countersign(case, proposal, staff=staff))
            self._do("lift", case, lambda: app.lift(case, proposal, staff=staff))

    def _sign_unseen(self, case: f.CaseId) -> None:
        """Sign whatever waits, without having opened anything new."""
        app, staff = self._house.app, self._staff
        for proposal in list(self._house.witness.cases[case].proposals):
            self._do("countersign", case, partial(app.countersign, case, proposal, staff=staff, waives=True))

    def _lift_early(self, case: f.CaseId) -> None:
        app, staff = self._house.app, self._staff
        for proposal in list(self._house.witness.cases[case].proposals):
            self._do("lift", case, partial(app.lift, case, proposal, staff=staff))

    def _retier(self, case: f.CaseId) -> None:
        self.view(case)
        tier = self._house.witness.cases[case].tier
        down = f.Tier(min(tier + 1 + self._chance.below(2), 3))
        self._propose(case, ProposalIn(kind=f.LoweringKind.RETIER, reason="Not so bad.", tier=down))

    def _waive(self, case: f.CaseId) -> None:
        self.view(case)
        wanted = ProposalIn(kind=f.LoweringKind.LIFT, reason="Wrong.", to=Standing(Level.WATCH), waives=True)
        self._propose(case, wanted)

    def _refute_alone(self, case: f.CaseId) -> None:
        self.view(case)
        for found in list(self._house.witness.cases[case].signals)[:1]:
            self._propose(case, ProposalIn(kind=f.LoweringKind.REFUTE, reason="Void.", evidence=found))

    def _untie(self, case: f.CaseId) -> None:
        """Say that two accounts are not one person's after all."""
        self.view(case)
        subject = self._house.witness.cases[case].subject
        for name, link in list(self._house.witness.links.items()):
            if subject in link.ends and link.withdrawn is None:
                wanted = ProposalIn(kind=f.LoweringKind.WITHDRAW_LINK, reason="Somebody else.", link=f.LinkId(name))
                self._propose(case, wanted)

    def _propose(self, case: f.CaseId, wanted: ProposalIn) -> f.ProposalId | None:
        found = self._do("propose", case, lambda: self._house.app.propose(case, wanted, staff=self._staff))
        return None if found is None or isinstance(found, f.Refused) else found
