"""A house that runs: `answerable serve` and `answerable work` as real processes, spoken to over real HTTP.

Law: what these tests see is what an operator would see; nothing is reached but by its address.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from answerable.api.fanout import FRESH_S
from answerable.config import init_config
from answerable.edge import RandomMint, shift_clock

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The body as lines of JSON."""
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def code(self) -> str:
        """The code of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        return self.json["code"]


@dataclass
class House:
    """A folder with a configuration, and the processes that run on it."""

    home: Path
    tokens: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    api: str = ""
    gateway: str = ""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "answerable.toml"

    def start(self, command: str, *more: str) -> subprocess.Popen[str]:
        """Start a command and wait until it says that it is ready."""
        with (self.home / f"{command}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "answerable", command, "--config", str(self.config), *more],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self.environment,
            )
        self.processes.append(process)
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert said[:1] == ["ready"], (self.home / f"{command}.log").read_text()
        addresses = dict(part.split("=", 1) for part in said[1:])
        self.api, self.gateway = addresses.get("api", self.api), addresses.get("gateway", self.gateway)
        return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a process, as a power cut would."""
        process.kill()
        self.ended(process)

    def stop(self, process: subprocess.Popen[str]) -> int:
        """Ask a process to end and return its exit status."""
        process.send_signal(signal.SIGTERM)
        return self.ended(process)

    def ended(self, process: subprocess.Popen[str]) -> int:
        """Wait until a process has ended and return its exit status."""
        self.processes.remove(process)
        status = process.wait(timeout=PATIENCE_S)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the house to its end."""
        return command(*arguments, "--config", str(self.config))

    def sign(self, first: str, second: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Let two people sign the configured policy with their tokens."""
        tokens = {"ANSWERABLE_TOKEN_1": self.tokens[first], "ANSWERABLE_TOKEN_2": self.tokens[second]}
        return command("policy", "adopt", "--config", str(self.config), *more, environment=tokens)

    def close(self) -> None:
        """End everything that runs."""
        for process in list(self.processes):
            self.kill(process)

    # --- speaking

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        who: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request as somebody and return the answer; `body` is bytes as they are, or becomes JSON."""
        sent = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        if content is not None:
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(urlsplit(self.api).netloc, timeout=PATIENCE_S)
        try:
            connection.request(method, path, content, sent | (headers or {}))
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def lines(self, path: str, lines: list[object], *, who: str) -> Answer:
        """Send NDJSON as somebody."""
        body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        return self.call("POST", path, body, who=who, headers={"Content-Type": "application/x-ndjson"})

    def feed(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the feed from a place on, up to the first heartbeat; none that was read for another gate before."""
        time.sleep(FRESH_S)
        connection = http.client.HTTPConnection(urlsplit(self.api).netloc, timeout=PATIENCE_S)
        try:
            sent = {"Authorization": f"Bearer {self.tokens['gate']}"}
            connection.request("GET", f"/v1/feed?after={after}", headers=sent)
            response = connection.getresponse()
            assert response.status == 200
            found: list[dict[str, Any]] = []
            while not found or found[-1]["kind"] != "heartbeat":
                found.append(json.loads(response.readline()))
            return found
        finally:
            connection.close()

    def items(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the items of every entry in the feed."""
        return [item for line in self.feed(after) if line["kind"] == "entry" for item in line["entry"]["items"]]

    def decided(self, case: str) -> list[str]:
        """Return the levels of what was decided of a case's account, as the feed has them."""
        whose = self.call("GET", f"/v1/cases/{case}", who="lead-1").json["subject"]
        return [one["standing"]["level"] for one in self.items() if (one["of"], one["kind"]) == (whose, "measure")]

    # --- the story

    def flag(self, key: str, user: str = "user-7", **more: object) -> Answer:
        """Raise a flag about a user."""
        body = {"id": key, "user": user, "model": "moderation", "version": "3", "label": "violence", "hazard": "threat"}
        return self.call("POST", "/v1/signals", body | more, who="classifier-1")

    def warn(self, key: str, user: str = "user-7", **more: object) -> Answer:
        """Give notice about a user."""
        body = {
            "id": key,
            "text": "He follows me and sends letters.",
            "subject": [{"kind": "account", "value": user}],
            "person": [{"kind": "email", "value": "mara@example.org"}],
            "reporter_is_person": True,
            "hazard": "stalking",
        }
        return self.call("POST", "/v1/notices", body | more, who="classifier-1")

    def view(self, case: str, who: str) -> Answer:
        """Open a case file."""
        return self.call("POST", f"/v1/cases/{case}/views", {"purpose": "review"}, who=who)

    def act(self, case: str, noun: str, body: object, who: str) -> Answer:
        """Do something to a case."""
        return self.call("POST", f"/v1/cases/{case}/{noun}", body, who=who)

    def forward(self, *, days: int = 0, hours: int = 0, minutes: int = 0) -> None:
        """Let time pass for every process."""
        shift_clock(self.home / "clock.offset", Decimal(((days * 24 + hours) * 60 + minutes) * 60))

    def letters(self) -> list[dict[str, Any]]:
        """Return the letters that left the house."""
        path = self.home / "ports" / "letters.jsonl"
        # Whoever looks while a letter is written may see half of its line.
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def command(
    *arguments: str, optimised: bool = False, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run any command to its end; nobody sits at its keyboard."""
    python = [sys.executable, *(["-O"] if optimised else [])]
    return subprocess.run(
        [*python, "-m", "answerable", *arguments], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | (environment or {}),
    )


def until(is_so: Any, what: str) -> Any:
    """Wait until something is so and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError):
            if found := is_so():
                return found
        time.sleep(0.05)
    raise AssertionError(f"in {PATIENCE_S} s: {what}")


def settle_house(home: Path, *, more: str = "") -> House:
    """Write a configuration on free ports, with a clock that the test moves, and let its two people sign the policy."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "answerable.toml"
    starter = init_config(path, mint=RandomMint())
    text = path.read_text().replace("127.0.0.1:8700", "127.0.0.1:0").replace("127.0.0.1:8701", "127.0.0.1:0")
    path.write_text(text + '\n[clock]\noffset_file = "clock.offset"\n' + more)
    house = House(home=home, tokens=starter.tokens)
    signed = house.sign("lead-1", "partner-1")
    assert signed.returncode == 0, signed.stderr
    return house


@contextlib.contextmanager
def serving(home: Path, *, more: str = "", environment: dict[str, str] | None = None) -> Iterator[House]:
    """Give a house that serves."""
    house = settle_house(home, more=more)
    house.environment |= environment or {}
    try:
        house.start("serve")
        yield house
    finally:
        house.close()
