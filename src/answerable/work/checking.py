"""The worker's check: a slice of it at a time, at the start and every six hours; what it finds is told to two people.

Law: it stops nothing that protects, and a record that fails is neither mended nor hushed up here (L1, L8).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from answerable.app import Answerable
from answerable.app.checking import Check, Checked
from answerable.app.effects import PAGE
from answerable.core.facts import Role
from answerable.core.roster import Roster
from answerable.edge import rfc3339
from answerable.errors import AnswerableError
from answerable.store.protocol import Outgoing
from answerable.work.loop import Step
from answerable.work.signs import LastCheck, note_check

EVERY_S = 6 * 3600.0
AGAIN_S = 60.0
PAUSE_S = 0.05
"""Between two slices: who writes and who sweeps come first."""

_log = logging.getLogger("answerable.check")


class Checking:
    """The passes of one worker, one after the other."""

    def __init__(self, answerable: Answerable, begin: Callable[[], Check]) -> None:
        """Take verbs of its own and what begins a pass."""
        self._answerable = answerable
        self._begin = begin
        self._check: Check | None = None
        self._slices: Iterator[None] | None = None
        self._next_at = answerable.acts.clock.monotonic()

    def step(self) -> bool:
        """Do one slice where a pass is due; False, so that a pause follows."""
        if self._check is None:
            acts, now = self._answerable.acts, self._answerable.acts.clock.monotonic()
            if now < self._next_at:
                return False
            # Whoever does not lead asks again soon, and so does a pass that breaks off: its store was away.
            self._next_at = now + AGAIN_S
            if not acts.store.leads("check"):
                return False
            self._check = self._begin()
        try:
            if self._slices is None:
                self._slices = self._check.slices()
            next(self._slices)
        except StopIteration:
            self._end(self._check)
        except BaseException:
            self._drop()
            raise
        return False

    def _end(self, check: Check) -> None:
        self._drop()
        self._next_at = self._answerable.acts.clock.monotonic() + EVERY_S
        checked = check.result()
        if checked.first is None:
            _log.info("the record checks itself: %s, %d entries", checked.verdict, checked.entries)
        else:
            # The log first: a record this far gone may take neither page nor note.
            _log.critical("the record is not what its entries and signatures make it: %s", checked.first)
            tell(self._answerable, checked)
        acts = self._answerable.acts
        now = acts.now(acts.store.high_water())
        note_check(acts.store, LastCheck(now, checked.verdict, checked.first))

    def _drop(self) -> None:
        if self._check is not None:
            self._check.inspection.close()
        self._check = self._slices = None


def tell(answerable: Answerable, checked: Checked) -> None:
    """Page the lead and the outside approver; each pass that fails pages them again."""
    assert checked.first is not None, "only a failure is told"
    with answerable.acts.store.act() as tx:
        now = answerable.acts.now(tx.high_water())
        try:
            told = watchers(tx.roster())
        except (AnswerableError, AssertionError):
            _log.exception("nobody can be named: the roster itself cannot be read")
            told = ["nobody"]
        for one in told:
            body = {"to": one, "why": "record_altered", "found": checked.first[:500]}
            tx.post(Outgoing(idem=f"check:{rfc3339(now)}:{one}", topic=PAGE, body=body, not_before=now))


def watchers(roster: Roster) -> list[str]:
    """Return who hears that the record was altered: the first lead and the first outside approver, else whoever is."""
    able = roster.deciders()
    leads = [one for one in able if roster.staff[one].role is Role.LEAD][:1]
    partner = roster.partner(frozenset())
    return list(dict.fromkeys([*leads, *([partner] if partner else [])])) or list(able[:1]) or ["nobody"]


def check_step(answerable: Answerable, begin: Callable[[], Check]) -> Step:
    """Return the step that checks the record."""
    return Step("check", Checking(answerable, begin).step, PAUSE_S)
