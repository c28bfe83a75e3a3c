"""Genesis: who is enrolled, and who signs a policy.

Law: a policy comes into force by two who may decide, are two, and stand in no line; otherwise nothing is written.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.app.genesis import Person, adopt, adoption, enrol, establish
from answerable.core.facts import AUTOMATIC, PolicyAdopted, Refused, Role, StaffEnrolled, StaffId, StaffLeft
from answerable.errors import ConfigError
from tests.work.memory import SIGNERS, STAFF, InMemory, in_memory, policy

LEAD, PARTNER = SIGNERS
NEXT = policy().replace('version = "startup-1"', 'version = "startup-2"')
SALES = Person(id="sales-1", name="S", role=Role.COMMERCIAL, duty=False, superior=None)
BELOW = Person(id="reviewer-1", name="R", role=Role.REVIEWER, duty=False, superior="lead-1")


@pytest.fixture
def house(tmp_path: Path) -> InMemory:
    """Return a house with a policy in force, and somebody from sales and a reviewer under the lead."""
    found = in_memory(tmp_path)
    enrol(found.answerable.acts, found.answerable.intake.index, staff=[*STAFF, SALES, BELOW])
    return found


def adopted(house: InMemory) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return every adoption: who wrote it, which version, and who signed."""
    facts = house.store.all_recorded()
    return [(one.by, one.fact.version, one.fact.signed_by) for one in facts if isinstance(one.fact, PolicyAdopted)]


def test_the_record_names_exactly_the_two_who_signed(house: InMemory) -> None:
    """Their names, in the order in which they signed, and by the first of them; nobody else is ever put there."""
    assert adopt(house.answerable.acts, policy=NEXT, signers=(PARTNER, LEAD)) is None
    assert adopted(house) == [(LEAD, "startup-1", (LEAD, PARTNER)), (PARTNER, "startup-2", (PARTNER, LEAD))]
    assert house.answerable.acts.policy()[0].version == "startup-2"


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (LEAD, "sales-1", "not_authorised"),
        ("stranger", LEAD, "not_authorised"),
        (LEAD, LEAD, "not_two"),
        ("reviewer-1", LEAD, "one_line"),
        (LEAD, "reviewer-1", "one_line"),
    ],
)
def test_nobody_signs_alone_or_upwards_or_without_the_right_to_decide(
    house: InMemory, first: str, second: str, code: str
) -> None:
    """Refused, and not a word in the record."""
    size = house.store.size()
    refused = adopt(house.answerable.acts, policy=NEXT, signers=(StaffId(first), StaffId(second)))
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert house.store.size() == size
    assert house.answerable.acts.policy()[0].version == "startup-1"


def test_who_has_left_signs_nothing(house: InMemory) -> None:
    """A token that still lies in a drawer is no signature."""
    enrol(house.answerable.acts, house.answerable.intake.index, staff=STAFF[:1])
    assert any(isinstance(one.fact, StaffLeft) and one.fact.staff == PARTNER for one in house.store.all_recorded())
    assert isinstance(adopt(house.answerable.acts, policy=NEXT, signers=SIGNERS), Refused)


def test_a_policy_in_force_is_not_signed_again(house: InMemory) -> None:
    """Nothing is written twice."""
    assert adopt(house.answerable.acts, policy=policy(), signers=SIGNERS) is None
    assert len(adopted(house)) == 1


def test_another_text_under_the_same_version_is_refused(house: InMemory) -> None:
    """A decision names its version, and a version is one text for ever."""
    changed = policy() + "\n# another word\n"
    refused = adopt(house.answerable.acts, policy=changed, signers=SIGNERS)
    assert isinstance(refused, Refused)
    assert refused.code == "version_taken"
    found = adoption(house.answerable.acts, changed)
    assert (found.is_taken, found.is_adopted, found.in_force) == (True, False, "startup-1")
    assert "new version" in str(found.waiting)
    with pytest.raises(ConfigError, match="another text"):
        establish(
            house.answerable.acts, house.answerable.intake.index, staff=STAFF, policy=changed, signers=SIGNERS
        )


def test_what_is_configured_and_not_signed_waits(house: InMemory) -> None:
    """It is told, and changes nothing."""
    found = adoption(house.answerable.acts, NEXT)
    assert found.waiting == "policy startup-2 waits for two signatures"
    assert found.in_force == "startup-1"
    assert adoption(house.answerable.acts, policy()).waiting is None
    assert len(adopted(house)) == 1


def test_a_former_policy_comes_back_by_two_signatures(house: InMemory) -> None:
    """Its version keeps its text; going back is an adoption like any other."""
    assert adopt(house.answerable.acts, policy=NEXT, signers=SIGNERS) is None
    found = adoption(house.answerable.acts, policy())
    assert found.is_former
    assert str(found.waiting).startswith("policy startup-1 waits for two signatures, again, after startup-2")
    assert adopt(house.answerable.acts, policy=policy(), signers=(PARTNER, LEAD)) is None
    assert [version for _, version, _ in adopted(house)] == ["startup-1", "startup-2", "startup-1"]


def test_a_policy_that_does_not_load_is_told(house: InMemory) -> None:
    """Before anybody is asked for a signature."""
    with pytest.raises(ConfigError, match="does not load"):
        adoption(house.answerable.acts, "version = 1")


def test_the_roster_follows_the_configuration_as_facts(house: InMemory) -> None:
    """Only what changed is written, by no person, for whoever edits the file enrols."""
    acts, index, size = house.answerable.acts, house.answerable.intake.index, house.store.size()
    enrol(acts, index, staff=[*STAFF, SALES, BELOW])
    assert house.store.size() == size
    enrol(acts, index, staff=[*STAFF, BELOW])
    enrol(acts, index, staff=[*STAFF, SALES, BELOW])
    newest = [(one.by, type(one.fact)) for one in house.store.all_recorded()][size:]
    assert newest == [(AUTOMATIC, StaffLeft), (AUTOMATIC, StaffEnrolled)]
