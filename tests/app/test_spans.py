"""Spans: the words around what a look-back found, read by whoever opened a case, and erased in their time (L6, L14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from answerable.app import AccountIn
from answerable.app.files import CaseFile
from answerable.core.facts import CaseId, CaseViewed, StaffId, SubjectId
from answerable.core.policy import PolicyError, load
from answerable.screen.lookback import SPAN_LETTERS, span_around
from answerable.store.sqlite import create_store
from answerable.work.look_back import look
from tests.work.memory import START, InMemory, a_notice, in_memory, policy
from tests.work.test_look_back import Told

LEAD = StaffId("lead-1")
BEFORE, BEHIND = "We spoke of the weather. " * 20, " Then we spoke of bread." * 20
THREAT = "I will find out where mara@example.org lives and I will kill her."


def spans(house: InMemory, case: CaseId) -> list[dict[str, Any]]:
    """Return the spans that somebody who opens the case reads."""
    file = house.answerable.view_case(case, staff=LEAD, purpose="review")
    assert isinstance(file, CaseFile)
    return file.body["spans"]


def warned(folder: Path, *texts: str) -> tuple[InMemory, CaseId]:
    """Return a house in which somebody warned, and the look-back read some texts."""
    house = in_memory(folder)
    case = CaseId(str(house.warn("n1").case))
    look(house.answerable, Told(*texts))
    return house, case


def test_the_words_around_an_act_are_read_by_who_opens_the_case(tmp_path: Path) -> None:
    """At most 300 letters, with the act in them; that they were read stands before them in the record."""
    house, case = warned(tmp_path, BEFORE + THREAT + BEHIND, "A good recipe for bread, please?")
    found = spans(house, case)
    assert found and all(len(one["text"]) <= SPAN_LETTERS for one in found)
    assert all("kill her" in one["text"] and "weather" in one["text"] for one in found if one["kind"] == "threat")
    assert isinstance(list(house.store.all_recorded())[-1].fact, CaseViewed)


def test_no_words_lie_open_and_a_second_reading_adds_none(tmp_path: Path) -> None:
    """In the files there is nothing to be read; what two notices made the system read twice is there once."""
    (tmp_path / "keys").mkdir()
    folder = tmp_path / "record"
    house = in_memory(tmp_path, create_store(folder, keys=tmp_path / "keys", origin="record/test", mark="00"))
    case = CaseId(str(house.warn("n1").case))
    look(house.answerable, Told(THREAT))
    once = spans(house, case)
    house.answerable.receive_notice(replace(a_notice("n2"), text="It was he, again."))
    look(house.answerable, Told(THREAT))
    assert spans(house, case) == once != []
    house.store.close()
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"kill her" not in kept


def test_they_are_erased_in_their_time_unless_a_case_or_a_hold_asks_for_them(tmp_path: Path) -> None:
    """They were to be kept for 90 days, and for as long as the case is open."""
    house, case = warned(tmp_path, BEFORE + THREAT + BEHIND)
    row = house.store.case_row(case)
    assert row is not None
    house.clock.advance(timedelta(days=91))
    assert house.answerable.expire_spans() == 1
    assert house.answerable.expire_spans() == 0
    assert house.store.spans(row.subject, 10) != []
    assert all(one.until > house.clock.now() for one in house.store.spans(row.subject, 10))


def test_what_no_case_asks_for_goes(tmp_path: Path) -> None:
    """Of an account without an open case and without a hold nothing is left, not even that there was something."""
    house, case = warned(tmp_path, THREAT)
    row = house.store.case_row(case)
    assert row is not None
    kept = house.store.spans(row.subject, 10)
    house.store.drop_spans(row.subject, START + timedelta(days=400))
    stranger = SubjectId(house.answerable.see_account(AccountIn(account="user-9", identifiers=())).id)
    house.store.put_spans([replace(one, subject=stranger) for one in kept])
    house.clock.advance(timedelta(days=91))
    assert house.answerable.expire_spans() == 1
    assert house.store.spans(stranger, 10) == []


def test_how_long_is_the_policys_to_say() -> None:
    """90 days where it says nothing; never less than one, nor more than 400."""
    assert load(policy()).spans_kept == timedelta(days=90)
    assert load(policy() + '\n[retention]\nspans = "30d"\n').spans_kept == timedelta(days=30)
    for wrong in ("12h", "401d"):
        with pytest.raises(PolicyError, match="spans are kept"):
            load(policy() + f'\n[retention]\nspans = "{wrong}"\n')


@pytest.mark.parametrize(("start", "end"), [(0, 5), (500, 520), (995, 1000), (0, 1000), (100, 700)])
def test_a_span_is_bounded_and_begins_no_later_than_its_act(start: int, end: int) -> None:
    """Wherever in the message it lies, and however long it is."""
    text = "".join(chr(ord("a") + number % 26) for number in range(1000))
    found = span_around(text, start, end)
    assert len(found) <= SPAN_LETTERS
    assert text[start : min(end, start + SPAN_LETTERS)] in found
