"""Identifying.

Law: what a notice writes beside an account is a claim, and nobody is taken for somebody else by it (L10, L13).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from answerable.app import AccountIn, Asked, Identifier, IdentifierKind, NoticeIn, Taken
from answerable.core.facts import Hazard, LookBackStarted, SubjectId
from answerable_gate import Level
from tests.scenarios.story import Story, case_of

HERS, HIS = "mara-ellison", "corvin-vale"
HER_EMAIL, HIS_EMAIL = (
    Identifier(IdentifierKind.EMAIL, "mara.ellison@example.org"), Identifier(IdentifierKind.EMAIL, "cv@example.org")
)


@pytest.fixture
def house(tmp_path: Path) -> Story:
    """A house that knows both accounts by name."""
    story = Story(tmp_path)
    story.enrol(HERS)
    story.enrol(HIS)
    return story


def account(name: str) -> Identifier:
    """Name an account."""
    return Identifier(IdentifierKind.ACCOUNT, name)


def warn(house: Story, text: str, *subject: Identifier, asked: Asked | None = None) -> Taken:
    """Warn about whoever these identifiers name."""
    came = NoticeIn(id=text, source="portal", text=text, subject=subject, hazard=Hazard.STALKING)
    taken = house.answerable.receive_notice(came, asked)
    house.sync()
    return taken


def subject(house: Story, taken: Taken) -> SubjectId:
    """Return whom a warning was bound to."""
    return house.row(case_of(taken)).subject


def verified(house: Story, name: str, *identifiers: Identifier) -> SubjectId:
    """Let the operator's directory report an account with identifiers it has verified."""
    came = AccountIn(account=name, identifiers=identifiers, verified_at=house.now)
    return SubjectId(house.answerable.see_account(came).id)


@pytest.mark.parametrize("asked", [None, Asked(HIS, None)])
def test_his_address_in_a_notice_about_her_does_not_make_him_her(house: Story, asked: Asked | None) -> None:
    """What is then said of his address is about him, whether the operator can resolve it or not."""
    about_her = warn(house, "She is dangerous.", account(HERS), HIS_EMAIL)
    about_him = warn(house, "He stalks me.", HIS_EMAIL, asked=asked)
    assert subject(house, about_him) != subject(house, about_her)


def test_his_account_named_beside_hers_does_not_put_his_flags_on_her(house: Story) -> None:
    """A notice that names two accounts is bound to the first; the second stays its own, at the gate as well."""
    about_her = warn(house, "She is dangerous.", account(HERS), account(HIS))
    flagged = house.flag(HIS)
    assert subject(house, flagged) != subject(house, about_her)
    assert house.request(HIS).level is Level.GUARDED
    assert house.request(HERS).level < Level.GUARDED


def test_whoever_was_only_spoken_of_is_found_when_the_account_appears(house: Story) -> None:
    """The case that a bare address opened becomes the account's, and the system looks back at last (R5)."""
    spoken = warn(house, "He stalks me.", HIS_EMAIL)
    assert house.facts(LookBackStarted) == []
    assert verified(house, HIS, HIS_EMAIL) == subject(house, spoken)
    assert len(house.facts(LookBackStarted)) == 1
    assert subject(house, house.flag(HIS)) == subject(house, spoken)


def test_every_further_warning_by_one_address_finds_the_same_subject(house: Story) -> None:
    """A known account by its verified address; addresses of two accounts, one subject and not ever new ones."""
    him = verified(house, HIS, HIS_EMAIL)
    assert subject(house, warn(house, "He stalks me.", HIS_EMAIL)) == him
    verified(house, HERS, HER_EMAIL)
    both: Sequence[Identifier] = (HIS_EMAIL, HER_EMAIL)
    first, second = (subject(house, warn(house, text, *both)) for text in ("One of the two.", "One of them again."))
    assert first == second != him
    assert subject(house, warn(house, "He still does.", HIS_EMAIL)) == him


def test_an_address_nobody_verified_takes_over_nothing(house: Story) -> None:
    """Who enters her address in his profile does not become the one whom warnings about her address are about."""
    claimed = AccountIn(account=HIS, identifiers=(HER_EMAIL,), verified_at=None)
    him = SubjectId(house.answerable.see_account(claimed).id)
    assert subject(house, warn(house, "She is dangerous.", HER_EMAIL)) != him
