"""A gate in a network of its own, joined to its store by one link that is cut (L1 in its exact words).

Law: no mock of a network stands for the network; the kernel drops what would have come.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.running import House, settle_house, until

LEASE_S = 3

GATE = """
import json, sys, threading
from pathlib import Path
from answerable.edge import SystemClock
from answerable_gate import Gate, GatePolicy, Request
from answerable_gate.io.following import Clocks, Listener
from answerable_gate.io.proofs import pin
from answerable_gate.io.requests import FeedClient

given = json.loads(sys.argv[1])
clock = SystemClock(Path(given["offset"]))
policy = GatePolicy(version=0, preamble="", tools_allowed=(), on_stale="refuse", on_cold_start="refuse",
                    on_no_identity="refuse", lease_s=60)
gate = Gate(gate_key=bytes.fromhex(given["key"]), pinned=pin(given["vkey"], given["origin"]), policy=policy,
            wall=clock.now(), monotonic=clock.monotonic())
refused = []
listener = Listener(lost=lambda _: None, refused=refused.extend, suspect=refused.append, risen=lambda _: None)
clocks = Clocks(wall=clock.now, monotonic=clock.monotonic)
with FeedClient(gate, given["base"], given["token"], clocks=clocks, listener=listener, name="far") as client:
    for line in sys.stdin:
        verdict = client.check(Request(identity=line.strip(), model="m", tools=()))
        status = client.status()
        print(json.dumps({"answer": verdict.answer, "level": verdict.level.word, "not_known": verdict.not_known,
                          "in_force": status.in_force, "reach": status.reach, "refused": len(refused)}), flush=True)
"""


def ip(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


@dataclass
class Link:
    """Two ends of a cable: one here, one in a network namespace of its own."""

    name: str
    here: str

    def up(self, state: str) -> None:
        """Cut the link by `down`, join it by `up`."""
        ip("link", "set", self.name, state)


@contextmanager
def joined() -> Iterator[Link]:
    """Make a network and join it; skip where this machine's kernel or rights do not allow that."""
    if shutil.which("ip") is None:
        pytest.skip("there is no `ip` (iproute2) on this machine")
    number = os.getpid() % 16_384
    name, net = f"ans{number}", f"10.213.{number // 64}.{number % 64 * 4}".rpartition(".")
    here, there = (f"{net[0]}.{int(net[2]) + place}" for place in (1, 2))
    for kind in ("link", "netns"):  # of a run that was killed
        subprocess.run(["ip", kind, "del", name], check=False, capture_output=True)
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "store", "netns", name)
        ip("addr", "add", f"{here}/30", "dev", name)
        ip("link", "set", name, "up")
        for arguments in (
            ("addr", "add", f"{there}/30", "dev", "store"), ("link", "set", "store", "up"), ("link", "set", "lo", "up")
        ):
            ip("-n", name, *arguments)
        yield Link(name, here)
    finally:
        subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
        ip("netns", "del", name)


class Far:
    """A gate's process at the other end of the link; asked through a pipe, which is no network."""

    def __init__(self, house: House, link: Link) -> None:
        """Start it."""
        hello = house.feed()[0]
        keys = json.loads((house.home / "keys" / "keyring.json").read_text())
        given = {
            "base": house.api, "token": house.tokens["gate"], "key": keys["gate"], "vkey": hello["key"],
            "origin": hello["origin"], "offset": str(house.home / "clock.offset"),
        }  # fmt: skip
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", link.name, sys.executable, "-c", GATE, json.dumps(given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, user: str) -> dict[str, Any]:
        """Ask about an account, and how the gate stands."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(user + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def apart(home: Path) -> Iterator[tuple[House, Link, Far]]:
    """Give a house without any worker, and a gate of its own at the end of a link."""
    with joined() as link:
        house = settle_house(home)
        text = house.config.read_text().replace('api = "127.0.0.1:0"', f'api = "{link.here}:0"')
        house.config.write_text(text.replace("[gate]\n", f"[gate]\nlease_s = {LEASE_S}\n"))
        try:
            house.start("serve")
            far = Far(house, link)
            try:
                yield house, link, far
            finally:
                far.close()
        finally:
            house.close()


def armed(house: House) -> None:
    """Arm for user-7 that he is suspended in an hour, by what a reviewer found; nobody decides anything."""
    flag, notice = house.flag("a-1", hazard="mass_casualty"), house.warn("a-2")
    case = notice.json["case"]
    house.view(case, "lead-1")
    for found in (flag, notice):
        body = {"evidence": found.json["id"], "text": "It is there."}
        assert house.act(case, "acts", body, "lead-1").status == 201


def nearly_lifted(house: House) -> tuple[str, dict[str, str]]:
    """Pause user-8, and propose and countersign that it is lifted; only time is missing."""
    flag, notice = house.flag("b-1", user="user-8", hazard="mass_casualty"), house.warn("b-2", user="user-8")
    case = notice.json["case"]
    for who in ("lead-1", "partner-1"):
        house.view(case, who)
    measure = {"level": "paused", "reason": "r", "proportionality": "p"}
    assert house.act(case, "decisions", measure, "lead-1").status == 201
    for kind, token in (("signal", flag.json["id"]), ("notice", notice.json["id"])):
        body = {kind: token, "outcome": "not_upheld", "text": "We looked."}
        assert house.act(case, "answers", body, "lead-1").status == 201
    lift = {"kind": "lift", "reason": "r", "to": {"level": "guarded"}}
    proposal = {"proposal": house.act(case, "proposals", lift, "lead-1").json["proposal"]}
    assert house.act(case, "countersignatures", proposal, "partner-1").status == 201
    return case, proposal


@pytest.mark.long
def test_with_the_link_cut_silence_protects(tmp_path: Path) -> None:
    """From the moment a deadline passes a gate that had contact since the arming applies the default, with no worker.

    Beyond its lease it is NOT IN FORCE; when the link is back it has caught up, and a lift arrives with its proof.
    """
    with apart(tmp_path / "house") as (house, link, far):
        armed(house)
        case, proposal = nearly_lifted(house)
        # Lines come one by one: that user-7 is known says nothing about having caught up, a stranger's answer does.
        until(lambda: far.ask("stranger")["answer"] == "allow", "contact")
        assert (far.ask("user-8")["answer"], far.ask("user-7")["level"]) == ("refuse", "guarded")
        assert far.ask("user-7")["answer"] == "limit"
        link.up("down")
        house.forward(minutes=40)
        assert far.ask("user-7")["level"] == "guarded"
        house.forward(minutes=21)
        assert (far.ask("user-7")["level"], far.ask("user-7")["answer"]) == ("suspended", "refuse")
        until(lambda: not far.ask("stranger")["in_force"], "the lease has passed")
        told = far.ask("stranger")
        assert (told["reach"], told["not_known"], told["answer"]) == ("stale", ["contact"], "limit")
        assert far.ask("user-7")["answer"] == "refuse"
        # Meanwhile the store goes on: a lift is due and done, and somebody new is flagged.
        house.start("work")
        house.forward(hours=73)
        assert house.act(case, "lifts", proposal, "lead-1").status == 201
        assert house.flag("c-1", user="user-9", hazard="mass_casualty").status == 201
        assert (far.ask("user-8")["answer"], far.ask("user-9")["level"]) == ("refuse", "guarded")
        link.up("up")
        until(lambda: far.ask("stranger")["in_force"], "the link is back")
        until(lambda: far.ask("user-8")["level"] == "guarded", "the lift came with its proof")
        until(lambda: "contact" not in far.ask("user-9")["not_known"], "caught up")
        assert far.ask("user-9")["level"] == "guarded"
        assert far.ask("user-7")["answer"] == "refuse"
        until(lambda: far.ask("stranger")["answer"] == "allow", "nothing holds for others")
        assert far.ask("stranger")["refused"] == 0
