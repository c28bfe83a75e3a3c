"""Rows: what a subject with an open case was served, as the store gets it and as the gateway's log has it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import fields, replace
from typing import Any

from answerable.edge import SeededMint, parse_time
from answerable.gateway.courier import Courier
from answerable.gateway.recorder import Judged, Recorder
from answerable.gateway.stand_in import StandIn
from answerable.store.protocol import Exchange
from answerable_gate import Level, Verdict
from tests.gate.build import START, an_entry
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, World, follow_log, held, logged, now, until


def test_each_exchange_of_an_open_case_is_a_row(caplog: Any) -> None:
    """What was answered, under which standing, how much, the digest of the very bytes; nobody else is recorded."""
    follow_log(caplog)
    answers: list = []

    async def story(world: World) -> None:
        await world.hold(held(Level.GUARDED))
        begins = now()
        answers.append(await world.chat(headers={"X-Answerable-Conversation": "conv-7"}))
        answers.append(await world.chat(stream=True))
        answers.append(await world.chat("somebody else"))
        async with world.session.get(world.base + "/v1/models", headers={HEADER: "subject_a"}):
            pass
        await world.hold(held(Level.GUARDED), held(Level.PAUSED, name="item_p"), version=2)
        answers.append(await world.chat())
        await until(lambda: len(world.store.rows()) == 3)
        times = [parse_time(row["at"]) for row in world.store.rows()]
        assert begins < times[0] < times[1] < times[2] < now()

    plain, stream, refused = run(story, World(upstream=StandIn(token_s=0))).store.rows()
    assert plain.keys() == {field.name for field in fields(Exchange)}
    assert (plain["conversation"], plain["model"]) == ("conv-7", "m1")
    assert (plain["gate"], plain["subject"]) == ("gate-1", "subject_a")
    assert [row["answer"] for row in (plain, stream, refused)] == ["limit", "limit", "refuse"]
    assert [(row["level"], row["standing"]) for row in (plain, stream, refused)] == [(2, 2), (2, 2), (3, 3)]
    assert plain["tokens"] == answers[0].json["usage"]["completion_tokens"]
    assert plain["digest"] == hashlib.sha256(answers[0].body).hexdigest()
    assert stream["digest"] == hashlib.sha256(answers[1].body).hexdigest()
    last = answers[1].body.split(b"\n\n")[-3].removeprefix(b"data: ")
    assert stream["tokens"] == json.loads(last)["usage"]["completion_tokens"]
    assert (refused["tokens"], refused["digest"]) == (0, hashlib.sha256().hexdigest())
    assert all(row["complete"] is True for row in (plain, stream, refused))
    assert logged(caplog, "exchange") == [plain, stream, refused]


def test_a_closed_case_is_not_recorded() -> None:
    """Its measures are enforced all the same."""

    async def story(world: World) -> None:
        await world.store.send(replace(an_entry(held(Level.PAUSED)), open=False))
        await until(lambda: len(world.store.rows("confirmations")) == 1)
        assert (await world.chat()).status == 403
        await asyncio.sleep(0.5)

    assert run(story).store.rows() == []


def test_everybody_behind_one_alias_has_a_row() -> None:
    """One exchange, a row for each, each with an id of its own."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        other = an_entry(held(Level.WATCH, name="item_b", subject="subject_b"), subject="subject_b")
        await world.store.send(replace(other, aliases=an_entry().aliases))
        await until(lambda: len(world.store.rows("confirmations")) == 2)
        await world.chat()
        await until(lambda: len(world.store.rows()) == 2)

    rows = run(story).store.rows()
    assert {row["subject"] for row in rows} == {"subject_a", "subject_b"}
    assert rows[0]["id"] != rows[1]["id"]


def test_what_a_gate_holds_is_confirmed() -> None:
    """Each item once, when it came (L9)."""

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        await world.hold(held(Level.WATCH), held(Level.PAUSED, name="item_p", due_in=60), version=2)

    confirmations = run(story).store.rows("confirmations")
    assert confirmations == [
        {"gate": "gate-1", "subject": "subject_a", "items": ["item_a"]},
        {"gate": "gate-1", "subject": "subject_a", "items": ["item_p"]},
    ]


def test_rows_wait_for_a_store_that_is_down_and_leave_before_the_gateway_stops(caplog: Any) -> None:
    """Nothing is lost by an outage shorter than the room, nor by a stop."""
    follow_log(caplog)

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        world.store.status = 503
        for _ in range(5):
            await world.chat()
        await until(lambda: logged(caplog, "not_delivered"))
        assert world.store.rows() == []
        world.store.status = 200
        await world.chat()

    rows = run(story).store.rows()
    assert len({row["id"] for row in rows}) == 6


def test_rows_without_room_are_a_gap(caplog: Any) -> None:
    """It is counted, told to the store with its span once there is room again."""
    follow_log(caplog)
    begins = now()

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        world.store.status = 503
        for _ in range(5):
            await world.chat()
        world.store.status = 200
        await until(lambda: len(world.store.rows()) == 2)
        await world.chat()

    world = run(story, World(changes={"rows_max": 2}))
    assert len(world.store.rows()) == 3
    (gap,) = world.store.rows("gaps")
    assert (gap["subject"], gap["exchanges"], gap["reason"], gap["gate"]) == ("subject_a", 3, "no_room", "gate-1")
    assert begins <= parse_time(gap["since"]) <= parse_time(gap["until"]) <= now()
    assert [line["exchanges"] for line in logged(caplog, "gap")] == [3]


class Basket(Courier):
    """A courier whose lines can be looked at."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1", "token", room=9, report=lambda *told: None)
        self.lines: list[dict] = []
        self.is_full = False

    def put(self, line: bytes) -> bool:
        if self.is_full:
            return False
        self.lines.append(json.loads(line))
        return True


def ids(seed: int, name: str) -> list[str]:
    """Give the ids of two exchanges of a gateway that has just started."""
    rows = Basket()
    recorder = Recorder(name, SeededMint(seed).secret(16), rows=rows, gaps=Basket(), confirmations=Basket())
    verdict = Verdict("allow", Level.WATCH, frozenset(), frozenset(), None, None, None, ())
    judged = Judged(("subject_a",), START, None, "m" * 500, verdict)
    for _ in range(2):
        recorder.record(judged, None, complete=True)
    assert {len(row["model"]) for row in rows.lines} == {200}
    return [row["id"] for row in rows.lines]


def test_an_id_is_of_one_exchange_of_one_start() -> None:
    """The same start gives the same ids, so that a row delivered twice is one; another gate or start gives others."""
    assert ids(1, "gate-1") == ids(1, "gate-1")
    assert len({*ids(1, "gate-1"), *ids(2, "gate-1"), *ids(1, "gate-2")}) == 6


def test_many_items_are_confirmed_in_parts(caplog: Any) -> None:
    """No line grows beyond what a store takes, and what finds no room is told."""
    follow_log(caplog)
    basket = Basket()
    recorder = Recorder("gate-1", b"", rows=Basket(), gaps=Basket(), confirmations=basket)
    recorder.confirm("subject_a", tuple(f"item_{place}" for place in range(600)))
    assert [len(line["items"]) for line in basket.lines] == [256, 256, 88]
    basket.is_full = True
    recorder.confirm("subject_a", ("item_a",))
    assert logged(caplog, "not_confirmed") == [{"subject": "subject_a", "items": 1}]
