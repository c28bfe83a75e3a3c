"""A courier: lines that wait here until the store has taken them, in order, at least once.

Law L17: a line leaves only after the store's yes, and what finds no room is counted, never lost in silence.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout

LINES_AT_ONCE = 500
EVERY_S = 0.25
BACKOFF_MAX_S = 10.0
ANSWER_S = 10.0
# Not the lines are wrong here but the moment or the key: they are offered again.
_LATER = frozenset((401, 403, 408, 425, 429))

Report = Callable[[str, dict[str, object]], None]


class Courier:
    """Posts NDJSON to one address of the store; one event loop owns it."""

    def __init__(self, address: str, token: str, *, room: int, report: Report) -> None:
        """Take where to, as whom, and how many lines may wait; `report` is told what went wrong."""
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        self._room = room
        self._report = report
        self._lines: deque[bytes] = deque()
        self._waiting = asyncio.Event()

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, line: bytes) -> bool:
        """Give a line to carry; False where there is no room."""
        if len(self._lines) >= self._room:
            return False
        self._lines.append(line)
        self._waiting.set()
        return True

    async def run(self, session: ClientSession) -> None:
        """Carry until cancelled."""
        wait = EVERY_S
        while True:
            await self._waiting.wait()
            await asyncio.sleep(wait)  # so that lines go together
            taken = await self.deliver(session)
            wait = EVERY_S if taken else min(2 * wait, BACKOFF_MAX_S)

    async def deliver(self, session: ClientSession) -> bool:
        """Offer everything that waits; False where the store did not take it."""
        at_once = LINES_AT_ONCE
        while self._lines:
            batch = [self._lines[place] for place in range(min(len(self._lines), at_once))]
            status = await self._post(session, batch)
            if status is None or status >= 500 or status in _LATER:
                self._report("not_delivered", {"address": self._address, "status": status, "waiting": len(self)})
                return False
            if status >= 300 and len(batch) > 1:  # one of them is wrong, and the others must not go with it
                at_once = len(batch) // 2
                continue
            if status >= 300:  # it will never be taken, and others must not wait behind it
                self._report("not_taken", {"address": self._address, "status": status, "line": batch[0].decode()})
            at_once = LINES_AT_ONCE if status < 300 else at_once
            for _ in batch:
                self._lines.popleft()
        self._waiting.clear()
        return True

    async def _post(self, session: ClientSession, batch: list[bytes]) -> int | None:
        try:
            async with session.post(
                self._address,
                data=b"\n".join(batch) + b"\n",
                headers=self._headers,
                timeout=ClientTimeout(total=ANSWER_S),
                allow_redirects=False,  # redirects could carry the token elsewhere
            ) as response:
                await response.read()
                return response.status
        except (ClientError, OSError, TimeoutError):
            return None
