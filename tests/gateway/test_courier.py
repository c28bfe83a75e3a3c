"""Lines on their way to the store."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import ClientSession, web

from answerable.gateway.courier import LINES_AT_ONCE, Courier
from tests.addresses import closed_port


class Desk:
    """A store's desk that answers as it is told."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.taken: list[list[bytes]] = []
        self.refused: bytes | None = None

    async def take(self, request: web.Request) -> web.Response:
        """Take lines."""
        assert request.headers["Authorization"] == "Bearer token"
        assert request.content_type == "application/x-ndjson"
        lines = (await request.read()).splitlines()
        if self.refused in lines:
            return web.Response(status=422)
        self.taken.append(lines)
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200, headers={"Location": "/v1/rows"})


def carry(desk: Desk, *lines: bytes, room: int = 10_000, times: int = 1) -> tuple[list[bool], Courier, list]:
    """Deliver lines some times and give what each time came of it."""
    reports: list = []

    async def told() -> tuple[list[bool], Courier]:
        app = web.Application()
        app.router.add_post("/v1/rows", desk.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/rows"
        courier = Courier(address, "token", room=room, report=lambda *told: reports.append(told))
        for line in lines:
            courier.put(line)
        async with ClientSession() as session:
            came = [await courier.deliver(session) for _ in range(times)]
        await runner.cleanup()
        return came, courier

    came, courier = asyncio.run(told())
    return came, courier, reports


def test_lines_arrive_in_order_and_in_batches() -> None:
    """Each once where nothing goes wrong."""
    lines = [b"%d" % number for number in range(LINES_AT_ONCE + 3)]
    desk = Desk()
    came, courier, reports = carry(desk, *lines)
    assert (came, len(courier), reports) == ([True], 0, [])
    assert [len(batch) for batch in desk.taken] == [LINES_AT_ONCE, 3]
    assert [line for batch in desk.taken for line in batch] == lines


def test_what_was_not_taken_is_offered_again() -> None:
    """A line leaves only after the store's yes."""
    desk = Desk(503, 429, 401, 200)
    came, courier, reports = carry(desk, b"1", b"2", times=4)
    assert (came, len(courier)) == ([False, False, False, True], 0)
    assert desk.taken == [[b"1", b"2"]] * 4
    assert [kind for kind, _ in reports] == ["not_delivered"] * 3


def test_one_wrong_line_takes_no_other_with_it() -> None:
    """It is found by halves, reported and let go; all others arrive, in order."""
    desk = Desk()
    desk.refused = b"bad"
    lines = [b"%d" % number for number in range(20)]
    lines[13] = b"bad"
    came, courier, reports = carry(desk, *lines)
    assert (came, len(courier)) == ([True], 0)
    assert [line for batch in desk.taken for line in batch] == [line for line in lines if line != b"bad"]
    assert [(kind, told["status"], told["line"]) for kind, told in reports] == [("not_taken", 422, "bad")]


def test_a_redirect_is_not_followed() -> None:
    """It could carry the token elsewhere."""
    desk = Desk(307)
    came, courier, reports = carry(desk, b"1", b"2")
    assert (came, len(courier), len(desk.taken)) == ([True], 0, 3)
    desk = Desk(307)
    _, _, reports = carry(desk, b"1")
    assert [(kind, told["status"]) for kind, told in reports] == [("not_taken", 307)]


def test_there_is_a_bound_to_what_waits() -> None:
    """The one who has no room for a line says so."""
    courier = Courier("http://127.0.0.1/", "token", room=2, report=lambda *told: None)
    assert [courier.put(b"x") for _ in range(3)] == [True, True, False]


def test_a_store_that_is_gone_loses_nothing() -> None:
    """The lines wait."""

    async def told() -> tuple[bool, int]:
        courier = Courier(closed_port(), "token", room=2, report=lambda *told: None)
        courier.put(b"x")
        async with ClientSession() as session:
            return await courier.deliver(session), len(courier)

    assert asyncio.run(told()) == (False, 1)


def test_lines_are_carried_without_being_asked(monkeypatch: Any) -> None:
    """And more patiently while the store is away."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 6:
            raise asyncio.CancelledError

    async def told() -> None:
        courier = Courier(closed_port(), "token", room=2, report=lambda *told: None)
        courier.put(b"x")
        monkeypatch.setattr("answerable.gateway.courier.asyncio.sleep", sleep)
        async with ClientSession() as session:
            try:
                await courier.run(session)
            except asyncio.CancelledError:
                return

    asyncio.run(told())
    assert waits == [0.25, 0.5, 1, 2, 4, 8]
