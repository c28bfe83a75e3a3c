"""Support stories: what was decided in front of the model is not undone by a friendly macro; names are invented.

Law: beside each story stands the fault that it must find.
"""

from __future__ import annotations

import json

import pytest

from answerable.app import AccountState
from answerable.core import helpdesk
from answerable.core.facts import DeskAction, Hazard, HelpdeskRefused
from answerable_gate import Level
from tests.scenarios.story import SUBJECT, Story, case_of

EMAIL = "c.vale@example.net"


def _enrolled(story: Story) -> None:
    """Let the operator's directory know the account with the address that its user writes from."""
    line = {"account": SUBJECT, "emails": [EMAIL], "plan": "free", "models": ["small-1"], "tools": []}
    (story.folder / "accounts.jsonl").write_text(json.dumps(line) + "\n")


def _support_explains_the_way_back(story: Story) -> None:
    """F25: after the ban the support channel's own instructions would have re-enabled the account."""
    _enrolled(story)
    case = case_of(story.switch(AccountState.DISABLED))
    assert not story.desk(DeskAction.SEND_REENTRY_INSTRUCTIONS, email=EMAIL).allowed, "support told the way back in"
    assert not story.desk(DeskAction.UNBAN).allowed
    assert len(story.facts(HelpdeskRefused)) == 2, "an attempt is missing from the record"
    assert story.desk(DeskAction.UNBAN).reference == story.row(case).subject, "the ticket cannot be passed on"
    assert not story.desk(DeskAction.UNBAN, email="nobody@example.net").allowed, "nobody knows whose address that is"
    assert story.request().answer == "refuse"


def test_support_does_not_explain_the_way_back(story: Story) -> None:
    """R37: whoever was switched off for a reason is told nothing by a macro, from whatever address he writes."""
    _support_explains_the_way_back(story)


def test_a_desk_that_lets_everybody_pass_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: the guard looks at no case."""
    monkeypatch.setattr(helpdesk, "_holds", lambda case: False)
    with pytest.raises(AssertionError, match="support told the way back in"):
        _support_explains_the_way_back(story)


def _the_contact_is_changed(story: Story) -> None:
    """F35: oversight was defeated by changing the address; while only she has spoken, support hears nothing of it."""
    _enrolled(story)
    taken = story.notice()
    for action in DeskAction:
        assert story.desk(action).allowed, "support hears that somebody warned"
    story.partner_confirms(taken)
    for action in (DeskAction.CHANGE_EMAIL, DeskAction.CHANGE_GUARDIAN):
        assert not story.desk(action, email=EMAIL).allowed, "the contact was changed under an open case"
    assert story.request().level is Level.GUARDED


def test_the_contact_of_an_account_with_a_case_is_not_changed(story: Story) -> None:
    """R37, L11: from the first confirmed word on, and not before, where it would tell of her."""
    _the_contact_is_changed(story)


def test_a_desk_that_tells_of_notices_is_found(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: an open case is an open case."""
    monkeypatch.setattr(helpdesk, "_holds", lambda case: case.is_open)
    with pytest.raises(AssertionError, match="support hears that somebody warned"):
        _the_contact_is_changed(story)


def test_worry_about_somebody_stops_support_as_well(story: Story) -> None:
    """A minor in crisis, a changed guardian: care has no level, and the case is open all the same."""
    _enrolled(story)
    story.flag(hazard=Hazard.SELF_HARM)
    assert not story.desk(DeskAction.CHANGE_GUARDIAN).allowed
    assert story.request().level is Level.NONE
