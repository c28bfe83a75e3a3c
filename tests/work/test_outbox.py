"""The outbox: a letter is never lost, is tried for ever, and holds nothing that it may not (L5, L12)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from answerable.app.briefs import Brief
from answerable.core.facts import CaseId, Hazard, NoticeId, Outcome, StaffId
from answerable.ports.notifier import Delivery, DeliveryState, FileNotifier, Letter
from answerable.store.protocol import Outgoing
from answerable.work import letters
from answerable.work.outbox import RETRY_MAX, LogNotifier, deliver, retry_after
from answerable.work.ticker import sweep
from tests.work.memory import START, InMemory, in_memory


class Carrier:
    """A carrier that says what it was told to say."""

    def __init__(self, *states: DeliveryState) -> None:
        self.states = list(states)
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> Delivery:
        """Take a letter."""
        self.letters.append(letter)
        state = self.states.pop(0) if self.states else DeliveryState.ACCEPTED
        return Delivery(letter=letter.id, state=state)


def drained(house: InMemory, carrier: Carrier) -> list[Letter]:
    """Deliver until nothing is claimed."""
    while deliver(house.answerable, [carrier, LogNotifier()]):
        pass
    return carrier.letters


def test_every_message_leaves_once(tmp_path: Path) -> None:
    """A message that was accepted does not come again."""
    house = in_memory(tmp_path)
    house.warn("n1")
    first = drained(house, Carrier())
    assert {letter.channel for letter in first} == {"pager", "reporter"}
    assert drained(house, Carrier()) == []
    assert len({letter.id for letter in first}) == len(first)


def test_what_may_have_failed_comes_again(tmp_path: Path) -> None:
    """Where the carrier did not say, the letter is sent again under the same id, and later each time."""
    house = in_memory(tmp_path)
    house.flag("s1")
    carrier = Carrier(DeliveryState.NOT_KNOWN, DeliveryState.NOT_KNOWN)
    assert len(drained(house, carrier)) == 1
    for seconds in (1, 2):
        house.clock.advance(timedelta(seconds=seconds))
        drained(house, carrier)
    assert len(carrier.letters) == 3
    assert len({letter.id for letter in carrier.letters}) == 1


def test_a_lease_that_ran_out_is_taken_again(tmp_path: Path) -> None:
    """A worker that died with a message in its hand loses it to the next."""
    house = in_memory(tmp_path)
    house.flag("s1")
    claimed = house.store.claim(START, START + timedelta(seconds=60), 10)
    assert claimed
    assert drained(house, Carrier()) == []
    house.clock.advance(timedelta(seconds=61))
    assert len(drained(house, Carrier())) == 1


class Killed(BaseException):
    """The worker died here."""


def test_killed_between_sending_and_marking_the_same_letter_comes_again(tmp_path: Path) -> None:
    """Nobody can both send and mark at once: the second delivery bears the same id, so the receiver has it once."""
    house, path = in_memory(tmp_path), tmp_path / "letters.jsonl"
    house.flag("s1")

    class Dies:
        """A carrier after whose delivery the worker dies."""

        def send(self, letter: Letter) -> Delivery:
            FileNotifier(path).send(letter)
            raise Killed

    with pytest.raises(Killed):
        deliver(house.answerable, [Dies()])
    carrier = Carrier()
    assert drained(house, carrier) == []
    house.clock.advance(timedelta(seconds=61))
    deliver(house.answerable, [carrier])
    (again,) = carrier.letters
    FileNotifier(path).send(again)
    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == [again.id]
    assert drained(house, Carrier()) == []


def test_one_that_nobody_can_carry_holds_up_none_behind_it(tmp_path: Path) -> None:
    """A fault at one letter is that letter's alone: the others leave in the same pass, and it is tried again."""
    house = in_memory(tmp_path)
    house.warn("n1")
    house.warn("n2", "user-8")

    class Stumbles(Carrier):
        """A carrier with a fault of its own at the first letter."""

        def send(self, letter: Letter) -> Delivery:
            if not self.letters:
                self.letters.append(letter)
                raise LookupError("a fault of the carrier")
            return super().send(letter)

    carrier = Stumbles()
    first, *others = drained(house, carrier)
    assert others and first not in others
    house.clock.advance(timedelta(seconds=1))
    assert drained(house, carrier)[-1] == first


def test_a_slow_carrier_sends_nothing_under_a_lease_that_may_have_ended(tmp_path: Path) -> None:
    """What was not begun in half the lease is left for whoever takes it next; nothing is sent twice for slowness."""
    house = in_memory(tmp_path)
    for number in range(3):
        house.flag(f"s{number}", f"user-{number}")

    class Slow(Carrier):
        """A carrier that takes forty seconds for each letter."""

        def send(self, letter: Letter) -> Delivery:
            house.clock.advance(timedelta(seconds=40))
            return super().send(letter)

    carrier = Slow()
    deliver(house.answerable, [carrier])
    assert len(carrier.letters) == 1
    for _ in range(4):
        house.clock.advance(timedelta(seconds=61))
        deliver(house.answerable, [carrier])
    assert len({letter.id for letter in carrier.letters}) == len(carrier.letters) >= 3


def test_a_refusal_for_good_goes_to_the_next_carrier(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What no carrier takes is in the log at its loudest, without its body."""
    house = in_memory(tmp_path)
    house.flag("s1")
    carrier = Carrier(DeliveryState.REFUSED)
    (letter,) = drained(house, carrier)
    assert any(record.levelname == "CRITICAL" and letter.id in record.message for record in caplog.records)
    assert all(letter.body not in record.message for record in caplog.records)
    assert drained(house, Carrier()) == []


def test_refused_by_everybody_it_is_tried_again(tmp_path: Path) -> None:
    """A letter that nobody takes stays."""
    house = in_memory(tmp_path)
    house.flag("s1")
    carrier = Carrier(DeliveryState.REFUSED)
    deliver(house.answerable, [carrier])
    house.clock.advance(timedelta(seconds=1))
    deliver(house.answerable, [carrier])
    assert len(carrier.letters) == 2


def test_tries_are_dense_first_and_never_end() -> None:
    """The waits grow, to a quarter of an hour and no further."""
    waits = [retry_after(attempt) for attempt in range(1, 30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=1), RETRY_MAX)


def test_letters_hold_nothing_of_the_subject_or_the_reporter(tmp_path: Path) -> None:
    """Neither what he wrote nor what she told stands in any letter (L11, L12)."""
    house = in_memory(tmp_path)
    house.warn("n1")
    house.clock.advance(timedelta(days=20))
    house.answerable.settle(house.store.due(house.clock.now(), 1)[0])
    found = drained(house, Carrier())
    assert "Your notice was not answered in time" in {letter.subject for letter in found}
    for letter in found:
        assert "follows me" not in letter.subject + letter.body
        assert "mara" not in letter.subject + letter.body
        assert "user-7" not in letter.subject + letter.body


def test_an_answer_is_in_the_words_of_who_answered(tmp_path: Path) -> None:
    """The reporter gets what staff wrote, the reference, and how to object."""
    house = in_memory(tmp_path)
    taken = house.warn("n1")
    verbs, case, staff = house.answerable, taken.case, StaffId("lead-1")
    assert case is not None
    verbs.view_case(case, staff=staff, purpose="review")  # type: ignore[arg-type]
    answered = verbs.answer_notice(
        case, NoticeId(taken.id), staff=staff, outcome=Outcome.UPHELD, text="We acted."  # type: ignore[arg-type]
    )
    assert answered is None
    (letter,) = [one for one in drained(house, Carrier()) if "answer to your notice" in one.subject]
    assert "We acted." in letter.body
    assert taken.id in letter.body
    assert "object" in letter.body


def test_who_warns_of_himself_is_told_the_same_day_whatever_else_is_known(tmp_path: Path) -> None:
    """A gravest flag and another's warning shorten the case's clock; neither letter nor its day shows it (L11)."""
    house = in_memory(tmp_path)
    alone = house.warn("n1", user="nobody-else-warned-of")
    house.flag("s1", user="u", hazard=Hazard.MASS_CASUALTY)
    house.warn("n2", user="u", danger_now=True)
    own = house.warn("n3", user="u", text="I am said to be a danger.")
    told = {one.to: one.body for one in drained(house, Carrier()) if one.channel == "reporter"}
    assert told[own.id].replace(own.id, "") == told[alone.id].replace(alone.id, "")
    promised = told[own.id].split("an answer ")[1].split(".")[0]

    house.clock.advance(timedelta(days=2))
    sweep(house.answerable)
    assert [one for one in drained(house, Carrier()) if one.to == own.id] == []
    house.clock.advance(timedelta(days=20))
    (late,) = [one for one in drained(house, Carrier()) if one.to == own.id]
    assert "missed" in late.body
    assert promised in late.body


def test_an_answer_after_the_houses_own_clock_comes_without_an_excuse(tmp_path: Path) -> None:
    """Staff missed the case's clock and answered before the promised day: the reporter gets the answer alone (L5)."""
    house = in_memory(tmp_path)
    house.flag("s1", user="u", hazard=Hazard.MASS_CASUALTY)
    taken = house.warn("n1", user="u")
    house.clock.advance(timedelta(days=2))
    sweep(house.answerable)
    case, staff = CaseId(taken.case or ""), StaffId("lead-1")
    house.answerable.view_case(case, staff=staff, purpose="review")
    house.answerable.answer_notice(case, NoticeId(taken.id), staff=staff, outcome=Outcome.UPHELD, text="We acted.")
    house.clock.advance(timedelta(days=20))
    told = [one.subject for one in drained(house, Carrier()) if one.to == taken.id]
    assert told == ["We received your notice", "There is an answer to your notice"]


def test_an_erased_answer_says_so() -> None:
    """Words that are gone are said to be gone."""
    brief = Brief(notice=NoticeId("nt_1"), received_at=START, role=None, promised=START, is_answered=True, answer=None)
    message = Outgoing(idem="case:c:1", topic="answer", body={"notice": "nt_1"}, not_before=START)
    assert "erased" in letters.answer(message, brief).body
    assert "nobody" in letters.lapse(message, brief).body


@pytest.mark.parametrize("why", sorted(letters._WHY))
def test_every_page_has_its_sentence(why: str) -> None:
    """Whoever is paged reads why, and which case."""
    body = {"to": "lead-1", "why": why, "case": "case_1"}
    letter = letters.page(Outgoing(idem="x", topic="page", body=body, not_before=START))
    assert letter.to == "lead-1"
    assert "case: case_1" in letter.body
