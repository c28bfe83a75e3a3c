"""The recipes for programs, run as they stand on the page; those for other servers are run beside this."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from answerable_gate import Level
from tests.gate.build import GATE_KEY, an_entry
from tests.gateway.world import PATIENCE_S, TOKEN, Store, held, served, until
from tests.waysin.recipes import PAGE, recipe

MIDDLEWARE = recipe("Middleware", "python")
CLIENT = recipe("A client in a program", "python")


def environ(base: str, store: Store) -> dict[str, str]:
    """Write the environment that the page asks for."""
    return {
        "ANSWERABLE_STORE": base,
        "ANSWERABLE_GATE_TOKEN": TOKEN,
        "ANSWERABLE_GATE_KEY": GATE_KEY.hex(),
        "ANSWERABLE_VKEY": store.log.key,
        "ANSWERABLE_GATE_NAME": "shop-1",
    }


def read(text: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run a recipe among the names that it takes for granted."""
    exec(compile(text, str(PAGE), "exec"), given)
    return given


async def ask_the_model(messages: list[dict[str, str]]) -> AsyncIterator[str]:
    """Answer with what was said to the model."""
    for message in messages:
        yield message["content"] + " "


def test_the_program_on_the_page_does_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts the preamble first for whoever is guarded, and refuses in the words of the gateway."""

    async def story(store: Store, chat: Any, client: Any) -> None:
        async def said(who: str) -> str:
            return "".join([piece async for piece in chat(client, who, "Hello")])

        await store.send(an_entry(held(Level.GUARDED)))
        await until(lambda: store.rows("confirmations"))
        assert (await said("subject_a"), await said("somebody else")) == ("Take care. Hello ", "Hello ")
        await store.send(an_entry(held(Level.GUARDED), held(Level.PAUSED, name="item_p"), version=2))
        await until(lambda: client.check(user="subject_a").level is Level.PAUSED)
        with pytest.raises(PermissionError, match="Access is restricted for this account"):
            await said("subject_a")

    async def all_of_it() -> Store:
        store = Store()
        async with asyncio.timeout(PATIENCE_S), store.running() as base:
            for name, value in environ(base, store).items():
                monkeypatch.setenv(name, value)

            async def serve(client: Any, chat: Any) -> None:
                await story(store, chat, client)

            await read(CLIENT, {"ask_the_model": ask_the_model, "serve": serve})["main"]()
        return store

    assert [row["answer"] for row in asyncio.run(all_of_it()).rows()] == ["limit", "refuse"]


def test_the_middleware_on_the_page_does_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is limited is refused where a model answers, and nowhere else."""

    async def say(_: Request) -> PlainTextResponse:
        return PlainTextResponse("said")

    async def all_of_it() -> None:
        store = Store()
        async with asyncio.timeout(PATIENCE_S), store.running() as base:
            for name, value in environ(base, store).items():
                monkeypatch.setenv(name, value)
            app = Starlette(routes=[Route("/chat", say), Route("/appeal", say)])
            client = read(MIDDLEWARE, {"app": app})["client"]
            async with served(app) as address:
                assert await client.contact(60)
                await store.send(an_entry(held(Level.GUARDED)))
                await until(lambda: store.rows("confirmations"))
                assert await asyncio.gather(*(status(address, *one) for one in ASKED)) == [403, 200, 200]

    asyncio.run(all_of_it())


ASKED = (("/chat", "subject_a"), ("/appeal", "subject_a"), ("/chat", "somebody else"))


async def status(address: str, path: str, who: str) -> int:
    """Ask an application."""
    async with ClientSession() as session, session.get(address + path, headers={"x-user-id": who}) as response:
        return response.status
