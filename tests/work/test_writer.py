"""The one writer: a caller hears of its verb only after the commit, and no verb undoes another (L17)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from answerable.app import Answerable, Taken
from answerable.errors import BadInput, Busy, Conflict, StoreUnavailable, TooMany, Unsure
from answerable.store.memory import MemoryStore
from answerable.work import lanes
from answerable.work import writer as module
from answerable.work.writer import Failed, Writer, attempt, perform
from tests.work.memory import ORIGIN, InMemory, a_flag, in_memory


class FullDisk(MemoryStore):
    """A store whose commits fail while the disk is full."""

    is_full = False

    def _commit(self) -> None:
        if self.is_full:
            raise StoreUnavailable("the disk is full")
        super()._commit()


def raising(key: str, user: str = "user-7") -> Callable[[Answerable], Taken]:
    """Return the verb that raises a flag."""
    return lambda answerable: answerable.raise_signal(a_flag(key, user))


def told(house: InMemory, *verbs: Callable[[Answerable], Any]) -> list[Future[Any]]:
    """Run verbs as one group and return what each caller was told."""
    jobs = [module._Job(verb, Future()) for verb in verbs]
    perform(house.answerable, jobs)
    return [job.future for job in jobs]


def test_verbs_are_done_and_sealed(tmp_path: Path) -> None:
    """What was put in the queue is committed, told, and under a checkpoint when the writer has closed."""
    house = in_memory(tmp_path)
    writer = Writer(house.answerable)
    writer.start()
    futures = [writer.submit(raising(f"s{n}", f"user-{n}")) for n in range(30)]
    assert len({future.result(20).case for future in futures}) == 30
    writer.close()
    newest = house.store.newest_checkpoint()
    assert newest is not None
    assert newest.size == house.store.size()


def test_a_failing_verb_undoes_nobody_elses(tmp_path: Path) -> None:
    """In one transaction the good are kept, the bad one hears why."""
    house = in_memory(tmp_path)

    def bad(answerable: Answerable) -> None:
        answerable.raise_signal(a_flag("inside", "user-in-bad"))
        raise BadInput("no")

    def worse(_: Answerable) -> None:
        raise RuntimeError("a fault of ours")

    one, two, three, four = told(house, raising("s1", "u1"), bad, worse, raising("s2", "u2"))
    assert one.result().case and four.result().case
    assert isinstance(two.exception(), BadInput)
    assert isinstance(three.exception(), RuntimeError)


def test_nobody_is_told_before_the_commit(tmp_path: Path) -> None:
    """Where the commit fails every caller hears so, and nothing is kept."""
    assert kept_promises(tmp_path, perform)


def test_the_check_finds_a_receipt_before_the_commit(tmp_path: Path) -> None:
    """The check above can fail: a writer that tells first is found out."""

    def hasty(answerable: Answerable, jobs: Sequence[module._Job[Any]]) -> None:
        with answerable.acts.store.batch():
            for job in jobs:
                module._tell(job, attempt(answerable, job.verb))

    assert not kept_promises(tmp_path, hasty)


def kept_promises(folder: Path, run: Callable[[Answerable, Sequence[module._Job[Any]]], object]) -> bool:
    """Tell whether everybody who was told of success finds it kept, over commits that fail."""
    store = FullDisk(origin=ORIGIN)
    house = in_memory(folder, store)
    jobs = [module._Job(raising(f"s{n}", f"user-{n}"), Future()) for n in range(3)]
    store.is_full = True
    with suppress(StoreUnavailable):
        run(house.answerable, jobs)
    store.is_full = False
    promised = [n for n, job in enumerate(jobs) if job.future.done() and job.future.exception() is None]
    return all(house.flag(f"s{n}", f"user-{n}").again for n in promised)


def test_a_group_that_cannot_be_kept_is_tried_one_by_one(tmp_path: Path) -> None:
    """One member that spoils the transaction spoils only its own."""
    house = in_memory(tmp_path)

    def spoils(_: Answerable) -> None:
        raise StoreUnavailable("this one alone")

    one, two = told(house, raising("s1", "u1"), spoils)
    assert house.flag("s1", "u1").again
    assert one.result().case
    assert isinstance(two.exception(), StoreUnavailable)


def test_where_the_store_fails_nobody_waits_for_each(tmp_path: Path) -> None:
    """After two failures alone it is the store: the others hear so without a try of their own."""
    store = FullDisk(origin=ORIGIN)
    house, tried = in_memory(tmp_path, store), []

    def verb(_: Answerable) -> None:
        tried.append(1)

    store.is_full = True
    futures = told(house, *[verb] * 10)
    assert all(isinstance(future.exception(), StoreUnavailable) for future in futures)
    assert len(tried) == 10 + module.FAILS_MAX


def test_a_conflict_is_tried_again(tmp_path: Path) -> None:
    """Somebody else was first: the verb runs again, and in the end it says so."""
    house, runs = in_memory(tmp_path), []

    def twice(_: Answerable) -> str:
        runs.append(1)
        if len(runs) < 3:
            raise Conflict("meanwhile")
        return "done"

    def always(_: Answerable) -> None:
        raise Conflict("for ever")

    assert attempt(house.answerable, twice) == "done"
    found = attempt(house.answerable, always)
    assert isinstance(found, Failed)
    assert isinstance(found.error, Conflict)


def test_many_as_one(tmp_path: Path) -> None:
    """A group has one future, and in it each its own result."""
    house = in_memory(tmp_path)
    writer = Writer(house.answerable)
    writer.start()

    def bad(_: Answerable) -> Taken:
        raise BadInput("no")

    good, failed = writer.submit_all([raising("s1"), bad]).result(20)
    writer.close()
    assert isinstance(good, Taken)
    assert isinstance(failed, Failed)


def test_who_comes_alone_passes_the_many(tmp_path: Path) -> None:
    """A verb by itself has a transaction before all of the many, which go on after it in order."""
    writer, order, go = paused(tmp_path)
    many = writer.submit_all([noted(order, number) for number in range(3 * lanes.BATCH_MAX)])
    writer.submit(noted(order, "alone")).add_done_callback(lambda _: order.append("told"))
    go.set()
    assert len(many.result(20)) == 3 * lanes.BATCH_MAX
    writer.close()
    assert order == ["alone", "told", *range(3 * lanes.BATCH_MAX)]


@pytest.mark.parametrize("before", [0, lanes.MANY_MIN, lanes.MANY_MIN + 2])
def test_what_is_under_way_of_the_many_ends_early_for_who_comes_alone(tmp_path: Path, before: int) -> None:
    """Its transaction ends with the few that it has; whoever comes alone is told before the rest goes on in order."""
    writer, order, go = paused(tmp_path)

    def is_followed(_: Answerable) -> None:
        order.append("under way")
        writer.submit(noted(order, "alone")).add_done_callback(lambda _: order.append("told"))

    verbs = [noted(order, number) for number in range(2 * lanes.MANY_MAX)]
    verbs[before] = is_followed
    many = writer.submit_all(verbs)
    go.set()
    assert len(many.result(20)) == len(verbs)
    writer.close()
    at = order.index("alone")
    assert at == max(before + 1, lanes.MANY_MIN)
    assert order[at + 1] == "told"
    assert [one for one in order if isinstance(one, int)] == [n for n in range(len(verbs)) if n != before]


def test_the_many_are_not_passed_for_ever(tmp_path: Path) -> None:
    """As many as one transaction takes go before them, no more; then it is the turn of those who came alone again."""
    writer, order, go = paused(tmp_path)
    many = writer.submit_all([noted(order, "many")] * (lanes.MANY_MIN + 2))
    for number in range(2 * lanes.BATCH_MAX):
        writer.submit(noted(order, number))
    go.set()
    many.result(20)
    writer.close()
    first = lanes.BATCH_MAX
    assert [at for at, one in enumerate(order) if one == "many"][: lanes.MANY_MIN] == [
        *range(first, first + lanes.MANY_MIN)
    ]
    assert order[-2:] == ["many", "many"]
    assert order[first + lanes.MANY_MIN] == first


def paused(tmp_path: Path) -> tuple[Writer, list[object], Event]:
    """Return a writer whose thread waits within a verb until it may go on, and where verbs are noted."""
    go, begun = Event(), Event()

    def wait(_: Answerable) -> None:
        begun.set()
        go.wait(20)

    writer = Writer(in_memory(tmp_path).answerable)
    writer.start()
    writer.submit(wait)
    assert begun.wait(20)
    return writer, [], go


def noted(order: list[object], name: object) -> Callable[[Answerable], None]:
    """Return a verb that only notes its turn."""
    return lambda _: order.append(name)


def test_who_met_somebody_is_tried_again_alone(tmp_path: Path) -> None:
    """In a group, and in a group of groups, `Busy` is nobody's answer as long as the other ends."""
    house, runs = in_memory(tmp_path), dict[str, list[int]]()
    writer = Writer(house.answerable)
    writer.start()

    def meets(name: str, times: int) -> Callable[[Answerable], str]:
        def verb(_: Answerable) -> str:
            runs.setdefault(name, []).append(1)
            if len(runs[name]) <= times:
                raise Busy
            return name

        return verb

    one = writer.submit(meets("one", 2))
    many = writer.submit_all([meets("a", 0), meets("b", 1), meets("c", 4)])
    assert one.result(20) == "one"
    assert many.result(20) == ["a", "b", "c"]
    (never,) = writer.submit_all([meets("never", 99)]).result(20)
    writer.close()
    assert isinstance(never, Failed) and isinstance(never.error, Busy)
    assert {name: len(tries) for name, tries in runs.items()} == {"one": 3, "a": 1, "b": 2, "c": 5, "never": 6}


class Silent(MemoryStore):
    """A store that commits and is lost before it says so."""

    is_lost = False

    def _commit(self) -> None:
        super()._commit()
        if self.is_lost:
            raise Unsure


def test_what_nobody_can_tell_is_not_done_twice(tmp_path: Path) -> None:
    """Where a commit's answer is lost for good the group is not run again, and every caller is told to ask again."""
    store = Silent(origin=ORIGIN)
    house, runs = in_memory(tmp_path, store), []

    def verb(_: Answerable) -> None:
        runs.append(1)

    store.is_lost = True
    futures = told(house, raising("s1", "u1"), verb, raising("s2", "u2"))
    store.is_lost = False
    assert all(isinstance(future.exception(), Unsure) for future in futures)
    assert len(runs) == 1
    first, again = house.flag("s1", "u1"), house.flag("s1", "u1")
    assert (first.id, first.case) == (again.id, again.case)


def test_a_full_queue_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written now is refused at once, not kept in memory without end; the many take nobody's room."""
    monkeypatch.setattr(lanes, "QUEUE_MAX", 1)
    writer = Writer(in_memory(tmp_path).answerable)
    many = writer.submit_all([raising("m1"), raising("m2")])
    with pytest.raises(TooMany):
        writer.submit_all([raising("m3")])
    waiting = writer.submit(raising("s1"))
    with pytest.raises(TooMany):
        writer.submit(raising("s2"))
    writer.start()
    assert waiting.result(20).case
    assert len(many.result(20)) == 2
    writer.close()
    for late in (lambda: writer.submit(raising("s3")), lambda: writer.submit_all([raising("s4")])):
        with pytest.raises(StoreUnavailable):
            late()


def test_where_the_writer_itself_fails_everybody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of its own leaves nobody waiting, neither who came alone nor the many."""
    writer = Writer(in_memory(tmp_path).answerable)
    alone, many = writer.submit(raising("s1")), writer.submit_all([raising("s2"), raising("s3")])
    gone = writer.submit(raising("s4"))
    assert gone.cancel()

    def broken() -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(writer, "_drain", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    writer.start()
    assert isinstance(alone.exception(20), StoreUnavailable)
    assert all(isinstance(one, Failed) and isinstance(one.error, StoreUnavailable) for one in many.result(20))
    writer.close()


def test_a_signer_that_fails_stops_no_intake(tmp_path: Path) -> None:
    """Without a signer nothing is lowered; warnings are taken in all the same."""
    house = in_memory(tmp_path)
    (tmp_path / "log.json").unlink()
    writer = Writer(house.answerable)
    writer.start()
    assert writer.submit(raising("s1")).result(20).case
    writer.close()
    assert house.store.newest_checkpoint() is None
