"""What a gate tells its store: rows of what was served, gaps, confirmations; they wait here in bounded memory.

Law L18: an exchange is told, or counted in a gap with its reason; L17: a line leaves only after the store's yes.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from answerable_gate.judge import Verdict
from answerable_gate.strict import written

LINES_AT_ONCE = 500
EVERY_S = 0.25
BACKOFF_MAX_S = 10.0
ANSWER_S = 10.0
ITEMS_AT_ONCE = 256
MODEL_LENGTH_MAX = 200
CONVERSATION_LENGTH_MAX = 128
CHARACTERS_PER_TOKEN = 4
# Not the lines are wrong here but the moment or the key: they are offered again.
_LATER = frozenset((401, 403, 408, 425, 429))
_ORDINARY = frozenset(("exchange", "in_contact", "cut", "refused"))

Report = Callable[[str, dict[str, object]], None]

_log = logging.getLogger("answerable.gate")


def log(kind: str, told: dict[str, object]) -> None:
    """Write one line of JSON to the logger `answerable.gate`; what a person must look at is an error."""
    level = logging.INFO if kind in _ORDINARY else logging.ERROR
    if _log.isEnabledFor(level):
        _log.log(level, "%s", json.dumps({"kind": kind, **told}, default=str))


class Judged(NamedTuple):
    """What is known of an exchange when it begins; `subjects` are those with an open case, of whom it is told."""

    subjects: tuple[str, ...]
    at: datetime
    conversation: str | None
    model: str | None
    verdict: Verdict


class Served(NamedTuple):
    """What was handed over: SHA-256 of its bytes, how many tokens, and whether it was all."""

    digest: str
    tokens: int
    complete: bool


NOTHING = Served(hashlib.sha256().hexdigest(), 0, complete=True)


class Count:
    """Counts what is handed over, piece by piece; `tokens` is the model's own count, where it says one."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._digest = hashlib.sha256()
        self._characters = 0
        self.tokens: int | None = None

    def add(self, piece: bytes | str) -> None:
        """Count a piece; a text counts as its UTF-8."""
        self._digest.update(piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece)
        self._characters += len(piece)

    def served(self, *, complete: bool) -> Served:
        """Give what it comes to; without the model's count a token is four characters, rounded up."""
        tokens = self.tokens if self.tokens is not None else -(-self._characters // CHARACTERS_PER_TOKEN)
        return Served(self._digest.hexdigest(), max(0, tokens), complete)


class Queue:
    """Lines for one path of the store, in order; any thread puts, one at a time takes."""

    def __init__(self, path: str, room: int, report: Report) -> None:
        """Take where to, how many lines may wait, and who is told what went wrong."""
        self.path = path
        self._room = room
        self._report = report
        self._lines: deque[bytes] = deque()
        self._at_once = LINES_AT_ONCE

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, value: dict[str, object]) -> bool:
        """Give something to tell; False where there is no room."""
        if len(self._lines) >= self._room:
            return False
        self._lines.append(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
        return True

    def batch(self) -> list[bytes]:
        """Give the lines to offer next."""
        return [self._lines[place] for place in range(min(len(self._lines), self._at_once))]

    def settle(self, batch: list[bytes], status: int | None) -> bool:
        """Take the store's answer to a batch, None where there was none; False where to wait before the next."""
        if status is None or status >= 500 or status in _LATER:
            self._report("not_delivered", {"path": self.path, "status": status, "waiting": len(self)})
            return False
        if status >= 300 and len(batch) > 1:  # one of them is wrong, and the others must not go with it
            self._at_once = len(batch) // 2
            return True
        if status >= 300:  # it will never be taken, and others must not wait behind it
            self._report("not_taken", {"path": self.path, "status": status, "line": batch[0].decode()})
        else:
            self._at_once = LINES_AT_ONCE
        for _ in batch:
            self._lines.popleft()
        return True


@dataclass(slots=True)
class _Gap:
    since: datetime
    until: datetime
    exchanges: int


class Rows:
    """Makes and keeps what one gate has to tell; any thread may use it."""

    def __init__(self, name: str, nonce: bytes, *, room: int, report: Report) -> None:
        """Take the gate's name, what tells this run of it from the last, and how many rows may wait."""
        self._name = name
        self._nonce = nonce
        self._report = report
        self._lock = Lock()
        self._count = 0
        self._gaps: dict[tuple[str, str], _Gap] = {}
        self.queues = self._rows, self._told, self._confirmations = (
            Queue("/v1/exchanges", room, report),
            Queue("/v1/gaps", room, report),
            Queue("/v1/confirmations", room, report),
        )

    def __len__(self) -> int:
        return sum(map(len, self.queues))

    def record(self, judged: Judged, served: Served) -> None:
        """Record an exchange for each subject it was of."""
        with self._lock:
            self._count += 1
            count = self._count
        for subject in judged.subjects:
            row = self._row(subject, count, judged, served)
            self._report("exchange", row)
            if not self._rows.put(row):
                self._miss(subject, judged.at, "no_room")

    def unseen(self, judged: Judged) -> None:
        """Count an exchange of which this way in sees no answer."""
        for subject in judged.subjects:
            self._miss(subject, judged.at, "answer_not_seen")

    def confirm(self, subject: str, items: tuple[str, ...]) -> None:
        """Tell which items this gate holds now (L9); best effort, since the next start tells it again."""
        for begins in range(0, len(items), ITEMS_AT_ONCE):
            part = list(items[begins : begins + ITEMS_AT_ONCE])
            if not self._confirmations.put({"gate": self._name, "subject": subject, "items": part}):
                self._report("not_confirmed", {"subject": subject, "items": len(part)})

    def tell_gaps(self) -> None:
        """Tell the gaps so far, as far as there is room."""
        with self._lock:
            gaps, self._gaps = self._gaps, {}
        for (subject, reason), gap in gaps.items():
            told: dict[str, object] = {
                "gate": self._name,
                "subject": subject,
                "since": written(gap.since),
                "until": written(gap.until),
                "exchanges": gap.exchanges,
                "reason": reason,
            }
            if self._told.put(told):
                self._report("gap", told)
            else:
                self._add(subject, reason, gap)

    def _row(self, subject: str, count: int, judged: Judged, served: Served) -> dict[str, object]:
        named = f"{self._name}\n{count}\n{subject}".encode()
        return {
            "id": "exchange_" + hashlib.sha256(self._nonce + named).hexdigest()[:32],
            "subject": subject,
            "at": written(judged.at),
            "gate": self._name,
            "conversation": judged.conversation[:CONVERSATION_LENGTH_MAX] if judged.conversation else None,
            "model": judged.model[:MODEL_LENGTH_MAX] if judged.model else None,
            "answer": judged.verdict.answer,
            "level": int(judged.verdict.level),
            "standing": int(judged.verdict.level),
            "tokens": served.tokens,
            "digest": served.digest,
            "complete": served.complete,
        }

    def _miss(self, subject: str, at: datetime, reason: str) -> None:
        self._add(subject, reason, _Gap(at, at, 1))

    def _add(self, subject: str, reason: str, gap: _Gap) -> None:
        with self._lock:
            there = self._gaps.setdefault((subject, reason), gap)
            if there is not gap:
                there.since, there.until = min(there.since, gap.since), max(there.until, gap.until)
                there.exchanges += gap.exchanges
