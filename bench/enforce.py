"""From a decision to the end of a running stream: decided at one process, enforced by two other processes.

Prints one JSON line. A trial opens a stream at each of two gateways, decides, and waits until both are cut; then a new
request at each must be refused. At last the server is killed after arming: what falls due is enforced without it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import uvicorn
from _houses import Site, site
from aiohttp import ClientSession, ClientTimeout, TCPConnector

from answerable.edge import parse_time, shift_clock
from answerable.gateway.stand_in import StandIn
from answerable.vault.keys import load_keyring
from answerable_gate import alias

SCRIPT = str(Path(__file__).resolve())
TRIALS, ACCOUNTS, GATEWAYS = 200, 20, 2
TOKEN_S, ENDLESS, PATIENCE_S, AHEAD_S = 0.02, 100_000, 60.0, 3.0
GOAL_MS = 1000
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello"}]
MORE = """
[upstream]
url = "http://127.0.0.1:{model}/v1"

[clock]
offset_file = "clock.offset"
"""


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class House:
    """A settled house with a server, two gateways and a stand-in of the model, each a process of its own."""

    found: Site
    stack: ExitStack
    api: int = field(default_factory=free_port)
    model: int = field(default_factory=free_port)
    gateways: list[int] = field(default_factory=lambda: [free_port() for _ in range(GATEWAYS)])

    def open(self) -> None:
        """Write the configurations and start everything."""
        text = self.found.config.read_text().replace('api = "127.0.0.1:0"', f'api = "127.0.0.1:{self.api}"')
        text += MORE.format(model=self.model)
        self._start(sys.executable, SCRIPT, "--model", str(self.model))
        _await_port(self.model)
        self.found.config.write_text(text)
        self.server = self._serve(self.found.config, "api")
        for number, port in enumerate(self.gateways):
            config = self.found.home / f"gateway-{number}.toml"
            config.write_text(text.replace("127.0.0.1:8701", f"127.0.0.1:{port}"))
            self._serve(config, "gateway")

    @property
    def offset_file(self) -> Path:
        """The file that moves the clocks of all."""
        return self.found.home / "clock.offset"

    def _serve(self, config: Path, role: str) -> subprocess.Popen[str]:
        command = ["-m", "answerable", "serve", "--config", str(config), "--roles", role]
        process = self._start(sys.executable, *command)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready"), f"{role} did not start"
        return process

    def _start(self, *command: str) -> subprocess.Popen[str]:
        environment = self.found.environment | {"ANSWERABLE_GATE_TOKEN": self.found.tokens["gate"]}
        process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        self.stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait(20)
    assert process.stdout is not None
    process.stdout.close()


def _await_port(port: int) -> None:
    for _ in range(400):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


@contextmanager
def opened() -> Iterator[House]:
    """Run a house."""
    with site("sqlite") as found, ExitStack() as stack:
        house = House(found, stack)
        house.open()
        yield house


class Clients:
    """Whoever speaks to the house: operators and staff to its server, an account to both gateways."""

    def __init__(self, house: House, session: ClientSession) -> None:
        """Take the house."""
        self._house = house
        self._session = session

    async def post(self, path: str, body: dict[str, Any], who: str) -> Any:
        """Send a body as somebody; raise where it was not taken."""
        headers = {"Authorization": f"Bearer {self._house.found.tokens[who]}"}
        async with self._session.post(f"http://127.0.0.1:{self._house.api}{path}", json=body, headers=headers) as got:
            text = await got.text()
            assert got.status < 300, f"{path}: {got.status} {text[:300]}"
            return json.loads(text)

    async def streams(self, user: str) -> list[asyncio.Task[float]]:
        """Open a stream at each gateway, wait until each has begun, and give the tasks that wait for their cut."""
        begun = [asyncio.Event() for _ in self._house.gateways]
        tasks = [asyncio.create_task(self._stream(user, port, event))
                 for port, event in zip(self._house.gateways, begun, strict=True)]
        for event in begun:
            await asyncio.wait_for(event.wait(), PATIENCE_S)
        return tasks

    async def _stream(self, user: str, port: int, begun: asyncio.Event) -> float:
        asked = {"model": "m1", "messages": MESSAGES, "stream": True}
        headers = {"X-Answerable-User": user}
        async with self._session.post(f"http://127.0.0.1:{port}{CHAT}", json=asked, headers=headers) as got:
            assert got.status == 200, await got.text()
            last = b""
            async for chunk in got.content.iter_any():
                begun.set()
                last = (last + chunk)[-2000:]
                if b"account_restricted" in last:
                    at = time.monotonic()
                    while await got.content.readany():
                        raise SystemExit("something came after the cut")
                    return at
        raise SystemExit("a stream ended by itself")

    async def refused(self, user: str) -> None:
        """See that a new request at each gateway is refused."""
        for port in self._house.gateways:
            headers = {"X-Answerable-User": user}
            asked = {"model": "m1", "messages": MESSAGES}
            async with self._session.post(f"http://127.0.0.1:{port}{CHAT}", json=asked, headers=headers) as got:
                assert got.status == 403, f"after its stream was cut {user} got {got.status}"

    async def dues(self, users: list[str], key: bytes) -> dict[str, datetime]:
        """Read the feed as a gate does until it has told when each account is refused by itself."""
        wanted = {alias(key, user).hex(): user for user in users}
        found: dict[str, datetime] = {}
        headers = {"Authorization": f"Bearer {self._house.found.tokens['gate']}"}
        async with self._session.get(f"http://127.0.0.1:{self._house.api}/v1/feed?after=0", headers=headers) as got:
            async for line in got.content:
                entry = json.loads(line).get("entry")
                user = next((wanted[one] for one in entry["aliases"] if one in wanted), None) if entry else None
                items = entry["items"] if entry else []
                due = [item["effective"] for item in items if item["standing"]["level"] in ("paused", "suspended")]
                if user is not None and due:
                    found[user] = parse_time(min(due))
                if len(found) == len(wanted):
                    return found
        raise SystemExit("the feed ended")


async def decide(clients: Clients, trials: int) -> dict[str, Any]:
    """Decide about a new account, trial by trial."""
    sent_to_cut = []
    for number in range(trials):
        user = f"user-{number}"
        flag = {"id": f"flag-{number}", "user": user, "model": "guard", "version": "3", "label": "violence",
                "hazard": "threat", "score": 0.9}
        case = (await clients.post("/v1/signals", flag, "classifier-1"))["case"]
        await clients.post(f"/v1/cases/{case}/views", {"purpose": "review"}, "lead-1")
        tasks = await clients.streams(user)
        wanted = {"level": "paused", "reason": "As I see it.", "proportionality": "Nothing milder would do."}
        sent = time.monotonic()
        await clients.post(f"/v1/cases/{case}/decisions", wanted, "lead-1")
        cut = max(await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE_S))
        sent_to_cut.append(cut - sent)
        await clients.refused(user)
    return {"sent_to_last_cut_ms": _told(sent_to_cut)}


async def fall_due(house: House, clients: Clients, accounts: int) -> dict[str, Any]:
    """Arm defaults, kill the server, let the time come: each stream is cut when its account's default is due."""
    users = [f"armed-{number}" for number in range(accounts)]
    for user in users:
        notice = {"id": user, "text": "He says that he will come here tonight.", "hazard": "threat",
                  "danger_now": True, "subject": [{"kind": "account", "value": user}]}
        taken = await clients.post("/v1/notices", notice, "classifier-1")
        confirmed = {"notice": taken["id"]}
        await clients.post(f"/v1/cases/{taken['case']}/confirmations", confirmed, "partner-1")
    key = load_keyring(house.found.home / "keys").gate
    dues = await asyncio.wait_for(clients.dues(users, key), PATIENCE_S)
    streams = {user: await clients.streams(user) for user in users}
    await asyncio.sleep(2)  # both gateways have heard of all
    house.server.send_signal(signal.SIGKILL)
    house.server.wait()
    killed = datetime.now(UTC)
    offset = shift_clock(house.offset_file, Decimal(str((min(dues.values()) - killed).total_seconds() - AHEAD_S)))
    moved = timedelta(seconds=float(offset))
    here, there = time.monotonic(), datetime.now(UTC) + moved
    late = []
    for user in users:
        cuts = await asyncio.wait_for(asyncio.gather(*streams[user]), PATIENCE_S)
        late += [(there + timedelta(seconds=at - here) - dues[user]).total_seconds() for at in cuts]
        await clients.refused(user)
    return {"accounts": accounts, "streams": len(late), "due_to_cut_ms": _told(late)}


def _told(seconds: list[float]) -> dict[str, float]:
    p99 = quantiles(seconds, n=100, method="inclusive")[98]
    return {"p50": round(median(seconds) * 1e3, 1), "p99": round(p99 * 1e3, 1), "max": round(max(seconds) * 1e3, 1)}


async def measure(house: House, trials: int, accounts: int) -> dict[str, Any]:
    """Measure both."""
    async with ClientSession(connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None)) as session:
        clients = Clients(house, session)
        found = await decide(clients, trials)
        return found | {"server_killed": await fall_due(house, clients, accounts)}


def be_the_model(port: int) -> None:
    """Be the stand-in of the model, which speaks without end."""
    app = StandIn(token_s=TOKEN_S, words=ENDLESS, keep=1)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False, ws="none", lifespan="on",
                timeout_graceful_shutdown=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=int)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    options = parser.parse_args()
    if options.model:
        be_the_model(options.model)
        return
    with opened() as house:
        found = asyncio.run(measure(house, options.trials, options.accounts))
    told = {"bench": "enforce", "gateways": GATEWAYS, "trials": options.trials, **found, "goal_p99_ms": GOAL_MS}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
