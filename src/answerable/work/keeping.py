"""Keeping: holds are ordered at the operator's stores, and what those say is written down.

Law: no answer is no hold (L9); and stores that do not answer hold up no letter behind them.
"""

from __future__ import annotations

import logging

from answerable.app import Answerable
from answerable.app.effects import HOLD
from answerable.core.facts import CaseId, HoldId
from answerable.ports.preserve import Preserve
from answerable.ports.unknown import NotKnown
from answerable.store.protocol import Outgoing

_log = logging.getLogger("answerable.keeping")


class Keeper:
    """One round of orders; once the stores did not answer, they are asked for nothing more in it."""

    def __init__(self, answerable: Answerable, preserve: Preserve | None) -> None:
        """Take the verbs, and the operator's stores where any are connected."""
        self._answerable = answerable
        self._preserve = preserve

    def carry(self, outgoing: Outgoing) -> bool:
        """Carry one order or release; False where it is to be carried again."""
        case, hold = CaseId(outgoing.body["case"]), HoldId(outgoing.body["hold"])
        if self._preserve is None:
            return False
        task = self._answerable.hold_task(case, hold)
        is_order = outgoing.topic == HOLD
        if task.account is None or (is_order and (task.is_confirmed or not task.is_standing)):
            return True
        ask = self._preserve.hold if is_order else self._preserve.release
        found = ask(task.account, hold)
        if isinstance(found, NotKnown):
            _log.warning("the operator's stores did not take %s: %s", hold, found.reason)
            self._preserve = None
            return False
        if is_order:
            self._answerable.confirm_hold(case, hold, found.reference)
        return True
