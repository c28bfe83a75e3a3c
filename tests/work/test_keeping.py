"""Keeping: an order to the operator's stores is carried until they confirm it, and holds up no letter."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec

from answerable.app.files import CaseFile
from answerable.core.facts import CaseId, HoldConfirmed, HoldLapsed, HoldOrdered, HoldUnconfirmed, StaffId
from answerable.ports.folder import HOLDS, Folder
from answerable.ports.notifier import Delivery, DeliveryState, Letter
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.work.outbox import deliver
from tests.work.memory import InMemory, in_memory

LEAD = StaffId("lead-1")


class Away:
    """Stores that do not answer; they count how often they were asked."""

    def __init__(self) -> None:
        self.asked = 0

    def hold(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Say nothing."""
        self.asked += 1
        return NotKnown("no answer")

    release = hold


class Post:
    """A carrier that takes everything."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> Delivery:
        """Take a letter."""
        self.letters.append(letter)
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)


def facts(house: InMemory, *kinds: type) -> list[str]:
    """Return the names of what was written of some kinds, in order."""
    return [type(one.fact).__name__ for one in house.store.all_recorded() if isinstance(one.fact, kinds)]


def held(folder: Path) -> list[dict[str, object]]:
    """Return the lines that the folder keeps of holds."""
    path = folder / HOLDS
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def test_the_folder_is_told_to_keep_what_a_case_needs(tmp_path: Path) -> None:
    """The order names the account to the operator alone; its confirmation is a fact, and it is carried once."""
    house, folder = in_memory(tmp_path), Folder(tmp_path)
    case = CaseId(str(house.flag("s1").case))
    while deliver(house.answerable, [Post()], folder):
        pass
    (line,) = held(tmp_path)
    assert (line["account"], line["released"]) == ("user-7", False)
    assert facts(house, HoldOrdered, HoldConfirmed) == ["HoldOrdered", "HoldConfirmed"]
    file = house.answerable.view_case(case, staff=LEAD, purpose="review")
    assert isinstance(file, CaseFile)
    (hold,) = file.body["holds"]
    assert (hold["id"], hold["reference"]) == (line["hold"], line["reference"])
    assert hold["lapses_at"] is None


def test_without_connected_stores_the_hold_stays_open_and_is_paged(tmp_path: Path) -> None:
    """Nothing is said to be kept where nobody was asked (L10)."""
    house, post = in_memory(tmp_path), Post()
    house.flag("s1")
    deliver(house.answerable, [post])
    house.clock.advance(timedelta(hours=1))
    (row,) = house.store.cases(after=None, limit=2)
    house.answerable.settle(row.subject)
    deliver(house.answerable, [post])
    assert facts(house, HoldConfirmed, HoldUnconfirmed) == ["HoldUnconfirmed"]
    assert any("have not confirmed that they keep" in letter.body for letter in post.letters)


def test_stores_that_are_away_are_asked_once_in_a_round_and_after_every_letter(tmp_path: Path) -> None:
    """Five cases open at once: every page leaves first, and one question is enough to know."""
    house, away = in_memory(tmp_path), Away()
    for number in range(5):
        house.flag(f"s{number}", user=f"user-{number}")

    class Watching(Post):
        def send(self, letter: Letter) -> Delivery:
            assert away.asked == 0
            return super().send(letter)

    post = Watching()
    assert deliver(house.answerable, [post], away) == 10
    assert (len(post.letters), away.asked) == (5, 1)
    house.clock.advance(timedelta(seconds=1))
    assert deliver(house.answerable, [post], Folder(tmp_path)) == 5
    assert len(held(tmp_path)) == 5


def test_a_hold_that_lapsed_is_released_and_one_that_was_upheld_is_not(tmp_path: Path) -> None:
    """Of two accounts of whom somebody warned, a person read and kept one; after ninety days the other is let go."""
    house, folder = in_memory(tmp_path), Folder(tmp_path)
    kept, let_go = (CaseId(str(house.warn(f"n{user}", user=user).case)) for user in ("user-1", "user-2"))
    deliver(house.answerable, [Post()], folder)
    assert isinstance(house.answerable.view_case(kept, staff=LEAD, purpose="review"), CaseFile)
    assert house.answerable.uphold(kept, staff=LEAD) is None
    house.clock.advance(timedelta(days=90))
    for row in house.store.cases(after=None, limit=5):
        house.answerable.settle(row.subject)
    while deliver(house.answerable, [Post()], folder):
        pass
    assert [line["account"] for line in held(tmp_path) if line["released"]] == ["user-2"]
    assert facts(house, HoldLapsed) == ["HoldLapsed"]
    assert let_go != kept


def test_an_order_whose_hold_has_lapsed_meanwhile_is_not_carried(tmp_path: Path) -> None:
    """The stores were away for a quarter of a year: what lapsed is released and not ordered."""
    house, folder = in_memory(tmp_path), Folder(tmp_path)
    house.warn("n1")
    deliver(house.answerable, [Post()], Away())
    house.clock.advance(timedelta(days=90))
    (row,) = house.store.cases(after=None, limit=2)
    house.answerable.settle(row.subject)
    while deliver(house.answerable, [Post()], folder):
        pass
    assert [line["released"] for line in held(tmp_path)] == [True]
