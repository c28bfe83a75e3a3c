"""From a flag to fifty gates: how long until each holds what it armed, in peace, under bulk load, after a kill.

A trial flags a new account over HTTP; a gate has it once it has taken the line in. The gates are real, in one process.
Beside it the receipt of a warning: from the sending of a notice about a new account to its answer.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Self

from _houses import Crew, Site, site
from aiohttp import ClientSession, TCPConnector

from answerable.ports.signer import LocalSigner
from answerable.vault.keys import load_keyring
from answerable_gate import Gate, GatePolicy, Pinned, alias
from answerable_gate.io.aiohttp import FeedClient
from answerable_gate.io.following import BACKOFF_MAX_S, Clocks, Listener

SCRIPT = str(Path(__file__).resolve())
GATES, TRIALS, KILLS, EVERY_S, PATIENCE_S = 50, 100, 3, 0.25, 60.0
ROWS, FLAGS, LOADED_USERS = 1000, 200, 200
GOAL_MS, RECEIPT_GOAL_MS = 1000, 300
ALIASES = re.compile(rb'"aliases":\["([0-9a-f]{32})"')
POLICY = GatePolicy(version=1, preamble="", tools_allowed=(), on_stale="guarded", on_cold_start="refuse",
                    on_no_identity="guarded", lease_s=60)


# --- the gates, a process of their own


class Noting(Gate):
    """A gate that notes when it has taken in the line of an account."""

    noted: dict[str, float]

    def receive(self, line: bytes, *, wall: datetime, monotonic: float) -> Any:
        """Take in a line, and note the time after it."""
        received = super().receive(line, wall=wall, monotonic=monotonic)
        found = ALIASES.search(line)
        if found is not None:
            self.noted.setdefault(found[1].decode(), time.monotonic())
        return received


class Gates:
    """Fifty gates on one feed."""

    def __init__(self, base: str, token: str, gate_key: bytes, pinned: Pinned) -> None:
        """Take what each has to know."""
        self._gates = [self._gate(gate_key, pinned) for _ in range(GATES)]
        clocks, told = Clocks(wall=_wall, monotonic=time.monotonic), Listener(lost=_ignore, refused=_ignore,
                                                                             suspect=_ignore, risen=_ignore)
        self._clients = [
            FeedClient(gate, base, token, clocks=clocks, listener=told, name=f"gate-{number}")
            for number, gate in enumerate(self._gates)
        ]

    def _gate(self, gate_key: bytes, pinned: Pinned) -> Noting:
        gate = Noting(gate_key=gate_key, pinned=pinned, policy=POLICY, wall=_wall(), monotonic=time.monotonic())
        gate.noted = {}
        return gate

    async def run(self) -> None:
        """Answer each line of the input, an alias, with when each gate held it."""
        async with ClientSession(connector=TCPConnector(limit=0)) as session:
            tasks = [asyncio.create_task(client.run(session)) for client in self._clients]
            await asyncio.gather(*(client.contact() for client in self._clients))
            print(json.dumps("in force"), flush=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                print(json.dumps(await self._held(json.loads(line)["alias"])), flush=True)
            for task in tasks:
                task.cancel()

    async def _held(self, wanted: str) -> list[float]:
        async with asyncio.timeout(PATIENCE_S):
            while not all(wanted in gate.noted for gate in self._gates):  # noqa: ASYNC110 - noted by fifty
                await asyncio.sleep(0.005)
        return [gate.noted[wanted] for gate in self._gates]


def _wall() -> datetime:
    return datetime.now(UTC)


def _ignore(*_told: object) -> None:
    """Tell nobody."""


# --- a server and who speaks to it


class Server:
    """`answerable serve --roles api --share` on a port that stays."""

    def __init__(self, found: Site) -> None:
        """Choose the port and write it into the configuration."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        found.config.write_text(found.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}"))
        self.found = found
        self.processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start one process more, and wait until it serves."""
        command = [sys.executable, "-m", "answerable", "serve", "--config", str(self.found.config)]
        process = subprocess.Popen(
            [*command, "--roles", "api", "--share"], env=self.found.environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready"), "a server did not start"

    def kill(self) -> None:
        """Kill the oldest process."""
        _end(self.processes.pop(0), signal.SIGKILL)

    def close(self) -> None:
        """End all."""
        for process in self.processes:
            _end(process, signal.SIGTERM)

    def post(self, path: str, body: bytes, who: str, kind: str) -> bytes:
        """Send a body as somebody; raise where it was not taken."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            headers = {"Authorization": f"Bearer {self.found.tokens[who]}", "Content-Type": kind}
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= 300:
                raise OSError(f"{answer.status} {content[:200]!r}")
            return content
        finally:
            connection.close()

    def flag(self, user: str, key: str) -> tuple[float, float]:
        """Flag an account and return when it was sent and when the answer came, sent again until it is taken."""
        while True:
            sent = time.monotonic()
            with suppress(OSError, http.client.HTTPException):
                self.post("/v1/signals", _flag(user, key), "classifier-1", "application/json")
                return sent, time.monotonic()
            time.sleep(0.05)


def _end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _flag(user: str, key: str) -> bytes:
    return json.dumps({
        "id": key, "user": user, "model": "moderation", "version": "3", "label": "violence/graphic",
        "hazard": "threat", "score": 0.91, "conversation": f"conversation-{user}",
    }).encode()


def _notice(user: str) -> bytes:
    return json.dumps({
        "id": f"notice-{user}", "text": "He says that he will come here tonight.", "hazard": "threat",
        "danger_now": True, "subject": [{"kind": "account", "value": user}],
    }).encode()


class Load:
    """Clients that send exchanges and flags as fast as they are taken."""

    def __init__(self, server: Server) -> None:
        """Take whom to send to."""
        self._server = server
        self._stop = threading.Event()
        self.counts = {"exchanges": 0, "flags": 0}
        self._threads = [threading.Thread(target=one) for one in (self._exchanges, self._flags)]

    def __enter__(self) -> Self:
        """Begin."""
        self.begins = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.seconds = time.monotonic() - self.begins

    def await_known(self) -> None:
        """Wait until every account of the load was flagged once: to take in two hundred new ones fifty times, in the
        one process of all the gates, takes a second that no gate alone would need.
        """
        while self.counts["flags"] < LOADED_USERS:
            time.sleep(0.05)

    def _exchanges(self) -> None:
        turn = 0
        while not self._stop.is_set():
            lines = [self._exchange(turn, number) for number in range(ROWS)]
            self._server.post("/v1/exchanges", b"\n".join(lines), "gate", "application/x-ndjson")
            self.counts["exchanges"] += ROWS
            turn += 1

    def _exchange(self, turn: int, number: int) -> bytes:
        return json.dumps({
            "id": f"ex_{turn}_{number}", "subject": f"sub_{number}", "at": "2026-08-01T00:00:00.000000Z",
            "gate": "gate-1", "answer": "allow", "level": 1, "standing": 1, "tokens": 500, "digest": "0" * 64,
            "complete": True, "conversation": f"conversation-{number}", "model": "m1",
        }).encode()  # fmt: skip

    def _flags(self) -> None:
        turn = 0
        while not self._stop.is_set():
            lines = [_flag(f"loaded-{(turn + n) % LOADED_USERS}", f"load-{turn + n}") for n in range(FLAGS)]
            self._server.post("/v1/signals", b"\n".join(lines), "classifier-1", "application/x-ndjson")
            self.counts["flags"] += FLAGS
            turn += FLAGS


# --- the measurements


def measure(kind: str) -> dict[str, Any]:
    """Measure one kind of store."""
    with site(kind) as found, _served(found) as server:
        key = load_keyring(found.home / "keys").gate
        gates = Crew(SCRIPT, [f"http://127.0.0.1:{server.port}", str(found.home)], found, 1)
        try:
            gates.tell({"token": found.tokens["gate"]})
            _trial(server, gates, key, "warm")
            report = {"in_peace": _trials(server, gates, key, "peace") | _receipts(server, "peace")}
            with Load(server) as load:
                load.await_known()
                _trial(server, gates, key, "loaded")  # all gates have taken in the load's accounts before it
                report["under_load"] = _trials(server, gates, key, "load") | _receipts(server, "load")
            report["load_per_s"] = {name: round(count / load.seconds) for name, count in load.counts.items()}
            report["killed_beside_another"] = _kills(server, gates, key, "beside")
            report["killed_and_restarted"] = _kills(server, gates, key, "again")
            return report
        finally:
            gates.close()


@contextmanager
def _served(found: Site) -> Iterator[Server]:
    server = Server(found)
    try:
        server.start()
        yield server
    finally:
        server.close()


def _trial(server: Server, gates: Crew, key: bytes, user: str) -> tuple[float, float, list[float]]:
    """Flag a new account; return when that was sent and answered, and when each gate held it."""
    sent, answered = server.flag(user, f"first-{user}")
    (held,) = gates.tell({"alias": alias(key, user).hex()})
    return sent, answered, held


def _trials(server: Server, gates: Crew, key: bytes, name: str) -> dict[str, float]:
    """Return milliseconds from the answer to each gate and to the last one, and from the sending to the last one."""
    each, last, whole = [], [], []
    for number in range(TRIALS):
        sent, answered, held = _trial(server, gates, key, f"{name}-{number}")
        each += [at - answered for at in held]
        last.append(max(held) - answered)
        whole.append(max(held) - sent)
        _pause(sent)
    found = {}
    for kind, values in (("gate", each), ("last_gate", last), ("sent_to_last_gate", whole)):
        found |= {f"{kind}_p50_ms": round(median(values) * 1e3, 1), f"{kind}_p99_ms": round(_p99(values) * 1e3, 1)}
    return found


def _receipts(server: Server, name: str) -> dict[str, float]:
    """Return milliseconds from the sending of a warning to its receipt."""
    spent = []
    for number in range(TRIALS):
        sent = time.monotonic()
        server.post("/v1/notices", _notice(f"warned-{name}-{number}"), "classifier-1", "application/json")
        spent.append(time.monotonic() - sent)
        _pause(sent)
    return {"receipt_p50_ms": round(median(spent) * 1e3, 1), "receipt_p99_ms": round(_p99(spent) * 1e3, 1)}


def _pause(since: float) -> None:
    """Wait for the next trial's turn: where one is answered sooner the load beside it is not pressed harder."""
    time.sleep(max(0.0, since + EVERY_S - time.monotonic()))


def _p99(values: list[float]) -> float:
    return quantiles(values, n=100, method="inclusive")[98]


def _kills(server: Server, gates: Crew, key: bytes, name: str) -> dict[str, Any]:
    """Kill the server, another one beside it or only started then; return when all gates had what came next."""
    all_held, ready = [], []
    for number in range(KILLS):
        if name == "beside":
            server.start()
        time.sleep(BACKOFF_MAX_S + 1)  # a line that has just broken is tried again more slowly
        server.kill()
        killed = time.monotonic()
        if name != "beside":
            server.start()
            ready.append(time.monotonic() - killed)
        _, _, held = _trial(server, gates, key, f"{name}-{number}")
        all_held.append(max(held) - killed)
    found = {"kills": KILLS, "all_gates_after_s": round(median(all_held), 2), "worst_s": round(max(all_held), 2)}
    return found | ({"new_server_ready_after_s": round(median(ready), 2)} if ready else {})


def main() -> None:
    """Be the gates."""
    base, home = sys.argv[1], Path(sys.argv[2])
    signer, token = LocalSigner(home / "keys" / "log.json"), json.loads(sys.stdin.readline())["token"]
    pinned = Pinned(origin=signer.name, key=signer.vkey)
    asyncio.run(Gates(base, token, load_keyring(home / "keys").gate, pinned).run())


if __name__ == "__main__":
    main()
