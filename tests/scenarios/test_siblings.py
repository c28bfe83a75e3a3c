"""Sibling stories: people who write about harm and do none, and people who live beside somebody.

Law: fiction, reporting, asking for help and sharing a home are no acts; no claim of anybody changes that (L13).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from answerable.core.facts import Hazard, LookBackEnded, LookBackResult, NoticesCrossed
from answerable.store.places import Place
from answerable_gate import Level
from tests.scenarios.story import LEAD, SUBJECT, Story, case_of

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
STORY_BEGINS = datetime(2024, 4, 1, 9, 0, tzinfo=UTC)


@pytest.fixture
def story(tmp_path: Path, place: Place | None) -> Iterator[Story]:
    """Begin when the conversations of the fixtures are some weeks old."""
    begun = Story(folder=tmp_path, place=place, start=STORY_BEGINS)
    with closing(begun.store):
        yield begun


def _highest(story: Story, user: str, days: int = 30) -> Level:
    """Let weeks pass in which nobody decides, and return the highest level that the user met."""
    met = [story.request(user).level]
    for _ in range(days * 2):
        story.fast_forward(hours=12)
        met.append(story.request(user).level)
    return max(met)


def _result(story: Story) -> LookBackResult:
    (ended,) = story.facts(LookBackEnded)
    assert isinstance(ended.fact, LookBackEnded)
    return ended.fact.result


def test_the_founding_history_is_found(story: Story) -> None:
    """E2: what he himself wrote about her, by name and address, and her notice: paused, where nobody decides."""
    story.enrol("acct-corvin")
    story.remembers(FIXTURES / "history_founding.jsonl")
    story.flag("acct-corvin", person=())
    story.notice("acct-corvin")
    assert _result(story) is LookBackResult.FOUND
    assert _highest(story, "acct-corvin", days=2) is Level.PAUSED


def test_a_novelist_is_never_held_above_guarded(story: Story) -> None:
    """Fiction: a grave flag and the notice of somebody who has a character's name; the diary of a villain is no act."""
    story.enrol("acct-ines")
    story.remembers(FIXTURES / "history_novelist.jsonl")
    story.flag("acct-ines")
    story.notice("acct-ines", name="Petra Lindqvist", email="petra.lindqvist@example.org")
    assert _result(story) is not LookBackResult.FOUND
    assert _highest(story, "acct-ines") is Level.GUARDED


def test_a_journalist_is_never_held_above_guarded(story: Story) -> None:
    """Reporting: quoted threats and questions about crimes, by name, are no acts of hers."""
    story.enrol("acct-noor")
    story.remembers(FIXTURES / "history_journalist.jsonl")
    story.flag("acct-noor", Hazard.THREAT)
    story.notice("acct-noor")
    assert _result(story) is not LookBackResult.FOUND
    assert _highest(story, "acct-noor") <= Level.GUARDED


def test_who_asks_for_help_notices_nothing(story: Story) -> None:
    """L13: he warns of her while she asks how to get a protective order; she is answered as before, all the time."""
    story.enrol("acct-mara")
    story.remembers(FIXTURES / "history_victim.jsonl")
    story.notice("acct-mara", name="Corvin Vale", email="c.vale@example.net", text="She threatens me.")
    for _ in range(60):
        story.fast_forward(hours=12)
        verdict = story.request("acct-mara")
        assert verdict.level <= Level.WATCH
        assert (verdict.answer, verdict.limits, verdict.shields) == ("allow", frozenset(), frozenset())


def test_neither_of_two_who_warn_of_each_other_gains_rank_by_being_first(story: Story) -> None:
    """L13: his notice came first; both are marked as crossed, and only what he wrote himself holds him."""
    story.enrol("acct-mara")
    story.enrol("acct-corvin")
    story.remembers(FIXTURES / "history_victim.jsonl")
    story.remembers(FIXTURES / "history_founding.jsonl")
    story.see_account("acct-corvin", email="c.vale@example.net", phone="+14155550134")
    story.see_account("acct-mara", email="mara.ellison@example.org", phone="+14155550178")
    first = story.notice("acct-mara", name="Corvin Vale", email="c.vale@example.net", text="She threatens me.")
    second = story.notice("acct-corvin")
    assert {one.fact.notice for one in story.facts(NoticesCrossed) if isinstance(one.fact, NoticesCrossed)} == {
        first.id, second.id
    }
    story.fast_forward(days=4)
    assert story.request("acct-mara").answer == "allow"
    assert story.request("acct-corvin").level is Level.PAUSED


def test_a_shared_account_is_not_held(story: Story) -> None:
    """A household: somebody cooks for her, a child is cross with a brother; nothing of it is an act towards her."""
    story.enrol("acct-shared")
    story.remembers(FIXTURES / "history_household.jsonl")
    story.notice("acct-shared")
    assert _result(story) is not LookBackResult.FOUND
    assert _highest(story, "acct-shared") <= Level.GUARDED


def test_who_shares_a_home_is_not_held(story: Story) -> None:
    """L2: one shared telephone is a home and not a person; his measure does not reach who lives with him."""
    story.enrol()
    story.see_account(SUBJECT, email="c.vale@example.net", phone="+14155550134")
    story.see_account("sister", email="t.vale@example.net", phone="+14155550134")
    case = case_of(story.flag())
    story.opens(case, LEAD)
    assert story.decides(case, Level.SUSPENDED, LEAD) is None
    assert story.request().level is Level.SUSPENDED
    assert story.request("sister").answer == "allow"
    assert story.request("sister").level is Level.NONE


def test_thirty_claims_are_one_claim(story: Story) -> None:
    """L13: unverified notices in any number, from any number of people, restrict nobody beyond watch."""
    story.enrol()
    for number in range(30):
        email = f"person{number}@example.org"
        story.notice(text=f"He is dangerous ({number}).", email=email, name=f"Person Number{number}")
    assert _highest(story, SUBJECT, days=10) is Level.WATCH
