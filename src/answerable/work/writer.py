"""The one writer of a process: a thread that drains a queue of verbs into one transaction, a savepoint for each.

Law: a caller hears of its verb only after the commit (L17), and no verb undoes another.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from time import sleep
from typing import Any, Generic, TypeVar

from answerable.app import Answerable
from answerable.errors import AnswerableError, Busy, Conflict, StoreUnavailable, Unsure
from answerable.work.lanes import MANY_MIN, Lanes
from answerable.work.sealer import Sealer

T = TypeVar("T")
Verb = Callable[[Answerable], T]

TRIES_MAX = 5
BUSY_S = 0.02
FAILS_MAX = 2

_log = logging.getLogger("answerable.writer")


@dataclass(frozen=True, slots=True)
class Failed:
    """What a verb raised instead of returning; kept apart from what it returned."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    verb: Verb[T]
    future: Future[T]


class Writer:
    """Runs verbs in a thread of its own, many to a transaction; another thread seals what they wrote soon after.

    Who comes alone does not wait behind many who came as one: a warning is not kept waiting by a machine's backlog.
    What is under way of the many is committed once somebody alone waits, and the rest goes on after it.
    """

    def __init__(self, answerable: Answerable) -> None:
        """Take the record to write to; nobody else uses this `Answerable`."""
        self._answerable = answerable
        self._lanes: Lanes[_Job[Any]] = Lanes()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._is_drained = threading.Event()
        sealer = Sealer(answerable)
        # Apart, for a signer may be far away and silent, and nobody who gives notice waits for a signature.
        self._sealing = threading.Thread(target=sealer.run, args=(self._is_drained,), name="sealer", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        self._sealing.start()

    def close(self) -> None:
        """Do everything accepted so far, seal it, and stop."""
        if not self._is_closing.is_set():
            self._is_closing.set()
            self._lanes.close()
            self._thread.join()
            self._sealing.join()

    def submit(self, verb: Verb[T]) -> Future[T]:
        """Put a verb in the queue; its future is done only after the commit. Raise `TooMany` where there is no room."""
        job: _Job[T] = _Job(verb, Future())
        self._lanes.put(job)
        return job.future

    def submit_all(self, verbs: Sequence[Verb[T]]) -> Future[list[T | Failed]]:
        """Put many verbs in the queue as one; each succeeds or fails by itself."""
        jobs: list[_Job[T]] = [_Job(verb, Future()) for verb in verbs]
        # Before anybody can be told, so that only the writer's thread counts.
        whole = _all_told(jobs)
        if jobs:
            self._lanes.put_all(jobs)
        return whole

    # --- the thread

    def _run(self) -> None:
        try:
            self._drain()
        finally:
            self._refuse_rest()
            self._is_drained.set()

    def _drain(self) -> None:
        while (taken := self._lanes.take()) is not None:
            jobs, came_alone = taken
            left = perform(self._answerable, jobs, _never if came_alone else lambda: self._lanes.is_alone_waiting)
            self._lanes.give_back(left)

    def _refuse_rest(self) -> None:
        self._lanes.close()
        while (taken := self._lanes.take()) is not None:
            for job in taken[0]:
                _tell(job, Failed(StoreUnavailable()))


def _never() -> bool:
    return False


def _all_told(jobs: Sequence[_Job[T]]) -> Future[list[T | Failed]]:
    """Return what is done once all of these are: what each returned or raised, in order."""
    whole: Future[list[T | Failed]] = Future()
    futures, left = [job.future for job in jobs], len(jobs)

    def tell(_: Future[T]) -> None:
        nonlocal left
        left -= 1
        if not left and whole.set_running_or_notify_cancel():
            whole.set_result([_result(future) for future in futures])

    for future in futures:
        future.add_done_callback(tell)
    if not futures:
        whole.set_result([])
    return whole


def _result(future: Future[Any]) -> Any:  # noqa: ANN401 - what its verb returned, or `Failed`
    error = future.exception()
    if error is None:
        return future.result()
    assert isinstance(error, Exception), "the writer tells of exceptions alone"
    return Failed(error)


def attempt(answerable: Answerable, verb: Verb[T]) -> T | Failed:
    """Run a verb and return what it raised as a value; raise only where the whole transaction is in doubt.

    A conflict is tried again: somebody else was first.
    """
    for tried in range(TRIES_MAX):
        try:
            return verb(answerable)
        except Busy as error:
            # Whoever is there may be waiting for what this group holds: it is tried again once that is given back.
            return Failed(error)
        except Conflict as error:
            if tried == TRIES_MAX - 1:
                return Failed(error)
        except StoreUnavailable:
            # A full disk may have undone the verbs before this one too: nobody may be told that theirs is kept (L17).
            raise
        except AnswerableError as error:
            return Failed(error)
        except Exception as error:  # noqa: BLE001 - a fault in one verb is answered to its caller and undoes no other
            _log.error("a verb failed", exc_info=error)
            return Failed(error)
    raise AssertionError("the last try returns")


def perform(
    answerable: Answerable, jobs: Sequence[_Job[Any]], is_awaited: Callable[[], bool] = _never
) -> Sequence[_Job[Any]]:
    """Run jobs in one transaction and tell each caller after the commit; where it cannot be, each in its own.

    Return those that were not begun, of whom nobody has heard yet: the transaction ends early once it is awaited.
    """
    kept = _together(answerable, jobs, is_awaited)
    if not isinstance(kept, Exception):
        busy, left = kept
        for job in busy:
            _persist(answerable, job)
        return left
    fault = kept
    # Where nobody can tell whether the group was committed, a second run could do everything twice.
    if len(jobs) == 1 or isinstance(fault, Unsure):
        for job in jobs:
            _tell(job, Failed(fault))
        return []
    _log.warning("a group of %d acts was not kept; each is tried alone: %s", len(jobs), fault)
    failed = 0
    for job in jobs:
        # Where one after the other fails it is the store: the rest hear so at once and not after a wait for each.
        alone = _persist(answerable, job) if failed < FAILS_MAX else fault
        failed = 0 if alone is None else failed + 1
        if alone is fault:
            _tell(job, Failed(fault))
    return []


def _persist(answerable: Answerable, job: _Job[Any]) -> Exception | None:
    """Run one job in a transaction of its own, again where somebody else is there, and tell its caller.

    Return what kept it from being committed.
    """
    for tried in range(1, TRIES_MAX + 1):
        kept = _together(answerable, [job])
        if isinstance(kept, Exception):
            _tell(job, Failed(kept))
            return kept
        if not kept[0]:
            return None
        sleep(tried * BUSY_S)
    _tell(job, Failed(Busy()))
    return None


def _together(
    answerable: Answerable, jobs: Sequence[_Job[Any]], is_awaited: Callable[[], bool] = _never
) -> tuple[list[_Job[Any]], Sequence[_Job[Any]]] | Exception:
    """Run jobs in one transaction and tell each caller after the commit; return what kept it from being committed.

    Else return the jobs that met somebody else, of whom nothing was kept, and those not begun: nobody of either has
    heard yet.
    """
    results: list[object] = []
    try:
        with answerable.acts.store.batch():
            for job in jobs:
                if len(results) >= MANY_MIN and is_awaited():
                    break
                results.append(attempt(answerable, job.verb))
    except Exception as error:  # noqa: BLE001 - whatever it was, nothing of the group is kept
        return error
    busy = []
    for job, result in zip(jobs, results, strict=False):
        if isinstance(result, Failed) and isinstance(result.error, Busy):
            busy.append(job)
        else:
            _tell(job, result)
    return busy, jobs[len(results) :]


def _tell(job: _Job[Any], result: object) -> None:
    if job.future.cancelled():
        return
    if isinstance(result, Failed):
        job.future.set_exception(result.error)
    else:
        job.future.set_result(result)
