"""Planted faults that only a record can have on which several write at once; and their killers.

Law: whoever comes in between, each fact has its place, each gate its line, and each account its one token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest

from answerable.app import AccountIn, Identifier, IdentifierKind, MeasureIn, SignalIn, Taken
from answerable.core import facts as f
from answerable.errors import Conflict, NewerVersion
from answerable.ledger.codec import read_entry
from answerable.simulation import Law, LawBroken, endings
from answerable.simulation.database import InDatabase
from answerable.simulation.parts import Program
from answerable.simulation.people import named
from answerable.store import folds
from answerable_gate import Level, Withheld
from tests.mutants import plants
from tests.mutants.stage import LEAD, OTHER, Stage
from tests.postgres import server


class Play(Stage):
    """A story with two servers on a database, in which something may happen in the middle of an act."""

    def __init__(self) -> None:
        self._when: tuple[str, int, Callable[[], object]] | None = None
        super().__init__(ground=InDatabase(server()), servers=2, between=self._between)

    def meanwhile(self, statement: str, happens: Callable[[], object], *, times: int = 1) -> None:
        """Let something happen once, just before the statement is run for that time."""
        self._when = (statement, times, happens)

    def all_has_happened(self) -> None:
        """Check that nothing waits to happen any more: a story that was not told has shown nothing."""
        assert self._when is None

    def _between(self, asked: str) -> None:
        if self._when is None or self._when[0] not in asked:
            return
        statement, times, happens = self._when
        self._when = (statement, times - 1, happens) if times > 1 else None
        if times == 1:
            # What was told before a commit and what was told after it happened at two moments.
            self.wait(microseconds=1)
            happens()
            self.wait(microseconds=1)

    def flags(self, name: str, user: str, source: str = "c") -> Taken | None:
        """Raise a flag of a name of its own, which may meet somebody; who counts the same source waits for it."""
        return self.house.act(f"flag {name}", lambda: self.house.app.raise_signal(_flag(name, user, source)))

    def hears(self) -> None:
        """Let the gate hear everything from a server that is in no act."""
        (site,) = self.house.sites
        site.cut()
        self.house.connect(site)
        site.arrive()


def the_later_one_is_sealed_first(play: Play) -> None:
    """A flag has its number; another comes, is committed and sealed; then the first is committed."""

    def other() -> None:
        play.flags("other", "v", source="d")
        play.house.seal()

    play.meanwhile("INSERT INTO case_row", other)
    play.flags("one", "u")
    play.all_has_happened()
    play.carry()
    assert not play.house.witness.unplaced


def the_gate_hears_of_the_later_one_first(play: Play) -> None:
    """A flag is about to be committed; another is, and who reads the feed hears of it; then silence until it is due."""

    def other() -> None:
        play.flags("other", "v", source="d")
        play.hears()

    play.meanwhile("COMMIT", other)
    taken = play.flags("one", "u")
    play.all_has_happened()
    assert taken is not None and taken.case is not None
    play.subjects["u"] = play.house.witness.cases[taken.case].subject
    (site,) = play.house.sites
    site.send()
    site.arrive()
    play.wait(minutes=10)
    assert play.ask("u").level is Level.GUARDED


def two_decide_two_cases_of_one_subject(play: Play) -> None:
    """One suspends in one case; another, who read before, sets less in the subject's other case."""
    other, second = _two_have_read(play)
    wanted = MeasureIn(level=Level.GUARDED, reason="So.", proportionality="So.")
    play.house.act("decide", lambda: other.app.decide(second, wanted, staff=OTHER))


def _two_have_read(play: Play) -> tuple[Program, f.CaseId]:
    """Let a program read a case, and another suspend in the subject's other case; return the first with its case."""
    first, second = (play.warn("u", reporter=f"{name}@mail.example") for name in ("one", "other"))
    play.tick()
    other = play.house.program("other")
    play.house.act("view", lambda: other.app.view_case(second, staff=OTHER, purpose="review"))
    assert play.decide(first, Level.SUSPENDED, LEAD) is None
    return other, second


def two_flag_an_account_that_nobody_knows(play: Play) -> None:
    """Two servers take the first flag of an account at once."""
    met: list[Taken | None] = []
    play.meanwhile("INSERT INTO alias", lambda: met.append(play.flags("other", "u")))
    one = play.flags("one", "u")
    play.all_has_happened()
    other = met[0] or play.flags("other", "u")
    assert one is not None and other is not None
    play.house.checks.that(Law.L17, one.case == other.case, "two flags of one account are in two files")


def a_lift_is_written_and_nobody_grows_the_tree(play: Play) -> None:
    """Two lift something; it has no place in the tree; another flag makes the store send the entry again."""
    case = play.flag("u", trajectory=True)
    proposal, second = play.agreed(case, Level.WATCH)
    play.wait(days=2)
    play.house.disk.is_late = True
    assert play.lift(case, proposal, second) is None
    play.flag("u", hazard=f.Hazard.THREAT)
    play.carry()
    assert play.ask("u").level is Level.GUARDED
    play.house.disk.is_late = False
    play.carry()


def a_lift_is_sealed_at_last(play: Play) -> None:
    """A lift waits for its place and is read meanwhile, for an account was linked; then it is sealed, and counts."""
    _sees(play, "u")
    case = play.flag("u", trajectory=True)
    proposal, second = play.agreed(case, Level.WATCH)
    play.wait(days=2)
    play.house.disk.is_late = True
    assert play.lift(case, proposal, second) is None
    _sees(play, "w")
    play.house.disk.is_late = False
    play.carry()
    assert play.ask("u").level is Level.WATCH


def _sees(play: Play, account: str) -> None:
    phone = Identifier(IdentifierKind.PHONE, "+49 151 00000001")
    came = AccountIn(account=account, identifiers=(*named("own@mail.example"), phone), verified_at=play.house.now)
    play.house.act("account", lambda: play.house.app.see_account(came))


def an_older_program_serves_the_gate(play: Play) -> None:
    """A newer program writes what the gate's server does not know, in the file of somebody who is paused."""
    case = play.flag("u", trajectory=True)
    assert play.decide(case, Level.PAUSED, LEAD) is None
    play.carry()
    assert play.decide(case, Level.PAUSED, OTHER) is None
    def older(data: bytes, index: int | None = None) -> f.Recorded:
        if b'"kind":"DecisionTaken"' in data:
            raise NewerVersion
        return read_entry(data, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "read_entry", older)
        for one in play.house.servers:
            play.house.restart(one)
        (line,) = play.house.server.store.feed(0, 10)
        assert isinstance(line.entry, Withheld)
        play.hears()
        play.wait(minutes=1)
        assert play.ask("u").level is Level.PAUSED


def somebody_writes_while_another_waits_for_the_lock(play: Play) -> None:
    """A flag's act has begun; a server whose clock is fast writes to the same subject first."""
    play.flag("u")
    play.meanwhile("FOR UPDATE", partial(_fast, play, "u"))
    play.flags("one", "u")
    play.all_has_happened()


def somebody_writes_while_a_batch_is_on_its_way(play: Play) -> None:
    """A server takes two flags in one transaction; before the second, a fast server writes to that one's subject."""
    for user in ("u", "v"):
        play.flag(user)
    server, came = play.house.server, [_flag(f"one {user}", user, "c") for user in ("u", "v")]

    def together() -> None:
        with server.store.batch():
            for one in came:
                server.app.raise_signal(one)

    play.meanwhile("FOR UPDATE", partial(_fast, play, "v"), times=2)
    play.house.act("two flags", together)
    play.all_has_happened()
    assert len(play.house.witness.intake) == 5


def _fast(play: Play, user: str) -> None:
    (free,) = play.house.free()[:1]
    free.clock.offset += timedelta(hours=2)
    play.house.act("fast", lambda: free.app.raise_signal(_flag(f"fast {user}", user, "c")))
    free.clock.offset -= timedelta(hours=2)


def _flag(name: str, user: str, source: str) -> SignalIn:
    return SignalIn(
        id=name, source=source, model="m", version="1", label="x", hazard=f.Hazard.STALKING, user=user,
        kind=f.SignalKind.TRAJECTORY,
    )  # fmt: skip


MUTANTS: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], Callable[[Play], None], Law]] = {
    "sequencer reads on from the last": (
        plants.sequencer_reads_on_from_the_last, the_later_one_is_sealed_first, Law.L8,
    ),
    "places before the commit": (plants.places_before_the_commit, the_gate_hears_of_the_later_one_first, Law.L2),
    "rows that refuse nothing": (plants.rows_that_refuse_nothing, two_decide_two_cases_of_one_subject, Law.L8),
    "two enter one account": (plants.two_enter_one_account, two_flag_an_account_that_nobody_knows, Law.L17),
    "lift counts without a place": (
        plants.lift_counts_without_a_place, a_lift_is_written_and_nobody_grows_the_tree, Law.L2,
    ),
    "folds kept before they have their places": (
        plants.folds_kept_before_they_have_their_places, a_lift_is_sealed_at_last, Law.L2,
    ),
    "withheld is nothing": (plants.withheld_is_nothing, an_older_program_serves_the_gate, Law.L1),
    "time before the lock": (plants.time_before_the_lock, somebody_writes_while_another_waits_for_the_lock, Law.L3),
    "time of the batch": (plants.time_of_the_batch, somebody_writes_while_a_batch_is_on_its_way, Law.L3),
}  # fmt: skip


@pytest.fixture
def play() -> Iterator[Play]:
    """Begin a story."""
    begun = Play()
    with closing(begun.house):
        yield begun


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_is_silent_where_nothing_is_planted(name: str, play: Play) -> None:
    """The story of each killer keeps every law in a database as it is."""
    MUTANTS[name][1](play)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_killer_finds_the_fault(name: str, play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each planted fault breaks the law it should, and a check sees it."""
    plant, killer, law = MUTANTS[name]
    plant(monkeypatch)
    with pytest.raises(LawBroken) as broken:
        killer(play)
    monkeypatch.undo()
    assert broken.value.law is law, broken.value


def test_the_rows_refuse_who_goes_on_from_an_old_fold(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """L7: where a program did not look what others wrote, its act is a conflict and leaves nothing."""
    plants.folds_kept_without_looking(monkeypatch)
    other, second = _two_have_read(play)
    before = play.house.ground.waiting()
    with pytest.raises(Conflict):
        other.app.decide(second, MeasureIn(level=Level.GUARDED, reason="So.", proportionality="So."), staff=OTHER)
    assert play.house.ground.waiting() == before
    play.carry()
    endings.check_tables(play.house)
