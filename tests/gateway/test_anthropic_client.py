"""The official client of the Messages API, unchanged, against the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from answerable.gateway.stand_in import StandIn
from answerable_gate import Level, Shield, seal_name
from tests.gate.build import GATE_KEY
from tests.gateway.test_app import run
from tests.gateway.world import World, held

anthropic = pytest.importorskip("anthropic", reason="the official client `anthropic` is not installed")

ASKED: dict[str, Any] = {"model": "m1", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
MAIL = {"name": "mail", "input_schema": {"type": "object"}}


def told(story: Callable[[World, Any], Awaitable[None]], world: World) -> None:
    """Run a story with a client that tries nothing twice; whom it is for stands in the body."""

    async def with_client(world: World) -> None:
        async with anthropic.AsyncAnthropic(base_url=world.base, api_key="client", max_retries=0) as client:
            await story(world, client)

    run(with_client, world)


def named(who: str = "subject_a", **more: Any) -> dict[str, Any]:
    """Write a request for somebody."""
    return ASKED | {"metadata": {"user_id": who}} | more


def test_the_official_client_talks_to_a_model_through_the_gateway() -> None:
    """Plain and streaming, with the operator's own key towards the model."""

    async def story(world: World, client: Any) -> None:
        plain = await client.messages.create(**named())
        assert plain.content[0].text.endswith("Hello")
        async with client.messages.stream(**named()) as stream:
            words = [word async for word in stream.text_stream]
        assert "".join(words).strip() == plain.content[0].text

    world = World()
    told(story, world)
    headers = world.upstream.requests[0]["headers"]
    assert headers["x-api-key"] == "upstream-key"
    assert "authorization" not in headers


def test_a_client_without_async_talks_as_well() -> None:
    """From a thread of its own, plain and streaming; a refusal is its own error."""

    def ask(base: str) -> tuple[str, str]:
        with anthropic.Anthropic(base_url=base, api_key="client", max_retries=0) as client:
            plain = client.messages.create(**named()).content[0].text
            with client.messages.stream(**named()) as stream:
                return plain, "".join(stream.text_stream)

    async def story(world: World) -> None:
        plain, streamed = await asyncio.to_thread(ask, world.base)
        assert plain == streamed.strip()
        await world.hold(held(Level.PAUSED))
        with pytest.raises(anthropic.PermissionDeniedError):
            await asyncio.to_thread(ask, world.base)

    run(story)


def test_tools_are_called_through_the_gateway() -> None:
    """Whole and in pieces, with or without a shield that looks on; what names somebody is not handed over."""
    shields = frozenset({Shield("person_a", seal_name(GATE_KEY, "Mara Weiss"))})

    def asked(said: str) -> dict[str, Any]:
        return named(messages=[{"role": "user", "content": said}], tools=[MAIL])

    async def story(world: World, client: Any) -> None:
        for version, standing in enumerate((frozenset(), shields), 1):
            await world.hold(held(Level.WATCH, name=f"item_{version}", shields=standing), version=version)
            plain = await client.messages.create(**asked("Use mail: one and one"))
            assert (plain.content[0].name, plain.content[0].input) == ("mail", {"text": "one and one"})
            async with client.messages.stream(**asked("Use mail: one and one")) as stream:
                got = await stream.get_final_message()
            assert got.content[0].input == {"text": "one and one"}
        with pytest.raises(anthropic.PermissionDeniedError) as refused:
            await client.messages.create(**asked("Use mail: to Mara Weiss"))
        assert refused.value.body["error"]["code"] == "content_not_available"
        async with client.messages.stream(**asked("Use mail: to Mara Weiss")) as stream:
            with pytest.raises(anthropic.APIError):
                await stream.get_final_message()

    told(story, World())


def test_guarded_is_carried() -> None:
    """Preamble and tools; images are refused with the name of their place."""

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.GUARDED))
        got = await client.messages.create(**named(system="Be brief.", tools=[MAIL]))
        assert "I was told: Take care. Be brief. My tools: none." in got.content[0].text
        image = {"type": "image", "source": {"type": "url", "url": "https://images.example/1"}}
        with pytest.raises(anthropic.PermissionDeniedError) as refused:
            await client.messages.create(**named(messages=[{"role": "user", "content": [image]}]))
        assert refused.value.body["error"]["code"] == "feature_not_available"

    told(story, World())


def test_the_official_client_understands_a_refusal_and_a_cut() -> None:
    """Its own typed errors, before the answer and in the midst of it."""

    async def story(world: World, client: Any) -> None:
        stream = await client.messages.create(**named(), stream=True)
        assert (await anext(stream)).type == "message_start"
        await world.hold(held(Level.PAUSED))
        with pytest.raises(anthropic.APIError) as cut:
            [event async for event in stream]
        assert cut.value.body["error"]["code"] == "account_restricted"
        with pytest.raises(anthropic.PermissionDeniedError) as refused:
            await client.messages.create(**named())
        assert refused.value.body["error"]["type"] == "permission_error"

    told(story, World(upstream=StandIn(token_s=0.02, words=100_000)))
