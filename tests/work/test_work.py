"""Work, as processes over one record: killed, late or started twice, it costs nobody protection and loses nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from answerable.edge import parse_time
from answerable_gate import EntryLine, Gate, GatePolicy, Request
from answerable_gate.feed import alias, read_line
from answerable_gate.io.proofs import pin
from tests.running import House, serving, until


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Serve a record of one's own."""
    with serving(tmp_path) as found:
        yield found


def test_a_dead_worker_costs_nobody_protection(house: House) -> None:
    """With `work` killed a default still falls due at every gate: the feed carried it when it was armed (L1)."""
    house.kill(house.start("work"))
    house.flag("dead-1", hazard="mass_casualty")
    house.warn("dead-2", danger_now=True)
    (kept,) = [line["entry"] for line in house.feed() if line["kind"] == "entry"]
    assert {item["standing"]["level"] for item in kept["items"]} >= {"guarded"}
    assert any("left_ms" in item for item in kept["items"])
    gate = a_gate(house)
    told = house.feed()
    house.forward(days=2)
    later = datetime.now(UTC) + timedelta(days=2)
    for line in told:
        gate.receive(json.dumps(line).encode(), wall=datetime.now(UTC), monotonic=0.0)
    assert all(parse_time(item["effective"]) <= later for item in kept["items"])
    verdict = gate.check(Request(identity="user-7", model="m", tools=()), wall=later, monotonic=1.0)
    assert verdict.level.word == "guarded"
    health = house.call("GET", "/v1/health")
    assert health.status == 503
    assert {"work_silent", "overdue"} <= set(health.json["reasons"])


def test_a_restart_catches_up_and_sends_once(house: House) -> None:
    """What fell due while nothing ran is written down at the next start; a letter sent again is there once."""
    house.warn("up-1")
    work = house.start("work")
    until(lambda: "receipt" in topics(house), "the receipt went out")
    house.kill(work)
    house.forward(days=20)
    work = house.start("work")
    until(lambda: {"lapse", "page"} <= set(topics(house)), "the lapse and its pages went out")
    until(lambda: "overdue" not in house.call("GET", "/v1/health").json["reasons"], "everything is written down")
    assert house.stop(work) == 0
    house.stop(house.start("work"))
    assert set(Counter(letter["id"] for letter in house.letters()).values()) == {1}
    (lapse,) = [letter for letter in house.letters() if "not answered in time" in letter["subject"]]
    assert "missed" in lapse["body"]


def topics(house: House) -> Counter[str]:
    """Return what kinds of letters have left the house."""
    subjects = [letter["subject"] for letter in house.letters()]
    kinds = {"We received your notice": "receipt", "Your notice was not answered in time": "lapse"}
    return Counter(kinds.get(subject, "page") for subject in subjects)


def history(house: House, user: str, *texts: str) -> None:
    """Keep conversations of an account, as an import does."""
    lines = [
        {"user": user, "conversation": "c1", "role": "user", "text": text, "at": "2026-09-01T12:00:00.000000Z"}
        for text in texts
    ]
    path = house.home / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert house.run("import", str(path), "--format", "jsonl").returncode == 0


def test_a_notice_makes_the_system_look(house: House) -> None:
    """What the subject wrote about the person who warned is found, and bears the notice out (E2)."""
    history(house, "user-7", "I will find out where mara@example.org lives and I will kill her.")
    case = house.warn("look-1").json["case"]
    house.start("work")
    until(lambda: signals(house, case), "the look-back ended with a hit")
    hit = signals(house, case)[0]
    assert (hit["kind"], hit["act"], hit["identified"]) == ("look_back", True, True)
    assert "kill her" in " ".join(str(one["text"]) for one in signals(house, case))
    assert house.view(case, "lead-1").json["grade"] == "E2"


def signals(house: House, case: str) -> list[dict[str, object]]:
    """Return the flags of a case, as its file shows them."""
    found: list[dict[str, object]] = house.view(case, "lead-1").json["signals"]
    return found


def test_a_lift_counts_at_the_gate_once_it_is_proven(house: House) -> None:
    """After the cooling-off one signer lifts; the gate lowers only with the proof, and then it does (L4)."""
    flag, notice = house.flag("lift-1", hazard="mass_casualty"), house.warn("lift-2")
    case = notice.json["case"]
    house.start("work")
    for who in ("lead-1", "partner-1"):
        house.view(case, who)
    measure = {"level": "paused", "reason": "r", "proportionality": "p"}
    assert house.act(case, "decisions", measure, "lead-1").status == 201
    gate = a_gate(house)
    assert answer(house, gate) == "refuse"
    for kind, token in (("signal", flag.json["id"]), ("notice", notice.json["id"])):
        body = {kind: token, "outcome": "not_upheld", "text": "We looked."}
        assert house.act(case, "answers", body, "lead-1").status == 201
    proposed = house.act(case, "proposals", LIFT, "lead-1")
    assert proposed.status == 201, proposed
    proposal = {"proposal": proposed.json["proposal"]}
    assert house.act(case, "countersignatures", proposal, "partner-1").status == 201
    assert house.act(case, "lifts", proposal, "lead-1").code == "cooling_off"
    house.forward(hours=73)
    assert house.act(case, "lifts", proposal, "lead-1").status == 201
    until(lambda: answer(house, gate) == "limit", "the proof reached the gate")


LIFT = {"kind": "lift", "reason": "r", "to": {"level": "guarded"}}


def a_gate(house: House) -> Gate:
    """Return a gate that pins the log of a house."""
    hello = house.feed()[0]
    policy = GatePolicy(
        version=0, preamble="p", tools_allowed=(), on_stale="refuse", on_cold_start="refuse", on_no_identity="refuse",
        lease_s=60,
    )
    key = bytes.fromhex(json.loads((house.home / "keys" / "keyring.json").read_text())["gate"])
    assert alias(key, "").hex() == hello["check"]
    now = datetime.now(UTC)
    return Gate(gate_key=key, pinned=pin(hello["key"], hello["origin"]), policy=policy, wall=now, monotonic=0.0)


def answer(house: House, gate: Gate) -> str:
    """Bring a gate up to date and ask it about user-7."""
    wall, after = datetime.now(UTC) + timedelta(hours=73), gate.after
    for line in house.feed(after):
        gate.receive(json.dumps(line).encode(), wall=wall, monotonic=1.0)
    request = Request(identity="user-7", model="m", tools=())
    return gate.check(request, wall=wall, monotonic=1.0).answer


def test_lines_of_the_feed_are_read_by_the_gate(house: House) -> None:
    """What the store sends is what the gate's own reader takes."""
    house.flag("read-1")
    lines = [read_line(json.dumps(line).encode(), received=datetime.now(UTC)) for line in house.feed()]
    assert any(isinstance(line, EntryLine) for line in lines)


def test_both_end_when_asked(house: House) -> None:
    """SIGTERM ends either in order, with an open feed as well."""
    work = house.start("work")
    assert house.stop(work) == 0
    assert house.stop(house.processes[0]) == 0
