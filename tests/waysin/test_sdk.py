"""The clients of the gate's wheel in a program: checks without a network, rows in bounded memory, the store away."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from answerable_gate import Level, Request, judge
from answerable_gate.carrying import ALL
from answerable_gate.io.client import BEFORE_CONTACT, Settings
from answerable_gate.io.loop import AsyncGateClient
from answerable_gate.io.rows import Judged, Queue, Rows
from answerable_gate.io.threads import GateClient
from answerable_gate.io.under_way import FORGOTTEN_S, UnderWay
from tests.addresses import closed_port
from tests.gate.build import GATE_KEY, START, a_policy, an_entry
from tests.gateway.world import PATIENCE_S, TOKEN, Store, held, until

Story = Callable[[Store, Settings], Coroutine[Any, Any, None]]


def settings(base: str, store: Store, **changes: Any) -> Settings:
    """Say how to reach a store."""
    given: dict[str, Any] = {"store": base, "token": TOKEN, "gate_key": GATE_KEY, "vkey": store.log.key}
    return Settings(**(given | {"name": "shop-1", "report": lambda *_: None} | changes))


def run(story: Story, **changes: Any) -> Store:
    """Run a story beside a store and give the store."""

    async def all_of_it() -> Store:
        store = Store()
        async with asyncio.timeout(PATIENCE_S), store.running() as base:
            await story(store, settings(base, store, **changes))
        return store

    return asyncio.run(all_of_it())


async def paused(store: Store, version: int = 1) -> None:
    """Send that subject_a is paused."""
    await store.send(an_entry(held(Level.PAUSED), version=version))


def test_a_loop_checks_records_and_is_cut() -> None:
    """What ran when a measure arrived is ended at once and told as incomplete; the whole is told before it leaves."""

    async def story(store: Store, found: Settings) -> None:
        await store.send(an_entry(held(Level.GUARDED)))
        async with AsyncGateClient(found, carries=ALL) as client:
            assert await client.contact(60)
            assert client.check(user="subject_a", tools=["search"]).answer == "limit"
            assert client.check(user="somebody else").answer == "allow"
            assert client.policy.preamble == "Take care."
            ends: list[None] = []
            with client.exchange(user="subject_a", conversation="c-7", model="m1") as exchange:
                exchange.on_end = lambda: ends.append(None)
                exchange.add("Hello ")
                assert exchange.look()
                await store.send(an_entry(held(Level.GUARDED), held(Level.PAUSED, name="item_p"), version=2))
                await until(lambda: ends)
                assert not exchange.look()
            with client.exchange(user="subject_a") as refused:
                assert refused.is_refused
        assert not client.is_started

    first, second = (run_store := run(story)).rows()
    assert first["digest"] == hashlib.sha256(b"Hello ").hexdigest()
    assert (first["subject"], first["gate"], first["conversation"]) == ("subject_a", "shop-1", "c-7")
    assert (first["answer"], first["complete"], first["tokens"], first["model"]) == ("limit", False, 2, "m1")
    assert (second["answer"], second["complete"], second["tokens"]) == ("refuse", True, 0)
    assert {row["items"][0] for row in run_store.rows("confirmations")} == {"item_a", "item_p"}
    assert run_store.rows("departures") == [{"gate": "shop-1"}]


def test_threads_check_and_record() -> None:
    """Many threads at once, each row told once; a stream asks before each piece."""

    async def story(store: Store, found: Settings) -> None:
        await store.send(an_entry(held(Level.GUARDED)))

        def serve(client: GateClient) -> None:
            for number in range(20):
                verdict = client.check(user="subject_a")
                client.record(verdict, user="subject_a", served=b"abcd" * number, model="m1")

        def program() -> None:
            with GateClient(found, carries=ALL) as client:
                assert client.contact(60)
                threads = [Thread(target=serve, args=(client,)) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                with client.exchange(user="subject_a") as exchange:
                    asyncio.run_coroutine_threadsafe(paused(store, 2), loop).result(10)
                    while exchange.look():
                        exchange.add(b"x")
                assert client.status().in_force

        loop = asyncio.get_running_loop()
        await asyncio.to_thread(program)

    store = run(story)
    rows = store.rows()
    assert len(rows) == 81
    assert len({row["id"] for row in rows}) == 81
    assert sum(row["tokens"] for row in rows[:-1]) == 4 * sum(range(20))
    assert rows[-1]["complete"] is False
    assert store.rows("departures") == [{"gate": "shop-1"}]


@pytest.mark.parametrize(("cold", "answer"), [("refuse", "refuse"), ("guarded", "limit"), ("allow", "allow")])
def test_without_any_store_it_answers_by_policy(cold: Any, answer: str) -> None:
    """A check waits for nothing: before the first contact `on_cold_start` says what everybody gets."""
    policy = replace(BEFORE_CONTACT, on_cold_start=cold)
    found = settings(closed_port(), Store(), policy=policy)

    async def story() -> None:
        async with AsyncGateClient(found, carries=ALL) as client:
            verdict = client.check(user="subject_a")
            assert (verdict.answer, verdict.not_known[0]) == (answer, "contact")
            assert not await client.contact(0.05)

    asyncio.run(story())
    with GateClient(found, carries=ALL) as client:
        assert client.check(user="subject_a").answer == answer
        assert not client.contact(0.05)


@pytest.mark.parametrize("threads", [True, False])
def test_what_it_held_it_holds_after_a_restart_with_the_store_away(threads: bool, tmp_path: Path) -> None:
    """The file is written as it leaves and read as it begins."""
    path = tmp_path / "gate.snapshot"

    async def story(store: Store, found: Settings) -> None:
        await paused(store)
        async with AsyncGateClient(found, carries=ALL) as client:
            assert await client.contact(60)

    store = run(story, snapshot=path)
    away = settings(closed_port(), store, snapshot=path)
    if threads:
        with GateClient(away, carries=ALL) as client:
            verdict = client.check(user="subject_a")
    else:
        verdict = AsyncGateClient(away, carries=ALL).check(user="subject_a")
    assert (verdict.answer, verdict.level, verdict.not_known[0]) == ("refuse", Level.PAUSED, "contact")


def test_a_store_that_takes_nothing_loses_no_row_but_those_without_room() -> None:
    """Memory is bounded; what finds no room is told as a gap with its span, and the rest goes once it can."""
    told: list[tuple[str, dict[str, object]]] = []

    async def story(store: Store, found: Settings) -> None:
        await store.send(an_entry(held(Level.WATCH)))
        store.status = 503
        async with AsyncGateClient(found, carries=ALL) as client:
            assert await client.contact(60)
            for _ in range(5):
                with client.exchange(user="subject_a"):
                    pass
            await until(lambda: any(kind == "not_delivered" for kind, _ in told))
            store.status = 200

    store = run(story, rows_max=3, report=lambda kind, what: told.append((kind, what)))
    assert len(store.rows()) == 3
    (gap,) = store.rows("gaps")
    assert (gap["subject"], gap["exchanges"], gap["reason"]) == ("subject_a", 2, "no_room")
    assert gap["since"] <= gap["until"]


def test_who_has_no_open_case_is_not_told_of() -> None:
    """Nothing is kept of anybody else, and an exchange of which no answer is seen is a gap and no row."""

    async def story(store: Store, found: Settings) -> None:
        await store.send(replace(an_entry(held(Level.GUARDED)), open=False))
        await store.send(an_entry(held(Level.WATCH, subject="subject_b", name="item_b"), subject="subject_b"))
        async with AsyncGateClient(found, carries=ALL) as client:
            assert await client.contact(60)
            for user in ("subject_a", "somebody", None):
                with client.exchange(user=user):
                    pass
            client.exchange(user="subject_b").unseen()

    store = run(story)
    assert store.rows() == []
    assert [(gap["subject"], gap["reason"], gap["exchanges"]) for gap in store.rows("gaps")] == [
        ("subject_b", "answer_not_seen", 1)
    ]


def test_a_line_that_is_never_taken_holds_up_no_other() -> None:
    """It is found by halves, reported, and the others go."""
    told: list[tuple[str, dict[str, object]]] = []
    queue = Queue("/v1/exchanges", 10, lambda kind, what: told.append((kind, what)))
    taken: list[bytes] = []
    for number in range(7):
        assert queue.put({"n": number})
    while batch := queue.batch():
        wrong = b'{"n":4}' in batch
        assert queue.settle(batch, 400 if wrong else 200)
        taken += [] if wrong else batch
    assert [json.loads(line)["n"] for line in taken] == [0, 1, 2, 3, 5, 6]
    assert told == [("not_taken", {"path": "/v1/exchanges", "status": 400, "line": '{"n":4}'})]


def test_gaps_that_find_no_room_wait() -> None:
    """They are added up until there is some."""
    rows = Rows("shop-1", b"nonce", room=1, report=lambda *_: None)
    request = Request(identity="subject_a", model=None, tools=None)
    judged = Judged(("subject_a",), START, None, None, judge(an_entry(), request, START, a_policy()))
    rows.unseen(judged)
    rows.tell_gaps()
    rows.unseen(judged)
    rows.unseen(judged)
    rows.tell_gaps()
    gaps = rows.queues[1]
    assert [json.loads(line)["exchanges"] for line in gaps.batch()] == [1]
    gaps.settle(gaps.batch(), 200)
    rows.tell_gaps()
    assert [json.loads(line)["exchanges"] for line in gaps.batch()] == [2]


def test_an_exchange_that_its_host_never_ends_is_a_gap() -> None:
    """For want of room, after an hour, under a name used twice, or as the program leaves; never forgotten."""
    clock = [0.0]

    async def story(store: Store, found: Settings) -> None:
        await store.send(an_entry(held(Level.WATCH)))
        async with AsyncGateClient(found, carries=ALL) as client:
            assert await client.contact(60)
            under_way = UnderWay(lambda: clock[0], room=2)
            for name in ("a", "b", "c", "c"):
                under_way.enter(name, client.exchange(user="subject_a"))
            assert under_way.leave("a") is None
            clock[0] = FORGOTTEN_S
            under_way.enter("d", client.exchange(user="subject_a"))
            assert (under_way.leave("b"), under_way.leave("c")) == (None, None)
            if (ended := under_way.leave("d")) is not None:
                ended.close()
            under_way.enter("e", client.exchange(user="subject_a"))
            under_way.end()

    store = run(story)
    assert len(store.rows()) == 1
    assert sum(gap["exchanges"] for gap in store.rows("gaps")) == 5


@pytest.mark.parametrize("wrong", [{"gate_key": b"short"}, {"name": "Shop 1"}])
def test_settings_that_the_store_would_refuse_are_refused_at_once(wrong: dict[str, Any]) -> None:
    """And secrets are not in what is printed."""
    with pytest.raises(ValueError):
        settings("http://store.example", Store(), **wrong)
    shown = repr(settings("http://store.example", Store()))
    assert TOKEN not in shown
    assert repr(GATE_KEY) not in shown


def test_settings_come_from_the_environment() -> None:
    """One variable each; only the file may be missing."""
    environment = {
        "ANSWERABLE_STORE": "http://store.example",
        "ANSWERABLE_GATE_TOKEN": TOKEN,
        "ANSWERABLE_GATE_KEY": GATE_KEY.hex() + "\n",
        "ANSWERABLE_VKEY": Store().log.key,
        "ANSWERABLE_GATE_NAME": "shop-1",
    }
    found = Settings.from_environment(environment)
    assert (found.gate_key, found.snapshot) == (GATE_KEY, None)
    assert Settings.from_environment(environment | {"ANSWERABLE_SNAPSHOT": "a/b"}).snapshot == Path("a/b")
    with pytest.raises(KeyError):
        Settings.from_environment({})
