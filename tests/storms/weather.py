"""The weather of a storm: clients that resend until they are answered, a follower of the feed, people, and deaths.

Law: a death counts only while there is work to lose, and there is always work until the last one.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from answerable.app import Answerable
from answerable.core.facts import CaseId, ProposalId, SubjectId
from answerable.errors import AnswerableError, Busy, StoreUnavailable
from tests.storms.ground import BETWEEN, LEAD, Ground, Process

CLIENTS = 8
PATIENCE_S = 600.0
RESENT_S = 0.05
ACCOUNTS = 150


def notice(number: int) -> dict[str, Any]:
    """Return the body of a notice: some about accounts with a clock running, some by accounts that others warn of."""
    about = f"due-{number % 97}" if number % 10 == 0 else f"user-{number % ACCOUNTS}"
    account = {"kind": "account", "value": f"user-{(number * 7 + 3) % ACCOUNTS}"}
    return {
        "id": f"n{number}",
        "text": f"He follows me, and this is notice {number // 3}.",
        "subject": [{"kind": "account", "value": about}],
        "person": [{"kind": "email", "value": f"mara{number % 40}@example.org"}],
        "reporter": [account] if number % 5 == 0 else [{"kind": "email", "value": f"ida{number % 60}@example.org"}],
        "hazard": "stalking",
        "danger_now": number % 50 == 0,
    }


@dataclass
class Plan:
    """How a storm goes: how many notices, and how many deaths of each kind."""

    notices: int
    outside: int
    inside: int
    backends: int = 0
    terminated: int = 0
    processes: int = 3

    @property
    def deaths(self) -> int:
        """All of them."""
        return self.outside + self.inside + self.backends + self.terminated


@dataclass
class Storm:
    """One storm over one ground; `admin` is the address of its own PostgreSQL server, whose backends die too."""

    ground: Ground
    plan: Plan
    admin: str | None = None
    answered: dict[int, dict[str, Any]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    followed: dict[SubjectId, tuple[int, object]] = field(default_factory=dict)
    faults: list[BaseException] = field(default_factory=list)
    settled: datetime | None = None
    _to_lift: list[tuple[CaseId, ProposalId]] = field(default_factory=list)
    _released: int = 0
    _taken: int = 0
    _running: list[Process] = field(default_factory=list)
    _moved: threading.Condition = field(default_factory=threading.Condition)
    _over: threading.Event = field(default_factory=threading.Event)
    _chance: random.Random = field(default_factory=lambda: random.Random(7))

    def rage(self) -> None:
        """Let it storm, then let one calm process finish; raise what any thread met."""
        self._to_lift += self.ground.lifts
        threads = [threading.Thread(target=self._guard, args=(self._send,)) for _ in range(CLIENTS)]
        threads += [threading.Thread(target=self._guard, args=(one,)) for one in (self._follow, self._lift)]
        for thread in threads:
            thread.start()
        try:
            self._strike_all()
            self._calm()
        finally:
            self._over.set()
            with self._moved:
                self._moved.notify_all()
            for process in self._running:
                process.end()
            for thread in threads:
                thread.join(60)
        assert self.faults == []

    def _guard(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - told at the end
            self.faults.append(error)

    # --- deaths

    def _strike_all(self) -> None:
        plan = self.plan
        strikes = ["outside"] * plan.outside + ["inside"] * plan.inside
        strikes += ["backend"] * plan.backends + ["terminated"] * plan.terminated
        self._chance.shuffle(strikes)
        until = time.monotonic() + PATIENCE_S
        while strikes or self.deaths.total() < plan.deaths:
            assert time.monotonic() < until, f"the storm took too long: {self.deaths}"
            self._keep_running()
            is_doomed = any(one.is_doomed for one in self._running)
            if is_doomed or sum(one.is_ready for one in self._running) >= plan.processes - 1:
                if self._is_quiet():
                    assert self._released < plan.notices, f"the work was done after {self.deaths}"
                    left = 2 * (plan.deaths - self.deaths.total())
                    self._release(self._released + max(1, (plan.notices - self._released) // left))
                time.sleep(self._chance.uniform(0, 0.05))
                if strikes and not is_doomed and not self._is_quiet() and self._strike(strikes[-1]):
                    strikes.pop()
            time.sleep(0.005)

    def _release(self, number: int) -> None:
        """Let so many of the notices be sent, and as large a part of the defaults fall due."""
        number = min(number, self.plan.notices)
        dues = self.ground.dues
        self.ground.forward_to(dues[max(0, len(dues) * number // self.plan.notices - 1)])
        with self._moved:
            self._released = number
            self._moved.notify_all()

    def _is_quiet(self) -> bool:
        """Tell whether there is nothing under way that a death could tear."""
        return len(self.answered) >= self._released

    def _keep_running(self) -> None:
        for process in list(self._running):
            if process.status is None:
                continue
            self._running.remove(process)
            # Without its database, or a moment in a file, it may give up at its start; whoever runs it starts it again.
            may_end = not process.is_ready and (self.admin is not None or "is locked" in process.log.read_text())
            assert (process.status == -signal.SIGKILL and process.is_doomed) or may_end, process.log.read_text()
            self.deaths["inside"] += process.is_doomed
        while len(self._running) < self.plan.processes:
            self._running.append(self.ground.spawn("api,worker"))

    def _strike(self, kind: str) -> bool:
        """Do it, and tell whether it could be done."""
        if kind in ("outside", "inside"):
            process = self._chance.choice([one for one in self._running if one.is_ready])
            if kind == "inside":
                process.is_doomed = True
                process.send(signal.SIGUSR1)
                return True
            self._running.remove(process)
            process.end()
            self.deaths[kind] += 1
            return True
        assert self.admin is not None
        with suppress(psycopg.Error), psycopg.connect(self.admin, autocommit=True) as admin:
            asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'answerable'"
            pids = [pid for (pid,) in admin.execute(asked).fetchall()]
            if not pids:
                return False
            pid = self._chance.choice(pids)
            if kind == "backend":
                os.kill(pid, signal.SIGKILL)
            else:
                admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
            self.deaths[kind] += 1
            return True
        return False

    def _calm(self) -> None:
        """Let one that lived through it finish, or where none did, one more."""
        self._running.sort(key=lambda one: not one.is_ready)
        for process in self._running[1:]:
            process.end()
        house = self.ground.house()
        if self._running[0].status is not None:
            self._running[0] = self.ground.spawn("api,worker")
        del self._running[1:]
        self._release(self.plan.notices)
        self.ground.forward(BETWEEN)
        until = time.monotonic() + PATIENCE_S
        try:
            while self.settled is None:
                while not (self._is_quiet() and not self._to_lift and settled_at(house.answerable())):
                    assert time.monotonic() < until, self._running[0].log.read_text()[-3000:]
                    assert self._running[0].status is None, self._running[0].log.read_text()
                    time.sleep(0.05)
                assert self._running.pop().end(signal.SIGTERM) == 0
                # Something may have fallen due while it ended; then one more finishes that.
                self.settled = settled_at(house.answerable())
                if self.settled is None:
                    self._running.append(self.ground.spawn("api,worker"))
        finally:
            house.close()

    # --- who sends, follows, decides

    def _next(self) -> int | None:
        with self._moved:
            while self._taken >= self._released and not self._over.is_set():
                self._moved.wait(1)
            if self._over.is_set() or self._taken >= self._released:
                return None
            self._taken += 1
            return self._taken - 1

    def _send(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.ground.port, timeout=20)
        token = self.ground.tokens["classifier-1"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while (number := self._next()) is not None:
            body = json.dumps(notice(number)).encode()
            while not self._over.is_set():
                try:
                    connection.request("POST", "/v1/notices", body, headers)
                    response = connection.getresponse()
                    said = response.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    time.sleep(RESENT_S)
                    continue
                self.statuses[response.status] += 1
                if response.status in (200, 201):
                    self.answered[number] = json.loads(said)
                    break
                assert response.status in (409, 429, 503), said
                time.sleep(RESENT_S)
        connection.close()

    def _follow(self) -> None:
        """Read the feed as a gate does, from where it stands on, and keep the last line of each account."""
        house, after = self.ground.house(), 0
        try:
            while True:
                is_last = self._over.is_set()
                with suppress(StoreUnavailable):
                    while lines := house.store.feed(after, 200):
                        for line in lines:
                            assert line.seq > after
                            after = line.seq
                            self.followed[SubjectId(line.entry.subject)] = (line.seq, line.entry)
                    if is_last:
                        return
                time.sleep(0.02)
        finally:
            house.close()

    def _lift(self) -> None:
        """Carry out what was signed, one after the other, while it storms."""
        house = self.ground.house()
        desk, waiting = house.answerable(), self._to_lift
        try:
            while waiting and not self._over.is_set():
                share = 1 - self._released / self.plan.notices
                if len(waiting) <= share * len(self.ground.lifts):
                    time.sleep(0.02)
                    continue
                case, proposal = waiting[-1]
                with suppress(Busy, StoreUnavailable):
                    refused = desk.lift(case, proposal, staff=LEAD)
                    assert refused is None or was_lifted(desk, proposal), refused
                    waiting.pop()
        finally:
            house.close()


def was_lifted(desk: Answerable, proposal: ProposalId) -> bool:
    """Tell whether a proposal was carried out, as one who lost the answer finds out."""
    desk.acts.store.integrate()
    return any(getattr(one.fact, "proposal", None) == proposal and type(one.fact).__name__ == "MeasureLifted"
               for one in desk.acts.store.all_recorded())  # fmt: skip


def settled_at(desk: Answerable) -> datetime | None:
    """Return by when everything due is written down, sent and sealed, or None; what falls due later nobody owes yet."""
    store = desk.acts.store
    with suppress(AnswerableError):
        now = desk.acts.now(store.high_water())
        newest = store.newest_checkpoint()
        waiting = store.due(now, 1) or store.look_backs(1) or not_done(store)
        return now if not waiting and newest is not None and newest.size == facts(store) == store.size() else None
    return None


def facts(store: Any) -> int:
    """Return how many facts were ever committed, in the tree or not."""
    return int(store._one("SELECT count(*) FROM fact")[0])


def not_done(store: Any) -> Iterable[object]:
    """Return one message that has not left."""
    rows: list[object] = store._all("SELECT idem FROM outgoing WHERE done = 0 LIMIT 1")
    return rows


