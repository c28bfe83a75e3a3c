"""The look-back: for each notice the retained history is read, outside any transaction, and what it gave is recorded.

Law: a history that is absent, cut or not screened ends as NOT KNOWN, never as nothing (L10).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from answerable.app import Answerable
from answerable.core.facts import CaseId, NoticeId, SubjectId
from answerable.ports.history import History, Message
from answerable.ports.unknown import NotKnown
from answerable.screen.lookback import look_back

AT_ONCE = 20

_log = logging.getLogger("answerable.look_back")


def look(answerable: Answerable, history: History | None) -> int:
    """Do the look-backs that have been asked for; return how many were tried."""
    waiting = answerable.look_backs(AT_ONCE)
    for subject, case, notice in waiting:
        try:
            _look(answerable, history, subject, case, notice)
        except Exception as error:  # noqa: BLE001 - one history that cannot be read holds up no other
            # It stays open; the next act after its limit ends it as NOT KNOWN, whatever becomes of this worker.
            _log.error("a look-back could not be done", exc_info=error)
    return len(waiting)


def _look(
    answerable: Answerable, history: History | None, subject: SubjectId, case: CaseId, notice: NoticeId
) -> None:
    asked = answerable.prepare_look_back(subject, case, notice)
    messages: Iterator[Message] | NotKnown = NotKnown("no history is connected, or the account is not known")
    if history is not None and asked.account is not None:
        messages = history.fetch(asked.account, since=asked.since)
    refused = answerable.end_look_back(asked, look_back(messages, asked.persons))
    if refused is not None:
        _log.info("a look-back had ended already: %s", refused.code)
