"""The sealer: signs what was written since, again and again, in a thread in which waiting holds up nobody.

Law: a fault of the signer stops no intake and no default; it is said once when it begins and once when it ends (L1).
"""

from __future__ import annotations

import logging
from typing import Protocol

from answerable.app import Answerable
from answerable.app.sealing import contradiction
from answerable.errors import Conflict

SEAL_EVERY_S = 0.25
SEALER = "sealer"

_log = logging.getLogger("answerable.sealer")


class _Stop(Protocol):
    def wait(self, timeout: float) -> bool: ...


class Sealer:
    """Seals one record for one process, where this process leads in that; others stand by."""

    def __init__(self, answerable: Answerable) -> None:
        """Take the record and its signer."""
        self._answerable = answerable
        self._fault: str | None = None

    def run(self, stop: _Stop) -> None:
        """Seal until told to stop, and once more then."""
        # Not after each commit: a signature costs two more waits for the disk, and a release may take 250 ms.
        while not stop.wait(SEAL_EVERY_S):
            self.seal()
        self.seal()

    def seal(self) -> None:
        """Grow the tree and sign it; somebody who signed more is no fault."""
        answerable = self._answerable
        try:
            if not answerable.acts.store.leads(SEALER):
                return
            try:
                answerable.seal()
                fault: Exception | None = None
            except Conflict as error:
                found = contradiction(answerable.acts.store, answerable.signer)
                _log.debug("no checkpoint was signed: %s", error)
                fault = None if found is None else Conflict(found)
        except Exception as error:  # noqa: BLE001 - whoever seals outlives the signer
            fault = error
        self._note(fault)

    def _note(self, fault: Exception | None) -> None:
        """Log a fault where it is a new one: it would be the same four times a second for as long as it lasts."""
        said = None if fault is None else f"{type(fault).__name__}: {fault}"
        if said == self._fault:
            return
        self._fault = said
        if fault is None:
            _log.info("checkpoints are signed again")
        elif isinstance(fault, Conflict):
            _log.critical("nothing is signed any more: %s; run `answerable check`", fault)
        else:
            _log.error("no checkpoint could be signed; nothing is lowered meanwhile", exc_info=fault)
