"""Faults in shields, and the shortest story in which each cannot stay unseen.

Law: each story passes where nothing is planted, and the check that sees the fault is one of the simulator's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from answerable.app import Identifier, IdentifierKind, MeasureIn, NoticeIn, SignalIn, shielding
from answerable.app.acts import Act
from answerable.core import decisions, standing
from answerable.core import facts as f
from answerable.core.cases import Case
from answerable_gate import Level, Shield, Verdict, entry, packed
from tests.mutants.stage import LEAD, Stage

Patch = pytest.MonkeyPatch
NAME, HANDLE, HER = "Anna Exa", "@at.home", "her@mail.example"


# --- what somebody might build -----------------------------------------------------------------------------------


def a_notice_says_whom_to_shield(patch: Patch) -> None:
    """She knows best by which names he may find her."""
    patch.setattr(shielding, "_is_used", lambda *_: True)


def the_whole_case_is_looked_through(patch: Patch) -> None:
    """What stands in the case is in the case, whoever wrote it."""
    own = shielding._own_texts

    def everything(act: Act, case: Case) -> Iterator[str]:
        yield from own(act, case)
        for notice in case.notices.values():
            sealed = act.open(notice.fact.text) or b"{}"
            yield " ".join(one["raw"] for one in json.loads(sealed)["reporter"])

    patch.setattr(shielding, "_own_texts", everything)


def a_decision_takes_over_what_stands(patch: Patch) -> None:
    """Who decides on an account confirms what its other accounts have."""
    set_measure = decisions.set_measure

    def joined(journal: Any, case: Case, wanted: Any, **more: Any) -> None:
        floor = standing.yardstick(journal.files, case.subject, sealed=journal.sealed, now=journal.now)
        set_measure(journal, case, replace(wanted, shields=wanted.shields | floor.shields), **more)

    patch.setattr(decisions, "set_measure", joined)


def who_is_alike_is_judged_alike(patch: Patch) -> None:
    """A gate judges one of each level and limits, and the others by that."""
    patch.setattr(packed, "_IS_PLAIN", (True,) * 256)


def a_shield_is_left_at_home(patch: Patch) -> None:
    """What goes out over the wire is kept short."""
    encode = entry.encode_standing
    patch.setattr(entry, "encode_standing", lambda there: encode(replace(there, shields=frozenset())))


def a_gate_keeps_the_level_alone(patch: Patch) -> None:
    """A record of few bytes."""
    pack = packed._pack_item

    def short(item: Any, *more: Any) -> bytes:
        return pack(replace(item, standing=replace(item.standing, shields=frozenset())), *more)

    patch.setattr(packed, "_pack_item", short)


def a_shield_is_for_ever(patch: Patch) -> None:
    """Whom somebody endangered once is shielded from him whatever two people find."""
    items = standing.items

    def kept(files: Any, subject: Any, **more: Any) -> Any:
        found = list(items(files, subject, **more))
        ids = {item.id for item in found}
        for case in files.subject(subject).cases.values():
            lifted = (held.item for held in case.held.values() if held.item.standing.shields)
            found += [item for item in lifted if item.id not in ids]
        return found

    patch.setattr(standing, "items", kept)


# --- the stories that find it ------------------------------------------------------------------------------------


def _warn(stage: Stage, user: str) -> f.CaseId:
    """Let her give every name she has."""
    her = (
        Identifier(IdentifierKind.EMAIL, HER), Identifier(IdentifierKind.NAME, NAME),
        Identifier(IdentifierKind.HANDLE, HANDLE),
    )  # fmt: skip
    came = NoticeIn(
        id=f"warned of {user}", source="portal", text="He follows me.", reporter=her, reporter_is_person=True,
        subject=(Identifier(IdentifierKind.ACCOUNT, user),), hazard=f.Hazard.STALKING,
    )  # fmt: skip
    return _case(stage, user, stage.house.act("notice", lambda: stage.house.app.receive_notice(came)))


def _write(stage: Stage, user: str, name: str) -> f.CaseId:
    """Let an account write of somebody, and be flagged for it in her case."""
    stage.house.shielding.wrote(user, name)
    came = SignalIn(
        id=f"{user} wrote {name}", source="c", model="m", version="1", label="x", hazard=f.Hazard.STALKING, user=user,
        kind=f.SignalKind.TRAJECTORY, person=(Identifier(IdentifierKind.EMAIL, HER),),
        evidence=f"I know where {name} lives.",
    )  # fmt: skip
    return _case(stage, user, stage.house.act("flag", lambda: stage.house.app.raise_signal(came)))


def _case(stage: Stage, user: str, taken: Any) -> f.CaseId:
    assert taken is not None and taken.case is not None
    stage.subjects[user] = stage.house.witness.cases[taken.case].subject
    return f.CaseId(taken.case)


def _shield(stage: Stage, case: f.CaseId, level: Level = Level.GUARDED) -> None:
    """Let the lead read all and shield her by what there is."""
    for other in stage.view(case, LEAD).body["linked_cases"]:
        stage.view(other, LEAD)
    person = stage.house.witness.cases[case].person
    shields = frozenset((Shield(person, ()),))
    wanted = MeasureIn(level=level, shields=shields, reason="So.", proportionality="So.")
    assert stage.house.act("decide", lambda: stage.house.app.decide(case, wanted, staff=LEAD)) is None


def _ask(stage: Stage, user: str) -> Verdict:
    """Ask once everything that was sent must have come."""
    stage.carry()
    stage.wait(seconds=30)
    return stage.ask(user)


def _names(stage: Stage, user: str) -> set[str]:
    return {term for shield in _ask(stage, user).shields for term in shield.terms}


def somebody_is_shielded_of_whom_he_wrote() -> None:
    """She gives a name, an address and a handle; he wrote the name; the gate finds that one alone."""
    stage = Stage()
    _warn(stage, "u")
    _shield(stage, _write(stage, "u", NAME))
    held = stage.house.sites[0].gate.names(_ask(stage, "u"))
    assert held.find(NAME) and not held.find(HER) and not held.find(HANDLE)


def two_are_shielded_of_whom_each_wrote() -> None:
    """Two accounts wrote of her under two names, and have the same standing but for that."""
    stage = Stage()
    for user, name in (("u", NAME), ("v", HER)):
        _warn(stage, user)
        _shield(stage, _write(stage, user, name))
    assert _names(stage, "u") and _names(stage, "v") and not _names(stage, "u") & _names(stage, "v")


def two_accounts_are_taken_apart_again() -> None:
    """One of two linked accounts is shielded, the other decided about; then two people find that they are two men's."""
    stage = Stage()
    tokens = [stage.account(name, "own@mail.example", "+49 151 00000001") for name in ("u", "v")]
    _warn(stage, "u")
    _shield(stage, _write(stage, "u", NAME))
    other = stage.flag("v", trajectory=True)
    stage.view(other, LEAD)
    assert stage.decide(other, Level.GUARDED, LEAD) is None
    (link,) = [name for name, one in stage.house.witness.links.items() if set(one.ends) == set(tokens)]
    for case in stage.view(other, LEAD).body["linked_cases"]:
        stage.answer(case, LEAD)
    proposal, second = _agreed(stage, other, link)
    stage.wait(days=4)
    assert stage.lift(other, proposal, second) is None
    assert _names(stage, "u") and not _names(stage, "v")


def _agreed(stage: Stage, case: f.CaseId, link: str) -> tuple[str, f.StaffId]:
    stage.answer(case, LEAD)
    proposal = stage.propose(case, LEAD, kind=f.LoweringKind.WITHDRAW_LINK, link=link)
    assert isinstance(proposal, str), proposal
    second = f.StaffId(stage.house.witness.cases[case].proposals[proposal].drawn[-1])
    for one in (case, *stage.view(case, second).body["linked_cases"]):
        stage.view(one, second)
    assert stage.countersign(case, proposal, second) is None
    return proposal, second


def a_shield_is_lifted() -> None:
    """Two find that no shield is needed; it ends with their lift, and not before."""
    stage = Stage()
    _warn(stage, "u")
    case = _write(stage, "u", NAME)
    _shield(stage, case)
    assert _names(stage, "u")
    proposal, second = stage.agreed(case, Level.GUARDED)
    stage.wait(days=4)
    assert _names(stage, "u")
    assert stage.lift(case, proposal, second) is None
    assert not _names(stage, "u")
