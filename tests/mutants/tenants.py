"""Faults in who is reached by what was set for a tenant, and the shortest story in which each cannot stay unseen.

Law: each story passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from answerable.app import AccountIn, Identifier, IdentifierKind, MeasureIn, NoticeIn, SignalIn, identifying
from answerable.app import tenants as asking
from answerable.core import decisions, parties
from answerable.core import facts as f
from answerable_gate import Gate, Level, Request, Shield, gate
from tests.mutants.stage import LEAD, Stage

Patch = pytest.MonkeyPatch
HER = "her@mail.example"
ANN, BO = "acme/ann", "acme/bo"


# --- what somebody might build -----------------------------------------------------------------------------------


def the_same_shield_for_all(patch: Patch) -> None:
    """What is set for the tenant is what was set for its end user, names and all."""

    def widen(journal: Any, case: Any, wanted: Any, *, staff: Any) -> Any:
        there = parties.widened(journal, case, wanted.scope)
        if isinstance(there, f.Refused):
            return there
        return decisions.decide(journal, there.id, replace(wanted, scope=decisions.WHOLE), staff=staff)

    patch.setattr(decisions, "_widen", widen)


def a_scope_is_a_word(patch: Patch) -> None:
    """The scope of a measure stands in it, for whoever reads it."""
    patch.setattr(decisions, "_widen", lambda *_, **__: None)


def a_lesser_measure_is_enough_for_the_others(patch: Patch) -> None:
    """The others have done nothing, so they are only watched more closely."""
    decide = decisions.decide

    def milder(journal: Any, case: Any, wanted: Any, *, staff: Any) -> Any:
        is_tenant = journal.files.subject(journal.files.case(case).subject).is_tenant
        return decide(journal, case, replace(wanted, level=Level.WATCH) if is_tenant else wanted, staff=staff)

    patch.setattr(decisions, "decide", milder)


def every_decision_is_about_the_tenant(patch: Patch) -> None:
    """Whoever has such end users answers for them."""
    decide = decisions.decide

    def widened(journal: Any, case: Any, wanted: Any, *, staff: Any) -> Any:
        above = journal.files.subject(journal.files.case(case).subject).tenant
        return decide(journal, case, replace(wanted, scope="organisation") if above else wanted, staff=staff)

    patch.setattr(decisions, "decide", _written_as_before(widened))
    patch.setattr("answerable.app.verbs.WIDER", {"account": None, **parties.WIDER})


def _written_as_before(decide: Any) -> Any:
    """Let the measure of the account itself say what was asked for."""

    def decided(journal: Any, case: Any, wanted: Any, *, staff: Any) -> Any:
        refused = decide(journal, case, wanted, staff=staff)
        for number, one in enumerate(journal.written):
            if isinstance(one.fact, f.MeasureSet):
                journal.written[number] = replace(one, fact=replace(one.fact, scope=wanted.scope))
        return refused

    return decided


def what_came_by_itself_is_the_tenants(patch: Patch) -> None:
    """An entry is an entry."""
    patch.setattr(gate, "decided", lambda held: held)


def whom_nobody_has_spoken_of_is_free(patch: Patch) -> None:
    """Of somebody whom the gate does not know there is nothing to look up."""
    check = Gate.check

    def known(self: Any, request: Request, **more: Any) -> Any:
        is_known = self._table.find(self.alias(request.identity))
        return check(self, request if is_known else replace(request, tenant=None), **more)

    patch.setattr(Gate, "check", known)


def the_reference_of_the_tenants_case_is_told(patch: Patch) -> None:
    """Whoever is refused may know by which case."""
    decided = gate.decided

    def told(held: Any) -> Any:
        return replace(decided(held), entry=replace(decided(held).entry, reason_ref=held.entry.reason_ref))

    patch.setattr(gate, "decided", told)


def whoever_has_the_reference_may_read_it(patch: Patch) -> None:
    """There is one administration of tenants as far as the record goes."""
    find = identifying.find_tenant
    patch.setattr(identifying, "find_tenant", lambda tx, index, _: find(tx, index, "acme"))


# --- the stories that find it ------------------------------------------------------------------------------------


def _tenant() -> Stage:
    """Let the directory report an organisation; a rival asks for what it is asked as well."""
    stage = Stage()
    for name in ("acme", "rival"):
        came = AccountIn(account=name, identifiers=(), party=f.Party.ORGANISATION)
        taken = stage.house.act("tenant", partial(stage.house.app.see_account, came))
        assert taken is not None
        stage.subjects[name] = taken.id
    return stage


def _writes_of_her(stage: Stage, user: str) -> f.CaseId:
    """Let her warn, and an end user write of her."""
    her = (Identifier(IdentifierKind.EMAIL, HER),)
    about = (Identifier(IdentifierKind.ACCOUNT, user),)
    notice = NoticeIn(
        id="n", source="portal", text="He follows me.", subject=about, reporter=her, reporter_is_person=True,
        hazard=f.Hazard.STALKING,
    )  # fmt: skip
    stage.house.act("notice", lambda: stage.house.app.receive_notice(notice))
    stage.house.shielding.wrote(user, HER)
    came = SignalIn(
        id="s", source="c", model="m", version="1", label="x", hazard=f.Hazard.STALKING, user=user, person=her,
        evidence=f"I know where {HER} lives.", kind=f.SignalKind.TRAJECTORY,
    )  # fmt: skip
    taken = stage.house.act("flag", lambda: stage.house.app.raise_signal(came))
    assert taken is not None and taken.case is not None
    stage.subjects[user] = stage.house.witness.cases[taken.case].subject
    return f.CaseId(taken.case)


def _decide(stage: Stage, case: f.CaseId, scope: str) -> None:
    stage.view(case, LEAD)
    shields = frozenset((Shield(stage.house.witness.cases[case].person, ()),))
    wanted = MeasureIn(level=Level.PAUSED, shields=shields, scope=scope, reason="So.", proportionality="So.")
    assert stage.house.act("decide", lambda: stage.house.app.decide(case, wanted, staff=LEAD)) is None


def _heard(stage: Stage) -> None:
    stage.carry()
    stage.wait(seconds=30)


def somebody_decides_for_all_below_a_tenant() -> None:
    """Somebody pauses an organisation for one end user, who wrote of her; another comes for the first time."""
    stage = _tenant()
    _decide(stage, _writes_of_her(stage, ANN), "organisation")
    _heard(stage)
    assert [stage.ask(user).answer for user in (ANN, BO, "rival/ann")] == ["refuse", "refuse", "allow"]


def somebody_decides_about_an_end_user() -> None:
    """Somebody pauses an end user, and means that one alone."""
    stage = _tenant()
    _decide(stage, _writes_of_her(stage, ANN), "account")
    _heard(stage)
    assert [stage.ask(user).answer for user in (ANN, BO)] == ["refuse", "allow"]


def a_tenants_traffic_is_flagged() -> None:
    """A flag speaks of nobody whom the tenant names; the tenant is asked, and a rival tries to read along."""
    stage = _tenant()
    stage.flag("acme", trajectory=True)
    _heard(stage)
    assert [stage.ask(user).answer for user in ("acme", BO)] == ["limit", "allow"]
    app = stage.house.app
    for name in ("acme", "rival"):
        listed = stage.house.act("references", partial(asking.listed, app.acts, app.intake, name))
        assert listed is not None
        stage.house.widening.shown(stage.subjects[name], listed)
