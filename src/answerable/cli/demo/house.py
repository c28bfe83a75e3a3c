"""The house of the story: a folder with a real configuration, and the real processes that serve it.

Law: everything runs as an operator would run it; only the clock is moved, by one file that all processes read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import resources
from pathlib import Path

from answerable.cli.demo.processes import NotStarted, Processes, free_port, until
from answerable.cli.demo.wire import Wire
from answerable.cli.policy import TOKEN_VARIABLES
from answerable.config import token_hash
from answerable.core import policy as policies
from answerable.edge import RandomMint, SystemClock, shift_clock
from answerable.gateway import stand_in

DSN = "ANSWERABLE_DSN"
API, WORK, MODEL = "serve", "work", "model"
ACCOUNT, SECOND_ACCOUNT = "corvin-vale", "cv-evenings"
ACCOUNT_EMAIL, ACCOUNT_PHONE = "corvin.vale@example.net", "+14155550134"
SMALL, LARGE = stand_in.MODELS
POLICY = "staffed"
HEARD_S = 60.0
PROGRAM = ("-m", "answerable")

CONFIG = """\
[record]
path = "record"
origin = "demo/record"
{database}

[keys]
path = "keys"

[policy]
name = "{policy}"

[serve]
api = "127.0.0.1:{api}"
gateway = "127.0.0.1:{gateway}"

[upstream]
url = "http://127.0.0.1:{model}/v1"

[ports]
folder = "ports"

[clock]
offset_file = "clock.offset"
"""
PERSON = """
[[staff]]
id = "{id}"
name = "{name}"
role = "{role}"
duty = {duty}
token_hash = "{hash}"
"""
OPERATOR = """
[[operators]]
id = "{id}"
scopes = ["{scope}"]
token_hash = "{hash}"
"""
# (id, name, role, on duty, superior): the two reviewers stand under one lead, so either can countersign the other.
STAFF = (
    ("reviewer-1", "Ines Aalto", "reviewer", "true", "lead-1"),
    ("reviewer-2", "Jon Breck", "reviewer", "false", "lead-1"),
    ("lead-1", "Lena Ord", "lead", "false", None),
    ("partner-1", "Harbour House", "partner", "false", None),
)
SIGNERS = ("reviewer-1", "partner-1")
OPERATORS = (("classifier-1", "signals"), ("portal-1", "notices"), ("billing-1", "accounts"))


@dataclass(slots=True)
class House:
    """One folder, its processes, and a wire for each who speaks to them."""

    home: Path
    processes: Processes
    api: int = field(default_factory=free_port)
    gateway: Wire = field(default_factory=lambda: Wire(free_port()))
    model: Wire = field(default_factory=lambda: Wire(free_port()))
    tokens: dict[str, str] = field(default_factory=dict)
    clock: SystemClock = field(init=False)

    def __post_init__(self) -> None:
        """Write the configuration and the stand-in for the operator's accounts."""
        mint = RandomMint()
        names = [one[0] for one in STAFF] + [one[0] for one in OPERATORS]
        self.tokens = {name: mint.token("demo") for name in names}
        self.config.write_text(self._configuration(), "utf-8")
        (self.home / "ports").mkdir()
        account = {
            "account": ACCOUNT, "emails": [ACCOUNT_EMAIL], "phones": [ACCOUNT_PHONE], "plan": "free",
            "models": [SMALL], "tools": [],
        }
        (self.home / "ports" / "accounts.jsonl").write_text(json.dumps(account) + "\n", "utf-8")
        self.clock = SystemClock(self.offset)

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.home / "answerable.toml"

    @property
    def offset(self) -> Path:
        """The file that moves every clock of the story."""
        return self.home / "clock.offset"

    def _configuration(self) -> str:
        database = f'dsn_env = "{DSN}"' if DSN in self.processes.environment else ""
        text = CONFIG.format(
            policy=POLICY, api=self.api, gateway=self.gateway.port, model=self.model.port, database=database
        )
        for id_, name, role, duty, superior in STAFF:
            text += PERSON.format(id=id_, name=name, role=role, duty=duty, hash=token_hash(self.tokens[id_]))
            text += f'superior = "{superior}"\n' if superior else ""
        for id_, scope in OPERATORS:
            text += OPERATOR.format(id=id_, scope=scope, hash=token_hash(self.tokens[id_]))
        return text

    def open(self, at: datetime) -> None:
        """Begin the story at a time: two sign the policy, then model, record, gateway and worker start."""
        self.shift(at)
        self._sign(*SIGNERS)
        self.processes.start(
            MODEL, "-m", "uvicorn", f"{stand_in.__name__}:StandIn", "--factory", "--host", "127.0.0.1",
            "--port", str(self.model.port), "--log-level", "warning",
        )
        self.processes.start(API, *PROGRAM, "serve", "--config", str(self.config))
        self.processes.wait_for(MODEL, lambda: self.model.get("/v1/models").status == 200)
        self.processes.wait_for(API, lambda: self.gateway.get("/health").status == 200)
        self.start_work()

    def _sign(self, *signers: str) -> None:
        """Let two of the invented people sign the policy, each with a token of their own."""
        tokens = {variable: self.tokens[who] for variable, who in zip(TOKEN_VARIABLES, signers, strict=True)}
        status, said = self.processes.finish(
            *PROGRAM, "policy", "adopt", "--config", str(self.config), environment=tokens
        )
        if status:
            raise NotStarted(f"the policy was not adopted: {said}")

    def start_work(self) -> None:
        """Start the worker, and wait until it has swept."""
        before = self.swept_at()
        self.processes.start(WORK, *PROGRAM, "work", "--config", str(self.config))
        self.processes.wait_for(WORK, lambda: self.swept_at() != before)

    def swept_at(self) -> str | None:
        """Return when a worker last said that it had written down what was due."""
        work = self.wire("lead-1").get("/v1/health").json.get("work") or {}
        found = work.get("swept_at")
        return None if found is None else str(found)

    def wire(self, who: str) -> Wire:
        """Return the api as one member of staff or machine speaks to it."""
        return Wire(self.api, self.tokens[who])

    def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command of the real command line and return its status and what it printed."""
        return self.processes.finish(*PROGRAM, *arguments)

    # --- time

    @property
    def now(self) -> datetime:
        """The time of the story."""
        return self.clock.now()

    def jump(self, to: datetime) -> bool:
        """Move every clock forward at once, and wait for the gateway's next heartbeat; False where none came."""
        self.shift(to)
        return self.heard()

    def heard(self) -> bool:
        """Wait until the gateway has heard of everything that is recorded now; False where it gave no sign of life."""
        begun = self.clock.monotonic()
        return until(lambda: self._heard_since(begun), HEARD_S)

    def caught_up(self) -> bool:
        """Wait until the gateway holds everything that is recorded now: what its next heartbeat says was read before.
        """
        return self.heard() and self.heard()

    def shift(self, to: datetime) -> None:
        """Move every clock forward at once."""
        shift_clock(self.offset, Decimal((to - self.now) // timedelta(microseconds=1)) / 1_000_000)

    def _heard_since(self, begun: float) -> bool:
        gates = self.wire("lead-1").get("/v1/health").json.get("gates") or []
        waited = self.clock.monotonic() - begun
        return any(gate["gate"] != "unknown" and gate["silent_s"] + 0.1 < waited for gate in gates)


def preamble() -> str:
    """Return what a guarded conversation is told before anything else, by the policy of the story."""
    text = (resources.files("answerable.blobs") / "policies" / f"{POLICY}.toml").read_text("utf-8")
    return policies.load(text).gate.preamble
