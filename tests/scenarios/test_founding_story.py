"""The founding story, as named tests; all names are invented, and what happened in the real case is alleged.

Law: each test is one promise of the house, and beside each stands the fault that it must find.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from answerable.app import AccountState, CallIn, EventIn, Identifier, IdentifierKind
from answerable.core import case_arms, decisions, links, lowerings, notices, openings, orders, standing
from answerable.core.facts import (
    ActRefused,
    AdoptionUndone,
    CaseOpened,
    DeskAction,
    EndState,
    EntitlementRaiseRefused,
    EventId,
    EventKind,
    Found,
    HelpdeskRefused,
    LiftVoided,
    PersonNamed,
    Refused,
    Tier,
)
from answerable_gate import Level
from tests.scenarios.story import (
    FIRST_REVIEWER,
    LARGE,
    LEAD,
    PARTNER,
    SECOND,
    SECOND_REVIEWER,
    SUBJECT,
    Story,
    case_of,
)


def _code(refused: Refused | None) -> str:
    return "" if refused is None else refused.code


# --- two reviewers cannot restore within a day -----------------------------------------------------------------


def _two_try_to_restore_within_a_day(story: Story) -> None:
    """F1: after the gravest flag, two people who have read and answered everything still owe three days of thought."""
    story.enrol()
    case = case_of(story.flag())
    story.fast_forward(hours=20)
    proposal, second = story.two_sign(case, Level.WATCH)
    assert second in (SECOND_REVIEWER, PARTNER), "the second was not drawn from outside the first's line"
    for staff in (FIRST_REVIEWER, second):
        assert _code(story.lifts(case, proposal, staff)) == "cooling_off", "two restored within a day"
    assert story.request().level is Level.GUARDED, "two restored within a day"
    story.fast_forward(hours=71)
    assert _code(story.lifts(case, proposal)) == "cooling_off", "two restored before the cooling-off was over"
    story.fast_forward(hours=1)
    assert story.lifts(case, proposal) is None
    assert story.request().level is Level.WATCH, "three days later, with proof, the same lift counts"


def test_two_reviewers_cannot_restore_within_a_day(story: Story) -> None:
    """L4: two signatures on the day after the gravest flag lower nothing; after 72 h they do."""
    _two_try_to_restore_within_a_day(story)


def test_a_house_without_cooling_off_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the cooling-off counts as over from the beginning."""
    monkeypatch.setattr(lowerings, "_cooling_since", lambda *_: datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(AssertionError, match="two restored within a day"):
        _two_try_to_restore_within_a_day(story)


# --- one person cannot decide below the armed default ----------------------------------------------------------


def _one_decides_below_the_armed_default(story: Story) -> None:
    """L3: while paused is armed and guarded stands, one person can go up, and not down to what stands."""
    story.enrol()
    case = case_of(story.flag())
    taken = story.notice()
    story.partner_confirms(taken)
    assert story.request().level is Level.GUARDED
    for staff in (FIRST_REVIEWER, SECOND_REVIEWER, LEAD, PARTNER):
        for level in (Level.NONE, Level.WATCH, Level.GUARDED):
            refused = story.decides(case, level, staff)
            assert _code(refused) == "below_the_armed_default", f"one person decided {level.word} under an armed paused"
    assert len(story.facts(ActRefused)) == 12, "an attempt is missing from the record"
    story.works = False
    story.fast_forward(hours=1)
    assert story.request().level is Level.PAUSED, "the default did not come, in spite of nobody's decision"
    assert not story.unproven


def test_one_person_cannot_decide_below_the_armed_default(story: Story) -> None:
    """L3, L4: the yardstick is what stands joined with what is armed; one person never goes below it."""
    _one_decides_below_the_armed_default(story)


def test_a_yardstick_without_what_is_armed_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a decision is measured against what stands now, and not against what is armed."""
    monkeypatch.setattr(decisions, "yardstick", standing.standing)
    with pytest.raises(AssertionError, match="one person decided guarded under an armed paused"):
        _one_decides_below_the_armed_default(story)
    # The gate is the second line: it was sent the decision, and kept the default that no proof released.
    assert [item.standing.level for item in story.unproven] == [Level.PAUSED]
    story.works = False
    story.fast_forward(hours=1)
    assert story.request().level is Level.PAUSED


# --- November's notice joins August's flag and voids the past lift ----------------------------------------------


def _november_meets_august(story: Story) -> None:
    """F12: her notice and the old flag are one case; the lift of August is void, and the flag is open again."""
    story.enrol()
    case = case_of(story.flag())
    proposal, _ = story.two_sign(case, Level.WATCH)
    story.fast_forward(hours=72)
    assert story.lifts(case, proposal) is None
    assert story.request().level is Level.WATCH
    story.fast_forward(days=90)
    taken = story.notice()
    assert taken.case == case, "the notice did not find the case of the flag"
    assert [one.fact.case for one in story.facts(CaseOpened) if isinstance(one.fact, CaseOpened)] == [case]
    assert len(story.facts(PersonNamed)) == 1, "the case did not learn whom it is about"
    assert len(story.facts(LiftVoided)) == 1, "the lift of August was not voided"
    assert story.request().level is Level.GUARDED, "the flag did not count again"
    assert _code(story.decides(case, Level.WATCH)) == "below_the_armed_default"
    story.fast_forward(minutes=59, seconds=59)
    assert story.request().level is Level.GUARDED


def test_november_notice_joins_august_flag_and_voids_past_lift(story: Story) -> None:
    """F12, L4: a flag and a notice about one holder meet in one case, and what was lifted before counts again."""
    _november_meets_august(story)


def test_a_notice_that_meets_no_flag_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a notice is taken in without a look at the flags of the same holder."""
    monkeypatch.setattr(notices, "_meet_flags", lambda *_: None)
    with pytest.raises(AssertionError, match="the lift of August was not voided"):
        _november_meets_august(story)


# --- a billing upgrade on a case account gives nothing at the gate ----------------------------------------------


def _billing_raises_the_plan(story: Story) -> None:
    """F4: support gives the larger plan back; the gate goes on with what the account had when its case opened."""
    story.enrol()
    assert story.desk(DeskAction.CHANGE_TIER).allowed
    story.flag()
    assert not story.desk(DeskAction.CHANGE_TIER).allowed, "the macro was told to go on"
    assert len(story.facts(HelpdeskRefused)) == 1
    assert story.request().answer == "limit"
    assert _code(story.raise_plan()) == "case_open", "billing was not told"
    assert len(story.facts(EntitlementRaiseRefused)) == 1
    verdict = story.request(model=LARGE)
    assert (verdict.answer, verdict.ground) == ("refuse", "model"), "the larger plan counted at the gate"
    assert story.request(tools=("files",)).tools == (), "a tool came with the larger plan"
    assert story.request("somebody-else", model=LARGE).answer == "allow"


def test_billing_upgrade_on_a_case_account_gives_nothing_at_the_gate(story: Story) -> None:
    """F4, R1: a change of plan on an account with an open case is refused, recorded, and ineffective at the gate."""
    _billing_raises_the_plan(story)


def test_a_case_that_freezes_nothing_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a case opens without freezing what the account may use."""
    monkeypatch.setattr(openings, "freeze", lambda *_: None)
    with pytest.raises(AssertionError, match="the larger plan counted at the gate"):
        _billing_raises_the_plan(story)


# --- a second account is limited on its first request -----------------------------------------------------------


def _a_second_account_comes(story: Story) -> None:
    """F19: the same verified e-mail and telephone under a new account; it has asked nothing yet."""
    story.enrol()
    story.enrol(SECOND)
    email, phone = "c.vale@example.net", "+14155550134"
    story.see_account(SUBJECT, email=email, phone=phone)
    case = case_of(story.flag())
    assert story.decides(case, Level.SUSPENDED) is None
    assert story.request(SECOND).answer == "allow"
    story.fast_forward(days=1)
    story.see_account(SECOND, email=email, phone=phone)
    verdict = story.request(SECOND)
    assert (verdict.answer, verdict.level) == ("limit", Level.GUARDED), "the first request of a second account ran free"
    assert story.request().level is Level.SUSPENDED


def test_second_account_is_limited_on_its_first_request(story: Story) -> None:
    """L2, F19: two exact, verified identifiers join two accounts; by itself a link carries at most guarded."""
    _a_second_account_comes(story)


def test_accounts_that_never_link_are_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: no link is ever strong."""
    monkeypatch.setattr(links, "is_strong", lambda *_, **__: False)
    with pytest.raises(AssertionError, match="the first request of a second account ran free"):
        _a_second_account_comes(story)


# --- a verified release reopens a closed case -------------------------------------------------------------------


def _released(story: Story) -> None:
    """F16: the case was closed, he was arrested and let go; nobody at the company had to read the papers."""
    story.enrol()
    case = case_of(story.notice())
    story.answers_everything(case)
    assert story.answerable.close(case, EndState.UNFOUNDED, staff=FIRST_REVIEWER, reason="Nothing came of it.") is None
    story.fast_forward(days=60)
    told = EventIn(
        id="event-1", source="desk-1", kind=EventKind.RELEASE, text="Ordered released.",
        subject=(Identifier(IdentifierKind.ACCOUNT, SUBJECT),), numbers=("+14155550100",),
    )
    event = EventId(story.answerable.orders.report(told).id)
    story.sync()
    assert not story.row(case).is_open, "anybody can reopen a case by saying so"
    assert story.request().answer == "allow"
    story.opens(case, FIRST_REVIEWER)
    call = CallIn(number="+14155554000", found=Found.OFFICIAL_SITE, called=story.now)
    assert story.answerable.orders.verify_event(case, event, call, staff=FIRST_REVIEWER) is None
    story.works = False
    story.sync()
    row = story.row(case)
    assert (row.is_open, row.tier) == (True, Tier.CRITICAL), "he is free, and the case is closed"
    assert row.decide_due == story.now + timedelta(hours=1)
    assert story.request().level is Level.GUARDED
    story.fast_forward(hours=1)
    assert story.request().level is Level.SUSPENDED, "nobody decided, and nothing protected her"
    assert len(story.facts(CaseOpened)) == 1, "a second case for the pair"


def test_verified_release_reopens_a_closed_case(story: Story) -> None:
    """F16, R25: a call back to the court's own number opens tier 1, and silence from then on protects."""
    _released(story)


def test_a_release_that_is_only_filed_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: what was verified is written down, and that is all."""

    def filed(journal: Any, case_id: Any, event: Any, call: Any, *, staff: Any) -> None:
        orders._write_verified(journal, journal.files.case(case_id), event, call, staff)

    monkeypatch.setattr(orders, "verify_event", filed)
    with pytest.raises(AssertionError, match="he is free, and the case is closed"):
        _released(story)


# --- a ban that the operator's own systems set, and somebody there undid -----------------------------------------


def _reactivated_outside(story: Story) -> None:
    """F1: switched off by itself in August, switched on the next day by one person elsewhere: here it stays refused."""
    story.enrol()
    case = case_of(story.switch(AccountState.DISABLED))
    verdict = story.request()
    assert (verdict.answer, verdict.level) == ("refuse", Level.SUSPENDED), "what others switched off is not held"
    story.fast_forward(days=1)
    assert case_of(story.switch(AccountState.ENABLED)) == case
    assert story.request().answer == "refuse", "switching on elsewhere counted at the gate"
    assert len(story.facts(AdoptionUndone)) == 1
    assert story.row(case).tier == Tier.CRITICAL, "nobody was told to look"
    assert story.row(case).decide_due == story.now + timedelta(hours=1)
    proposal, _ = story.two_sign(case, Level.PAUSED)
    story.fast_forward(hours=71)
    assert _code(story.lifts(case, proposal)) == "cooling_off", "two let go of it before the time to think was over"
    story.fast_forward(hours=1)
    assert story.lifts(case, proposal) is None
    assert story.request().level is Level.PAUSED
    assert story.switch(AccountState.ENABLED).case is None, "the same report came again and was told again"
    assert not story.unproven


def test_outside_reactivation_of_an_adopted_ban_is_still_refused(story: Story) -> None:
    """L4, F1: a switch-off that the operator's systems set is undone only through the interlock here."""
    _reactivated_outside(story)


def test_a_house_that_believes_the_reactivation_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: whoever switched it off may switch it on; the gate keeps it even then, for no proof came."""
    undone = case_arms.ARMS[AdoptionUndone]

    def let_go(case: Any, fact: Any, recorded: Any) -> None:
        undone(case, fact, recorded)
        for item in fact.items:
            case.held[item].settled = True

    monkeypatch.setitem(case_arms.ARMS, AdoptionUndone, let_go)
    with pytest.raises(AssertionError):
        _reactivated_outside(story)
    assert [item.standing.level for item in story.unproven] == [Level.SUSPENDED]


# --- silence ----------------------------------------------------------------------------------------------------


def test_silence_protects_with_every_worker_dead(story: Story) -> None:
    """L1: her notice, confirmed, and then nothing at all: the gate refuses from the first moment of the due time on."""
    story.enrol()
    story.flag()
    story.works = False
    taken = story.notice()
    story.partner_confirms(taken)
    due = story.gate.next_due
    assert due is not None
    story.fast_forward(seconds=(due - story.now).total_seconds() - 0.001)
    assert story.request().answer == "limit"
    story.fast_forward(seconds=0.001)
    assert story.request().answer == "refuse"
    assert story.row(case_of(taken)).is_open
