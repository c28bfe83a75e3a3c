"""What the clients for threads and for asyncio have in common: settings, checks, exchanges under way.

Law L1: a check never waits for the network; with the store away it answers by what is held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from answerable_gate.carrying import Carried, closes, uncarried
from answerable_gate.gate import Gate
from answerable_gate.io.edge import SYSTEM, nonce
from answerable_gate.io.following import Clocks, Listener
from answerable_gate.io.proofs import pin
from answerable_gate.io.rows import NOTHING, Count, Judged, Report, Rows, log
from answerable_gate.io.snapshots import Snapshots
from answerable_gate.judge import GatePolicy, Request, Verdict
from answerable_gate.names import Names
from answerable_gate.shapes import Status
from answerable_gate.spoken import spoken

ROWS_MAX = 10_000
KEY_BYTES = 32
GAPS_EVERY_S = 30.0
LAST_DELIVERY_S = 5.0
# What applies until the feed brings the operator's own policy.
BEFORE_CONTACT = GatePolicy(
    version=0,
    preamble="",
    tools_allowed=(),
    on_stale="guarded",
    on_cold_start="refuse",
    on_no_identity="guarded",
    lease_s=60,
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a gate reaches its store, and what it holds to until it does.

    `store` is the api's address, `token` the gate's bearer token, `gate_key` the gates' 32 bytes, `vkey` the line of
    the log's key, `name` what this gate is listed as; raise ValueError where key or name have another form.
    """

    store: str
    token: str = field(repr=False)
    gate_key: bytes = field(repr=False)
    vkey: str
    name: str
    policy: GatePolicy = BEFORE_CONTACT
    snapshot: Path | None = None
    rows_max: int = ROWS_MAX
    report: Report = log
    clocks: Clocks = SYSTEM

    def __post_init__(self) -> None:
        """Refuse what the store would refuse later."""
        if len(self.gate_key) != KEY_BYTES:
            raise ValueError(f"the gates' key has {KEY_BYTES} bytes")
        if not _NAME.fullmatch(self.name):
            raise ValueError("a gate's name has small letters, digits, '.', '_', '-', and at most 40 of them")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read ANSWERABLE_STORE, _GATE_TOKEN, _GATE_KEY (64 hexadecimal digits), _VKEY, _GATE_NAME and _SNAPSHOT.

        Raise KeyError where one but the last is missing, ValueError where one has another form.
        """
        snapshot = environment.get("ANSWERABLE_SNAPSHOT")
        return cls(
            store=environment["ANSWERABLE_STORE"],
            token=environment["ANSWERABLE_GATE_TOKEN"],
            gate_key=bytes.fromhex(environment["ANSWERABLE_GATE_KEY"].strip()),
            vkey=environment["ANSWERABLE_VKEY"],
            name=environment["ANSWERABLE_GATE_NAME"],
            snapshot=Path(snapshot) if snapshot else None,
        )


class Desk:
    """One gate with its rows and its file; each use of the gate is under `guard`."""

    def __init__(self, settings: Settings, guard: AbstractContextManager[object]) -> None:
        """Build a gate that holds what its file held, and raise Malformed where `vkey` is no key line."""
        clocks = settings.clocks
        self.settings = settings
        self.gate = Gate(
            gate_key=settings.gate_key,
            pinned=pin(settings.vkey, settings.vkey.partition("+")[0]),
            policy=settings.policy,
            wall=clocks.wall(),
            monotonic=clocks.monotonic(),
        )
        self.rows = Rows(settings.name, nonce(), room=settings.rows_max, report=settings.report)
        self.snapshots = self._take_up() if settings.snapshot else None
        self._guard = guard

    def _take_up(self) -> Snapshots:
        found = self.settings
        assert found.snapshot is not None, "asked only where there is one"
        file = Snapshots(found.snapshot, self.gate, found.gate_key, clocks=found.clocks, report=found.report)
        file.load()
        return file

    def listener(self, risen: Callable[[frozenset[bytes]], None]) -> Listener:
        """Give a listener that reports what a person must look at, and confirms what is held."""
        report = self.settings.report
        return Listener(
            lost=lambda error: report("feed_lost", {"error": repr(error)}),
            refused=lambda items: report("not_lowered", {"items": [item.id for item in items]}),
            suspect=lambda suspect: report("clock_suspect", {"store": suspect.offered, "here": suspect.wall}),
            risen=risen,
            held=self.rows.confirm,
            withheld=lambda subject: report("withheld", {"subject": subject}),
            in_force=lambda is_in_force: report("in_contact" if is_in_force else "out_of_contact", {}),
        )

    def check(self, request: Request) -> Verdict:
        """Judge an exchange now."""
        clocks = self.settings.clocks
        with self._guard:
            return self.gate.check(request, wall=clocks.wall(), monotonic=clocks.monotonic())

    def status(self) -> Status:
        """Say where the gate stands."""
        clocks = self.settings.clocks
        with self._guard:
            return self.gate.status(wall=clocks.wall(), monotonic=clocks.monotonic())

    def judged(self, request: Request, conversation: str | None, verdict: Verdict | None) -> Judged:
        """Judge an exchange, or take it as judged, and say of whom it is to be told."""
        with self._guard:
            at = self.gate.tick(self.settings.clocks.wall(), self.settings.clocks.monotonic())
            bearers = self.gate.bearers(self.gate.alias(request.identity)) if request.identity else ()
        subjects = tuple(held.entry.subject for held in bearers if held.entry.open)
        return Judged(subjects, at, conversation, request.model, self.check(request) if verdict is None else verdict)


class Exchange:
    """One exchange under way: what it gets, what it was served; told to the store when it is closed.

    As a context manager it closes by itself: complete, unless it was ended or an exception goes through.
    """

    def __init__(self, desk: Desk, judged: Judged, request: Request, left: Callable[[Exchange], None]) -> None:
        """Begin as judged; `left` is called once, when it is closed."""
        self._desk = desk
        self._judged = judged
        self._left = left
        self._count = Count()
        self._is_closed = False
        self.request = request
        # Called at the moment at which it is ended while it runs; a client for threads never calls it.
        self.on_end: Callable[[], object] | None = None
        self.ended: Verdict | None = judged.verdict if self.is_refused else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(complete=kind is None and (self.ended is None or self.is_refused))

    @property
    def verdict(self) -> Verdict:
        """What it gets."""
        return self._judged.verdict

    @property
    def is_refused(self) -> bool:
        """Say whether it was refused before it began."""
        return self.verdict.answer == "refuse"

    @property
    def tokens(self) -> int | None:
        """The model's own count of tokens, where it was told."""
        return self._count.tokens

    @tokens.setter
    def tokens(self, tokens: int | None) -> None:
        self._count.tokens = tokens

    def add(self, piece: bytes | str) -> None:
        """Count what was handed over, as it goes."""
        self._count.add(piece)

    def look(self) -> bool:
        """Say whether it may go on, and by what it is `ended` if not; to be asked before each piece of a stream."""
        if self.ended is None:
            verdict = self._desk.check(self.request)
            if verdict.answer == "refuse":
                self.ended = verdict
                if self.on_end is not None:
                    self.on_end()
        return self.ended is None

    def close(self, *, complete: bool = True) -> None:
        """End it and tell the store; a second time does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._left(self)
            self._desk.rows.record(self._judged, self._count.served(complete=complete))

    def unseen(self) -> None:
        """End it where nobody here sees the answer: what was refused is told, what passed counts as a gap."""
        if not self._is_closed:
            self._is_closed = True
            self._left(self)
            if self.is_refused:
                self._desk.rows.record(self._judged, NOTHING)
            else:
                self._desk.rows.unseen(self._judged)


class Checks:
    """What both clients offer; each method answers at once, from what is held."""

    def __init__(
        self, settings: Settings, guard: AbstractContextManager[object], carries: Collection[Carried]
    ) -> None:
        """Take where the store is, what is held at each use of the gate, and what this program does under a limit."""
        self._desk = Desk(settings, guard)
        self._carries = frozenset(carries)

    @property
    def policy(self) -> GatePolicy:
        """The operator's policy, as far as the gate needs it."""
        return self._desk.gate.policy

    @property
    def report(self) -> Report:
        """Who is told by kind what a person must look at."""
        return self._desk.settings.report

    def status(self) -> Status:
        """Say where the gate stands."""
        return self._desk.status()

    def check(
        self, *, user: str | None, model: str | None = None, tools: Sequence[str] | None = None
    ) -> Verdict:
        """Judge an exchange and keep nothing of it; what is not given is NOT KNOWN.

        What is to be recorded begins with `exchange`, or ends with `record`. From `guarded` on, what this program does
        not carry is refused.
        """
        return self._as_carried(self._desk.check(_request(user, model, tools)))

    def spoken(self, verdict: Verdict, languages: str = "") -> str:
        """Give what is to be said to the model before everything else; `languages` is an Accept-Language."""
        return spoken(verdict, self.policy, languages)

    def names(self, verdict: Verdict) -> Names:
        """Give the names that a verdict keeps out of its answer: `find` looks through a whole text.

        `answerable_gate.Window` looks through one that comes in pieces, and says how far it is safe to hand over.
        """
        return self._desk.gate.names(verdict)

    def exchange(
        self,
        *,
        user: str | None,
        conversation: str | None = None,
        model: str | None = None,
        tools: Sequence[str] | None = None,
    ) -> Exchange:
        """Judge an exchange that begins now, as `check` does; the store is told of it when it is closed."""
        request = _request(user, model, tools)
        judged = self._desk.judged(request, conversation, None)
        verdict = self._as_carried(judged.verdict)
        if missing := uncarried(verdict, self._carries):
            self.report("not_in_force", {"not_carried": missing, "reference": verdict.reason_ref})
        exchange = Exchange(self._desk, judged._replace(verdict=verdict), request, self._left)
        self._entered(exchange)
        return exchange

    def record(
        self,
        verdict: Verdict,
        *,
        user: str | None,
        served: bytes | str = b"",
        tokens: int | None = None,
        complete: bool = True,
        conversation: str | None = None,
        model: str | None = None,
    ) -> None:
        """Tell the store, soon, of an exchange that has ended; nothing of whoever has no open case."""
        count = Count()
        count.add(served)
        count.tokens = tokens
        judged = self._desk.judged(_request(user, model, None), conversation, verdict)
        self._desk.rows.record(judged, count.served(complete=complete))

    def _as_carried(self, verdict: Verdict) -> Verdict:
        return verdict._replace(answer="refuse") if closes(verdict, self._carries) else verdict

    def _entered(self, exchange: Exchange) -> None:
        """Begin to watch an exchange."""

    def _left(self, exchange: Exchange) -> None:
        """End the watch of an exchange."""


def _request(user: str | None, model: str | None, tools: Sequence[str] | None) -> Request:
    return Request(identity=user, model=model, tools=None if tools is None else tuple(tools))
