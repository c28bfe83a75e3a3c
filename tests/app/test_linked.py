"""Links, from identifiers as the operator's directory gives them to what a person sees of them.

Law: a person is shown the riskiest first and nothing of what that person is barred from (L6, F23).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.app import AccountIn, Identifier, IdentifierKind, NoticeIn, ProposalIn
from answerable.app.linked import LinkRow
from answerable.core.facts import AccountsLinked, CaseId, LinkId, LoweringKind, Refused, SubjectId
from answerable_gate import Level
from tests.scenarios.story import EVERYBODY, FIRST_REVIEWER, LEAD, Story, case_of

HIS, PHONE = "cv@example.org", "+14155550134"


@pytest.fixture
def house(tmp_path: Path) -> Story:
    """A house of its own."""
    return Story(tmp_path)


def subject(house: Story, account: str, *, email: str = HIS, phone: str = PHONE) -> SubjectId:
    """Let the directory report an account; return its token."""
    return SubjectId(house.see_account(account, email=email, phone=phone).id)


def shown(house: Story, staff: str = LEAD, limit: int = 50) -> list[LinkRow]:
    """Return what a person is shown."""
    return house.answerable.links_to_look_at(staff=LEAD if staff == LEAD else FIRST_REVIEWER, limit=limit)


def test_a_hundred_accounts_of_one_person_write_a_link_each(house: Story) -> None:
    """Every one of them is limited, and none needed more than one link."""
    first = house.see_account("cv-0", email=HIS, phone=PHONE)
    assert house.decides(case_of(house.flag("cv-0")), Level.SUSPENDED) is None
    for number in range(1, 40):
        assert house.see_account(f"cv-{number}", email=HIS, phone=PHONE).level == "guarded"
    assert len(house.facts(AccountsLinked)) == 2 * 39
    assert house.request("cv-39").level is Level.GUARDED
    assert first.level == "none"


def test_whoever_only_somebody_warned_of_learns_nothing_by_the_answer(house: Story) -> None:
    """A level that nobody can feel is not told to the operator's sign-up either (L11)."""
    house.see_account("cv", email=HIS, phone=PHONE)
    house.notice("cv")
    assert house.see_account("cv-2", email=HIS, phone=PHONE).level == "none"


def test_the_riskiest_comes_first(house: Story) -> None:
    """A suspended account's links before those of a flag that nobody has decided about."""
    for name, phone in (("mild", "+14155550135"), ("grave", PHONE)):
        subject(house, name, email=f"{name}@example.org", phone=phone)
        subject(house, f"{name}-2", email=f"{name}-2@example.org", phone=phone)
    mild, grave = (case_of(house.flag(name, person=())) for name in ("mild", "grave"))
    assert house.decides(grave, Level.SUSPENDED) is None
    assert [row.case for row in shown(house)] == [grave, mild]
    assert [row.case for row in shown(house, limit=1)] == [grave]
    assert house.answerable.confirm_link(shown(house)[0].subject, shown(house)[0].link, staff=LEAD) is None
    assert [row.case for row in shown(house)] == [mild]


def test_nobody_is_shown_a_link_of_what_they_are_barred_from(house: Story) -> None:
    """Whom the reporter named does not learn of the case by a link to it."""
    subject(house, "open")
    subject(house, "barred")
    house.flag("open")
    assert len(shown(house, FIRST_REVIEWER)) == 1
    came = NoticeIn(
        id="n", source="portal", text="One of you helps him.", subject=(Identifier(IdentifierKind.ACCOUNT, "barred"),),
        named_staff=(FIRST_REVIEWER,),
    )  # fmt: skip
    house.answerable.receive_notice(came)
    assert shown(house, FIRST_REVIEWER) == []
    assert len(shown(house)) == 1


def test_what_a_reporter_gave_links_nobody(house: Story) -> None:
    """Two accounts that share the telephone and address under which somebody warned stay two."""
    hers = (Identifier(IdentifierKind.EMAIL, HIS), Identifier(IdentifierKind.PHONE, PHONE))
    warned = NoticeIn(id="n", source="portal", text="Help.", subject=(), reporter=hers)
    house.answerable.receive_notice(warned)
    subject(house, "one")
    subject(house, "other")
    assert house.facts(AccountsLinked) == []


def test_only_who_was_taken_apart_is_free(house: Story) -> None:
    """The innocent one between two accounts goes, by two links; the second account stays limited throughout (L4)."""
    house.see_account("between", email=HIS, phone=PHONE)
    house.see_account("dangerous", email=HIS, phone=PHONE)
    house.see_account("again", email=HIS, phone=PHONE)
    dangerous = case_of(house.flag("dangerous"))
    assert house.decides(dangerous, Level.SUSPENDED) is None
    by_name = {row.subject: row for row in shown(house)}
    assert len(by_name) == 1
    _taken_apart(house, dangerous, next(iter(by_name.values())).link)
    assert house.request("again").level is Level.GUARDED
    assert house.request("between").level is Level.GUARDED
    # What was one holder by way of him is one without him by now; the other link to him goes as well.
    case = case_of(house.flag("between"))
    links = [row for row in shown(house) if row.case == case or row.subject == house.row(case).subject]
    _taken_apart(house, case, links[0].link)
    assert house.request("again").level is Level.GUARDED
    assert house.request("dangerous").level is Level.SUSPENDED
    assert len(house.facts(AccountsLinked)) == 2 * 3


def _taken_apart(house: Story, case: CaseId, link: LinkId) -> None:
    """Let two people, who have read everything of the holder, take a link away."""
    row = house.row(case)
    with house.answerable.acts.open("test", (row.subject,)) as act:
        cases = [one.id for one in act.journal.files.holder_cases(row.subject)]
    for one in cases:
        house.opens(one, *EVERYBODY)
        house.answers_everything(one)
    wanted = ProposalIn(kind=LoweringKind.WITHDRAW_LINK, reason="Somebody else.", link=link)
    proposal = house.answerable.propose(case, wanted, staff=FIRST_REVIEWER)
    assert not isinstance(proposal, Refused), proposal
    second = house._drawn(case, proposal)
    assert house.answerable.countersign(case, proposal, staff=second) is None
    house.fast_forward(days=4)
    assert house.lifts(case, proposal) is None


def test_an_account_without_identifiers_is_taken_in(house: Story) -> None:
    """Nothing is shared, nothing is linked, and the answer says what stands."""
    taken = house.answerable.see_account(AccountIn(account="plain", identifiers=()))
    assert taken.level == "none"
