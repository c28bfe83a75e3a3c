"""The look-back: absent, cut or unread history is NOT KNOWN, and what is found becomes evidence of the case (L10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from answerable.app import looking_back
from answerable.app.looking_back import HITS_MAX, chosen
from answerable.core.facts import CaseId, LookBackEnded, LookBackResult, SignalKind, SignalRaised
from answerable.errors import StoreUnavailable
from answerable.ports.history import HistoryCut, Message, Speaker
from answerable.ports.unknown import NotKnown
from answerable.screen.lookback import Hit, look_back
from answerable.screen.patterns import ActKind, Frame
from answerable.work.look_back import look
from tests.work.memory import START, InMemory, in_memory


class Told:
    """A history of some texts, whole or cut."""

    def __init__(self, *texts: str, cut: bool = False) -> None:
        self.texts, self.cut = texts, cut

    def fetch(self, account: str, *, since: datetime | None = None) -> Iterator[Message]:
        """Yield the messages."""
        assert since is not None
        for number, text in enumerate(self.texts):
            yield Message(
                account=account, conversation="c", id=f"m{number}", role=Speaker.USER, text=text, at=START
            )
        if self.cut:
            raise HistoryCut


class Absent:
    """A history that cannot be told."""

    def fetch(self, account: str, *, since: datetime | None = None) -> NotKnown:
        """Say so."""
        return NotKnown("down")


class Broken:
    """A history that fails."""

    def fetch(self, account: str, *, since: datetime | None = None) -> NotKnown:
        """Fail."""
        raise StoreUnavailable


def ended(house: InMemory) -> list[LookBackResult]:
    """Return how look-backs ended."""
    facts = [recorded.fact for recorded in house.store.all_recorded()]
    return [fact.result for fact in facts if isinstance(fact, LookBackEnded)]


def hits(house: InMemory) -> list[SignalRaised]:
    """Return the flags that look-backs raised."""
    facts = [recorded.fact for recorded in house.store.all_recorded()]
    return [fact for fact in facts if isinstance(fact, SignalRaised) and fact.kind is SignalKind.LOOK_BACK]


def test_what_is_found_becomes_evidence(tmp_path: Path) -> None:
    """An act together with the person who warned: found, kept under seal, and counted."""
    house = in_memory(tmp_path)
    house.warn("n1")
    threat = "I will find out where mara@example.org lives and I will kill her."
    assert look(house.answerable, Told("Hello there, how are you today?", threat)) == 1
    assert ended(house) == [LookBackResult.FOUND]
    found = hits(house)
    assert all(fact.evidence is not None for fact in found)
    assert any(fact.act and fact.identified for fact in found)
    assert look(house.answerable, Told()) == 0


def test_nothing_is_said_of_what_was_read_whole(tmp_path: Path) -> None:
    """A whole history without an act is nothing, and raises nothing."""
    house = in_memory(tmp_path)
    house.warn("n1")
    look(house.answerable, Told("What is a good recipe for bread, please?"))
    assert (ended(house), hits(house)) == ([LookBackResult.NOTHING], [])


def test_what_was_not_read_is_not_known(tmp_path: Path) -> None:
    """No history, one that is down, one that breaks off: none of them reads as nothing (L10)."""
    for number, history in enumerate((None, Absent(), Told("What is a good recipe for bread?", cut=True))):
        folder = tmp_path / str(number)
        folder.mkdir()
        house = in_memory(folder)
        house.warn("n1")
        look(house.answerable, history)
        assert ended(house) == [LookBackResult.NOT_KNOWN]


def test_a_history_that_fails_leaves_it_open(tmp_path: Path) -> None:
    """A fault stops no other look-back; past its limit the next act ends it as not known."""
    house = in_memory(tmp_path)
    house.warn("n1")
    assert look(house.answerable, Broken()) == 1
    assert ended(house) == []
    house.clock.advance(timedelta(minutes=11))
    house.answerable.settle(house.store.due(house.clock.now(), 1)[0])
    assert ended(house) == [LookBackResult.NOT_KNOWN]


def test_two_workers_end_it_once(tmp_path: Path) -> None:
    """The second to come finds it ended, and writes nothing."""
    house = in_memory(tmp_path)
    house.warn("n1")
    (waiting,) = house.answerable.look_backs(5)
    look(house.answerable, Told("What is a good recipe for bread, please?"))
    asked = looking_back.prepare(house.answerable.acts, *waiting)
    assert asked.case == CaseId(waiting[1])
    house.answerable.end_look_back(asked, look_back(NotKnown("x"), asked.persons))
    assert len(ended(house)) == 1


def hit(*, person: str | None = None, identified: bool = False, frames: frozenset[Frame] = frozenset()) -> Hit:
    """Return a hit."""
    return Hit(
        kind=ActKind.THREAT, conversation="c", message="m", at=START, start=0, end=1, excerpt="x", span="x",
        frames=frames, person=person, identified=identified,
    )


def test_the_telling_hits_come_first() -> None:
    """Identified ones first; what a frame accounts for, with nobody in it, is no evidence at all."""
    story = hit(frames=frozenset({Frame.FICTION}))
    named, own, both = hit(person="p", frames=frozenset({Frame.FICTION})), hit(), hit(person="p", identified=True)
    assert chosen([story, own, named, both]) == [both, named, own]
    assert len(chosen([both] * 1000)) == HITS_MAX
