"""The ticker: writes down what time has brought, in batches, the longest overdue first.

Law: bookkeeping only; a gate has done it already, and a dead ticker costs nobody protection (L1).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from time import sleep

from answerable.app import Answerable, sources
from answerable.core.facts import SubjectId
from answerable.errors import AnswerableError, Busy
from answerable.work.writer import Failed, attempt

BATCH = 200
GIVE_WAY_S = 0.02
"""SQLite keeps no queue: whoever waits for the record looks again every ten milliseconds, and must once find it free.
"""

Look = Callable[[], list[SubjectId]]

_log = logging.getLogger("answerable.ticker")


def sweep(answerable: Answerable) -> int:
    """Settle every subject that is due now, and a batch of those a new policy has not reached; return how many.

    A stricter policy shortens clocks that run (L3), and none of them could know of it before; nor that its source was
    confirmed or recalled. One batch at a time, so that no adoption keeps waiting what is due meanwhile.
    """
    store = answerable.acts.store
    now = answerable.acts.now(store.high_water())
    settled = _settle_found(answerable, partial(store.due, now), once=False)
    policy, _ = answerable.acts.policy()
    settled += _settle_found(answerable, partial(store.behind, policy.version), once=True)
    left = sources.revisited(answerable.acts, BATCH)
    return settled + len(left) - len(_settle(answerable, left, lambda: left) if left else [])


def _settle_found(answerable: Answerable, find: Callable[[int], list[SubjectId]], *, once: bool) -> int:
    """Settle what is found until nothing new is, or with `once` until something was; return how many.

    One whose facts cannot be written (a newer program's, say) is passed over and holds up nobody behind it.
    """
    tried: set[SubjectId] = set()
    stuck: set[SubjectId] = set()
    settled = 0
    while not (once and settled):
        look = partial(find, BATCH + len(stuck))
        found = look()
        due = [subject for subject in found if subject not in tried]
        # Where all were tried before and stayed, there may still be others behind them.
        if not due and stuck.issuperset(found):
            break
        stuck.update(tried.intersection(found))
        tried.update(due)
        if not due:
            continue
        settled += len(due) - len(_settle(answerable, due, look))
        if len(due) >= BATCH:
            sleep(GIVE_WAY_S)
    return settled


def _settle(answerable: Answerable, due: list[SubjectId], look: Look) -> list[SubjectId]:
    """Settle subjects in one transaction, and where that fails each half by itself; return those that could not be."""
    passed = _tried(answerable, due, look)
    if isinstance(passed, Failed) and len(due) > 1:
        half = len(due) // 2
        return _settle(answerable, due[:half], look) + _settle(answerable, due[half:], look)
    faults: Mapping[SubjectId, Exception] = dict.fromkeys(due, passed.error) if isinstance(passed, Failed) else passed
    for fault in faults.values():
        if not isinstance(fault, Busy):  # whoever is writing there settles what is due as well
            _log.error("what is due could not be written down: %s", fault, exc_info=fault)
    return list(faults)


def _tried(answerable: Answerable, due: list[SubjectId], look: Look) -> Mapping[SubjectId, Exception] | Failed:
    try:
        with answerable.acts.store.batch():
            # Whoever held the record before may have settled some of them meanwhile.
            found = set(look())
            left = [one for one in due if one in found]
            return attempt(answerable, lambda desk: desk.settle(*left)) if left else {}
    except AnswerableError as error:
        return Failed(error)
