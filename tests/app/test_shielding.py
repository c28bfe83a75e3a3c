"""Names under a shield.

Law: only names that the subject himself used, and none of them in a fact (L11).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.app import shielding
from answerable.app.incoming import Taken
from answerable.app.verbs import MeasureIn, ProposalIn
from answerable.core.facts import CaseId, Hazard, LoweringKind, Refused
from answerable.vault.identifiers import Identifier, IdentifierKind
from answerable_gate import Level, Shield, Standing
from tests.scenarios.story import FIRST_REVIEWER, PERSON_EMAIL, PERSON_NAME, SECOND_REVIEWER, Story, case_of

WROTE = "I know where Mara Ellison lives. Mara will see."


def story(tmp_path: Path, wrote: str = WROTE) -> tuple[Story, CaseId, str]:
    """Tell of a person who gave notice, and of a flag on what was written about her; give the case and her token."""
    house = Story(tmp_path)
    house.enrol()
    house.notice()
    her = (Identifier(IdentifierKind.EMAIL, PERSON_EMAIL),)
    flagged: Taken = house.flag(hazard=Hazard.STALKING, person=her, evidence=wrote)
    case = case_of(flagged)
    return house, case, str(house.file(case)["person"])


def decide(house: Story, case: CaseId, *shields: Shield, staff: object = FIRST_REVIEWER) -> Refused | None:
    """Let a reviewer shield somebody."""
    wanted = MeasureIn(
        level=Level.PAUSED, shields=frozenset(shields), reason="As I see it.", proportionality="Nothing milder."
    )
    refused = house.answerable.decide(case, wanted, staff=staff)  # type: ignore[arg-type]
    house.sync()
    return refused


def found(house: Story, text: str) -> bool:
    """Ask the gate whether a text names somebody shielded."""
    return house.gate.names(house.request()).find(text)


def test_the_names_that_he_used_are_shielded(tmp_path: Path) -> None:
    """Without names in the decision, those that a notice gave and that stand in what he wrote."""
    house, case, person = story(tmp_path)
    house.opens(case, FIRST_REVIEWER)
    assert decide(house, case, Shield(person, ())) is None
    assert found(house, "a letter to Ellison, Mara")
    assert not found(house, "Mara")


def test_a_name_that_he_never_used_is_refused(tmp_path: Path) -> None:
    """It would tell him who warned; one that he used is taken, also a first name alone."""
    house, case, person = story(tmp_path)
    house.opens(case, FIRST_REVIEWER)
    refused = decide(house, case, Shield(person, ("Mara", PERSON_EMAIL)))
    assert refused is not None
    assert refused.code == "not_his_words"
    assert decide(house, case, Shield(person, ("Mara",))) is None
    assert found(house, "Dear Mara")


def test_without_that_question_her_address_would_be_shielded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks here see a house that takes a notice's names for his."""
    monkeypatch.setattr(shielding, "_is_used", lambda *_: True)
    house, case, person = story(tmp_path, wrote="I know where she lives.")
    house.opens(case, FIRST_REVIEWER)
    assert decide(house, case, Shield(person, ())) is None
    assert found(house, PERSON_NAME)
    assert found(house, PERSON_EMAIL)


def test_nothing_is_shielded_where_he_named_nobody(tmp_path: Path) -> None:
    """The shield stands, and holds no name that only she gave."""
    house, case, person = story(tmp_path, wrote="I know where she lives.")
    house.opens(case, FIRST_REVIEWER)
    assert decide(house, case, Shield(person, ())) is None
    assert not house.gate.names(house.request())
    assert not found(house, PERSON_NAME)


def test_no_fact_holds_a_name(tmp_path: Path) -> None:
    """Nor does the feed."""
    house, case, person = story(tmp_path)
    house.opens(case, FIRST_REVIEWER)
    assert decide(house, case, Shield(person, ("Mara Ellison",))) is None
    _, lines = house.reading.entries_after(0)
    told = b"".join([*lines, *house.store.entries(0, house.store.size())]).lower()
    assert person.encode() in told
    assert b"ellison" not in told


def test_who_has_not_read_the_case_cannot_try_names(tmp_path: Path) -> None:
    """The refusal would tell what stands in it (L6)."""
    house, case, person = story(tmp_path)
    for name in ("Mara Ellison", "Somebody Else"):
        refused = decide(house, case, Shield(person, (name,)))
        assert refused is not None
        assert refused.code == "not_opened"
        stranger = decide(house, case, Shield(person, (name,)), staff="nobody")
        assert stranger is not None
        assert stranger.code == "not_authorised"


def test_a_lowering_keeps_names_and_adds_none(tmp_path: Path) -> None:
    """By the name or by its sealed term; a sealed term that stands nowhere is refused in a decision as well."""
    house, case, person = story(tmp_path)
    house.opens(case, FIRST_REVIEWER, SECOND_REVIEWER)
    assert decide(house, case, Shield(person, ("Mara Ellison",))) is None
    (shield,) = house.request().shields

    def propose(*terms: str) -> object:
        to = Standing(Level.GUARDED, shields=frozenset({Shield(person, terms)}))
        wanted = ProposalIn(kind=LoweringKind.LIFT, reason="It was a novel.", to=to)
        return house.answerable.propose(case, wanted, staff=FIRST_REVIEWER)

    for refused in (propose("Bea"), propose("1:" + "0" * 32), decide(house, case, Shield(person, ("1:" + "0" * 32,)))):
        assert isinstance(refused, Refused)
        assert refused.code == "bad_input"
    assert decide(house, case, Shield(person, shield.terms)) is None
    for kept in (propose("Mara Ellison"), propose(*shield.terms)):
        assert not isinstance(kept, Refused) or kept.code != "bad_input", kept
