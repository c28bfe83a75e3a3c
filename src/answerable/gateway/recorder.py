"""What subjects with an open case were served, row by row, for the store and for the gateway's own log.

Law L18: an exchange is recorded, or counted in a gap with its reason.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from answerable.edge import rfc3339
from answerable.gateway.courier import Courier
from answerable.gateway.headers import conversation_of
from answerable.gateway.served import Served
from answerable_gate import Verdict

ROWS_MAX = 10_000
CONFIRMATIONS_MAX = 100_000
ITEMS_AT_ONCE = 256
MODEL_LENGTH_MAX = 200
NOTHING_SERVED = hashlib.sha256().hexdigest()

_log = logging.getLogger("answerable.gateway")


class Judged(NamedTuple):
    """What is known of an exchange when it begins; `conversation` as the operator named it.

    `subjects` are those with an open case. A tuple and no dataclass, because one is made for each exchange.
    """

    subjects: tuple[str, ...]
    at: datetime
    conversation: bytes | None
    model: str | None
    verdict: Verdict


class Handed(NamedTuple):
    """What more was counted of an exchange, None where that could not be known; see `Exchange` of the store."""

    documents: int | None
    mentions: int | None


NOT_COUNTED, NOTHING_HANDED = Handed(None, None), Handed(0, 0)


@dataclass(slots=True)
class _Gap:
    since: datetime
    until: datetime
    exchanges: int = field(default=0)


def report(kind: str, told: dict[str, object]) -> None:
    """Write one entry into the gateway's log, its data beside the word; what a person must look at is an error."""
    _log.log(logging.INFO if kind in _ORDINARY else logging.ERROR, "%s", kind, extra={"told": told})


_ORDINARY = frozenset(("exchange", "refused", "cut", "in_contact", "kept_out", "run_ended"))


class Recorder:
    """Makes the rows of one gateway process; `nonce` tells it from the same gateway before a restart."""

    def __init__(self, name: str, nonce: bytes, *, rows: Courier, gaps: Courier, confirmations: Courier) -> None:
        """Take the gate's name and who carries what."""
        self._name = name
        self._nonce = nonce
        self._rows = rows
        self._gaps = gaps
        self._confirmations = confirmations
        self._count = 0
        self._lost: dict[str, _Gap] = {}

    def record(
        self, judged: Judged, served: Served | None, *, complete: bool, handed: Handed | None = None
    ) -> None:
        """Record an exchange for each subject it was of; nothing served is nothing counted."""
        self._count += 1
        counted = handed or (NOTHING_HANDED if served is None else NOT_COUNTED)
        for subject in judged.subjects:
            row = self._row(subject, judged, served, complete=complete) | counted._asdict()
            report("exchange", row)
            if self._rows.put(_line(row)):
                self.tell_gaps()
            else:
                self._miss(subject, judged.at)

    def confirm(self, subject: str, items: tuple[str, ...]) -> None:
        """Tell the store which items this gate holds now (L9); best effort, since the next start tells it again."""
        for begins in range(0, len(items), ITEMS_AT_ONCE):
            part = items[begins : begins + ITEMS_AT_ONCE]
            if not self._confirmations.put(_line({"gate": self._name, "subject": subject, "items": list(part)})):
                report("not_confirmed", {"subject": subject, "items": len(part)})

    def tell_gaps(self) -> None:
        """Tell the store what found no room, once there is some again, so that each span is as short as it was."""
        for missed, gap in self._lost.items():
            told: dict[str, object] = {
                "gate": self._name,
                "subject": missed,
                "since": rfc3339(gap.since),
                "until": rfc3339(gap.until),
                "exchanges": gap.exchanges,
                "reason": "no_room",
            }
            report("gap", told)
            self._gaps.put(_line(told))
        self._lost.clear()

    def _row(self, subject: str, judged: Judged, served: Served | None, *, complete: bool) -> dict[str, object]:
        verdict = judged.verdict
        named = f"{self._name}\n{self._count}\n{subject}".encode()
        return {
            "id": "exchange_" + hashlib.sha256(self._nonce + named).hexdigest()[:32],
            "subject": subject,
            "at": rfc3339(judged.at),
            "gate": self._name,
            "conversation": conversation_of(judged.conversation),
            "model": judged.model[:MODEL_LENGTH_MAX] if judged.model else None,
            "answer": verdict.answer,
            "level": int(verdict.level),
            "standing": int(verdict.level),
            "tokens": served.tokens() if served else 0,
            "digest": served.digest if served else NOTHING_SERVED,
            "complete": complete,
        }

    def _miss(self, subject: str, at: datetime) -> None:
        gap = self._lost.setdefault(subject, _Gap(at, at))
        gap.since, gap.until, gap.exchanges = min(gap.since, at), max(gap.until, at), gap.exchanges + 1


def _line(value: dict[str, object]) -> bytes:
    return msgspec.json.encode(value)
