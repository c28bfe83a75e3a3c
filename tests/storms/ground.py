"""The ground of a storm: a real house with a record in files or in PostgreSQL, and what is due in it.

Law: every process of a storm is the program that an operator runs, on the one configuration written here.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from answerable.app import Answerable, ProposalIn, SignalIn, Taken
from answerable.app.genesis import adopt
from answerable.cli.wiring import House, open_house
from answerable.config import init_config, load
from answerable.core.facts import (
    CaseId,
    DefaultArmed,
    Hazard,
    LoweringKind,
    Outcome,
    ProposalId,
    Refused,
    SignalId,
    StaffId,
)
from answerable.edge import ManualClock, RandomMint, SystemClock, shift_clock
from answerable.errors import StoreUnavailable
from answerable_gate import Level, Standing
from tests.storms import deadly

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["answerable.cli", "answerable.store.postgres"])
DSN = "ANSWERABLE_STORM_DSN"
LEAD, PARTNER = StaffId("lead-1"), StaffId("partner-1")
BETWEEN, EARLY = timedelta(minutes=1), timedelta(hours=1)
PREPARED_AT_ONCE = 100


@dataclass
class Ground:
    """A house's folder, its tokens, where its processes serve together, and what was prepared."""

    home: Path
    tokens: dict[str, str]
    port: int
    environment: dict[str, str]
    dues: list[datetime] = field(default_factory=list)
    lifts: list[tuple[CaseId, ProposalId]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "answerable.toml"

    def house(self) -> House:
        """Open the record in this process, as soon as its database answers."""
        until = time.monotonic() + 120
        while True:
            try:
                return open_house(load(self.config))
            except StoreUnavailable:
                assert time.monotonic() < until, "the database did not come back"
                time.sleep(0.1)

    def forward(self, by: timedelta) -> None:
        """Let time pass for every process."""
        shift_clock(self.home / "clock.offset", Decimal(by // timedelta(seconds=1)))

    def forward_to(self, at: datetime) -> None:
        """Let time pass for every process until a moment, unless it is over."""
        self.forward(max(at - SystemClock(self.home / "clock.offset").now(), timedelta(0)))

    def spawn(self, roles: str) -> Process:
        """Start the program; SIGUSR1 lets it die at one of the next statements of its transactions."""
        log = self.home / "log" / f"{len(list((self.home / 'log').iterdir()))}.log"
        log.touch()
        arguments = ["serve", "--config", str(self.config), "--roles", roles, "--share"]
        child = FORKED.Process(target=deadly.run, args=(arguments, self.environment, log), daemon=True)
        child.start()
        return Process(child, log)


@dataclass
class Process:
    """One process of a storm."""

    child: BaseProcess
    log: Path
    is_doomed: bool = False
    _is_ready: bool = False

    @property
    def is_ready(self) -> bool:
        """Tell whether it has said that it is ready."""
        self._is_ready = self._is_ready or "\nready" in f"\n{self.log.read_text()}"
        return self._is_ready

    @property
    def status(self) -> int | None:
        """Return its exit status, the number of a signal negative; None while it runs."""
        return self.child.exitcode

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.child.pid is not None
        os.kill(self.child.pid, number)

    def end(self, number: int = signal.SIGKILL) -> int:
        """End it by a signal and return its exit status."""
        if self.status is None:
            self.send(number)
        self.child.join(120)
        assert self.status is not None
        return self.status


@contextmanager
def settled(home: Path, monkeypatch: pytest.MonkeyPatch, dsn: str | None = None) -> Iterator[Ground]:
    """Give a house whose two people have signed the policy; its record is in files, or in a database."""
    for folder in (home, home / "log", home / "ports"):
        folder.mkdir(parents=True, exist_ok=True)
    path = home / "answerable.toml"
    tokens = init_config(path, mint=RandomMint()).tokens
    with socket.socket() as kept:
        # Held, and never listened at: the address stays free for the processes that share it.
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(("127.0.0.1", 0))
        port = kept.getsockname()[1]
        text = path.read_text().replace("127.0.0.1:8700", f"127.0.0.1:{port}")
        if dsn is not None:
            monkeypatch.setenv(DSN, dsn)
            text = text.replace("[record]\n", f'[record]\ndsn_env = "{DSN}"\n')
        path.write_text(text + '\n[clock]\noffset_file = "clock.offset"\n')
        found = Ground(home=home, tokens=tokens, port=port, environment={} if dsn is None else {DSN: dsn})
        house = found.house()
        try:
            assert adopt(house.acts(), policy=house.policy, signers=(LEAD, PARTNER)) is None
        finally:
            house.close()
        yield found


def prepare(ground: Ground, *, dues: int, lifts: int) -> None:
    """Flag accounts so that each has a default armed, one a minute, and take others to where they may be lifted."""
    house = ground.house()
    try:
        clock = ManualClock(SystemClock().now())
        desk = house.answerable()
        desk.acts.clock = clock
        for first in range(0, dues, PREPARED_AT_ONCE):
            with house.store.batch():
                for number in range(first, min(first + PREPARED_AT_ONCE, dues)):
                    desk.raise_signal(_flag(f"due-{number}", Hazard.THREAT))
                    clock.advance(BETWEEN)
        for number in range(lifts):
            ground.lifts.append(_signed(desk, desk.raise_signal(_flag(f"lift-{number}", Hazard.MASS_CASUALTY))))
        desk.seal()
        armed = [one.fact for one in house.store.all_recorded() if isinstance(one.fact, DefaultArmed)]
        ground.dues = sorted(one.due for one in armed[:dues])
    finally:
        house.close()
    # Who is flagged at night has longer: when they fall due is read, not worked out. Lifts have cooled off by then.
    ground.forward_to(ground.dues[0] - EARLY if dues else clock.now() + timedelta(days=7))


def _flag(user: str, hazard: Hazard) -> SignalIn:
    return SignalIn(id=user, source="c", model="m", version="1", label="x", hazard=hazard, user=user)


def _signed(desk: Answerable, taken: Taken) -> tuple[CaseId, ProposalId]:
    case = CaseId(str(taken.case))
    for staff in (LEAD, PARTNER):
        assert not isinstance(desk.view_case(case, staff=staff, purpose="review"), Refused)
    said = desk.answer_signal(case, SignalId(taken.id), staff=LEAD, outcome=Outcome.HARMLESS, text="A novel.")
    assert said is None
    wanted = ProposalIn(kind=LoweringKind.LIFT, reason="A novel.", to=Standing(Level.WATCH))
    proposal = desk.propose(case, wanted, staff=LEAD)
    assert not isinstance(proposal, Refused), proposal
    assert desk.countersign(case, proposal, staff=PARTNER) is None
    return case, proposal
