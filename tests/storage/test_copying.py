"""A record copied between places.

Law: the copy is equal or cannot be opened; of a record and its copies one opens at any time, whatever is killed when.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from answerable.app.receipts import receipt
from answerable.core.facts import NoticeReceived, SubjectId
from answerable.errors import Conflict, Corrupt, KeyFault, StoreUnavailable
from answerable.store import copying, postgres_copying
from answerable.store.copying import Copied, Side, copy
from answerable.store.opening import Identity
from answerable.store.places import Place
from answerable.store.protocol import Exchange, Store
from tests.app.kept import ORIGIN, Kept, PgKept, SqliteKept, begin
from tests.postgres import database
from tests.storage.worlds import assert_sound
from tests.work.memory import InMemory

SOMEBODY = SubjectId("s")
WAYS = [("sqlite", "postgres"), ("postgres", "sqlite"), ("sqlite", "sqlite"), ("postgres", "postgres")]


class Ends:
    """Two places under one pair of keys, the first with a record."""

    def __init__(self, folder: Path, source: str, target: str, within: ExitStack) -> None:
        """Begin a record and fill it."""
        self.folder = folder
        dsn = within.enter_context(database()) if source == "postgres" else None
        self.house, self.kept = begin(folder, dsn)
        self.source = Place.of_folder(folder / "record") if dsn is None else Place.of_database(dsn)
        self.target = (
            Place.of_database(within.enter_context(database()))
            if target == "postgres"
            else Place.of_folder(folder / "elsewhere")
        )
        self.identity = Identity(origin=ORIGIN, mark=self.kept.trusted.index.keyring.mark)
        fill(self.house)
        self.house.store.close()

    def copy(self, *, move: bool = False) -> Copied:
        """Copy from the one to the other."""
        return copy(self.source.side(), self.target.side(), self.identity, move=move)

    def open(self, place: Place) -> Store:
        """Open the record of a place."""
        return place.open(keys=self.folder / "keys", origin=ORIGIN, mark=self.identity.mark)

    def kept_at_target(self) -> Kept:
        """Return the copy, to be checked against the same keys and signatures."""
        trusted = replace(self.kept.trusted, signed=self.house.answerable.signer.signed_last())
        where = self.target.where
        return PgKept(where, trusted) if isinstance(where, str) else SqliteKept(where, trusted)

    def is_open(self, place: Place) -> bool:
        """Tell whether a place can be opened."""
        try:
            self.open(place).close()
        except StoreUnavailable:
            return False
        return True


def fill(house: InMemory) -> None:
    """Write something into every table."""
    house.warn("one")
    house.flag("two", "user-8")
    house.answerable.seal()
    house.clock.advance(timedelta(hours=30))
    house.flag("three", "user-9")
    house.warn("four", "user-8")
    house.answerable.seal()
    house.flag("five", "user-10")
    for number in range(3):
        one = Exchange(
            id=f"e{number}", subject=SOMEBODY, at=house.clock.now(), gate="g", conversation=None, model="m",
            answer="allow", level=0, standing=0, tokens=7, digest="d", complete=True,
        )  # fmt: skip
        house.store.put_exchanges([one])
    house.store.assign_block(SOMEBODY, ["e0"], "r0")
    house.store.integrate()


@pytest.fixture
def ends(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """Give the two places that a test names, else a folder and a database."""
    # A busy server takes longer to notice that a process has ended.
    monkeypatch.setattr(postgres_copying, "PATIENCE_S", 60.0)
    source, target = getattr(request, "param", ("sqlite", "postgres"))
    with ExitStack() as within:
        yield Ends(tmp_path, source, target, within)


@pytest.mark.parametrize("ends", WAYS, indirect=True, ids="-".join)
def test_a_copy_is_the_same_record(ends: Ends) -> None:
    """Root, checkpoints, tables, feed, outbox, texts, bulk: everything reads alike, and the record goes on there."""
    before = ends.open(ends.source)
    notice = next(one.fact for one in before.all_recorded() if isinstance(one.fact, NoticeReceived))
    assert isinstance(notice, NoticeReceived)
    seen = _seen(before), receipt(before, notice.notice)
    before.close()
    copied = ends.copy(move=True)
    after = ends.open(ends.target)
    assert (_seen(after), receipt(after, notice.notice)) == seen
    assert (copied.is_open, copied.root, copied.entries) == (True, after.root().hex(), after.size())
    assert_sound(after)
    acts = ends.house.answerable.acts
    acts.store = ends.house.store = after
    ends.house.flag("after", "user-7")
    ends.house.warn("after", "user-new")
    ends.house.answerable.seal()
    assert_sound(after)
    assert [len(found) for found in after.pending_blocks().values()] == [1]
    after.close()
    moved = ends.kept_at_target()
    assert moved.check().findings == ()


def _seen(store: Store) -> object:
    head, entries = store.feed_head(), list(store.entries(0, store.size()))
    exchanges = list(store.exchanges(SOMEBODY))
    return store.root(), entries, list(store.checkpoints()), store.tables(), head, store.feed(0, 1000), exchanges


def test_without_move_the_copy_stays_closed(ends: Ends) -> None:
    """It may be looked at and is replaced by the next copy; the record goes on where it is."""
    first = ends.copy()
    assert (ends.is_open(ends.source), ends.is_open(ends.target), first.is_open) == (True, False, False)
    assert ends.kept_at_target().check().findings == ()
    store = ends.open(ends.source)
    acts = ends.house.answerable.acts
    acts.store = ends.house.store = store
    ends.house.flag("later", "user-11")
    store.close()
    assert ends.copy(move=True).entries > first.entries
    assert (ends.is_open(ends.source), ends.is_open(ends.target)) == (False, True)


@pytest.mark.parametrize("ends", [("sqlite", "sqlite"), ("postgres", "sqlite")], indirect=True, ids="-".join)
def test_what_was_moved_takes_no_fact_any_more(ends: Ends) -> None:
    """A process that had passed the door before cannot write either, and nobody copies it a second time."""
    late = type(ends.house.store)(ends.source.where, origin=ORIGIN)  # type: ignore[call-arg]
    late.close()
    ends.copy(move=True)
    late = type(ends.house.store)(ends.source.where, origin=ORIGIN)  # type: ignore[call-arg]
    acts = ends.house.answerable.acts
    acts.store = ends.house.store = late
    with pytest.raises(Conflict, match="moved"):
        ends.house.flag("late", "user-12")
    late.close()
    with pytest.raises(StoreUnavailable, match="moved"):
        ends.copy()
    with pytest.raises(StoreUnavailable, match="moved"):
        copy(ends.source.side(), Place.of_folder(ends.folder / "third").side(), ends.identity, move=True)


@pytest.mark.parametrize("ends", [("sqlite", "sqlite"), ("postgres", "sqlite")], indirect=True, ids="-".join)
def test_nobody_else_has_the_record_open(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that only reads would go on after the move: it keeps the copy from beginning."""
    store = ends.open(ends.source)
    assert store.size()
    with monkeypatch.context() as hurried:
        hurried.setattr(postgres_copying, "PATIENCE_S", 0.5)
        with pytest.raises(Conflict, match="open"):
            ends.copy()
    assert not ends.target.is_begun()
    store.close()
    ends.copy()


def test_a_record_is_never_written_over(ends: Ends) -> None:
    """A place that holds one, this one itself among them, is no target; nor is a record of other keys a source."""
    with pytest.raises(Conflict, match="stands"):
        copy(ends.source.side(), ends.source.side(), ends.identity, move=True)
    ends.copy(move=True)
    with pytest.raises(Conflict, match="stands"):
        copy(ends.target.side(), ends.target.side(), ends.identity, move=False)
    with pytest.raises(KeyFault):
        copy(ends.target.side(), ends.source.side(), Identity(origin=ORIGIN, mark="f" * 32), move=False)
    empty = Place.of_folder(ends.folder / "none").side()
    with pytest.raises(StoreUnavailable, match="no record"):
        copy(empty, Place.of_folder(ends.folder / "other").side(), ends.identity, move=False)


DAMAGE = {
    "fact 3": "UPDATE fact SET bytes = CAST(bytes || x'20' AS BLOB) WHERE idx = 3",
    "fact 5": "DELETE FROM fact WHERE idx = 5",
    "case_row": "UPDATE case_row SET tier = tier + 1",
    "look_back": "DELETE FROM look_back",
    "checkpoint": "UPDATE checkpoint SET note = replace(note, '\n', 'x')",
    "a checkpoint": "UPDATE checkpoint SET size = size + 100000",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_is_not_copied_as_a_sound_one(ends: Ends, name: str) -> None:
    """What differs from what the facts make is named, and the target cannot be opened."""
    assert isinstance(ends.kept, SqliteKept)
    ends.kept.edit(DAMAGE[name])
    with pytest.raises(Corrupt, match=name):
        ends.copy(move=True)
    assert not ends.is_open(ends.target)
    assert ends.is_open(ends.source)


STEPS = ("begin", "entries", "put_entries", "put", "finish", "mark", "close_for_good", "tables", "releasing")


def _deadly(side: Side, left: list[int]) -> Side:
    """Return a side of whose steps, and another's that shares the count, one is the last this process takes."""
    for name in STEPS:
        setattr(side, name, partial(_last, left, getattr(side, name)))
    return side


def _last(left: list[int], verb: Callable[..., Any], *given: Any) -> Any:
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return verb(*given)


@pytest.mark.parametrize("ends", WAYS[:2], indirect=True, ids="-".join)
def test_killed_at_any_step_one_record_is_left(ends: Ends) -> None:
    """After each kill -9 at most one of the two opens, the next try begins anew, and the last one has everything."""
    store = ends.open(ends.source)
    root = store.root()
    store.close()
    step, both_closed = 1, 0
    while _killed(ends, step):
        opened = ends.is_open(ends.source), ends.is_open(ends.target)
        assert opened in ((True, False), (False, False))
        both_closed += opened == (False, False)
        step += 1
    assert step > 20
    assert both_closed == 1
    assert (ends.is_open(ends.source), ends.is_open(ends.target)) == (False, True)
    store = ends.open(ends.target)
    assert store.root() == root
    store.close()


def _killed(ends: Ends, step: int) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            copying.PAGE = 5
            left = [step]
            copy(_deadly(ends.source.side(), left), _deadly(ends.target.side(), left), ends.identity, move=True)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status != 0


def test_a_page_never_holds_the_whole(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the size of a page, the copy is the same: nothing depends on having all at once."""
    monkeypatch.setattr(copying, "PAGE", 3)
    monkeypatch.setattr(copying, "ROWS_AT_ONCE", {})
    first = ends.copy()
    monkeypatch.undo()
    assert ends.copy() == first
