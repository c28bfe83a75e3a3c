"""The official client of the API, unchanged, against the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from answerable.gateway.stand_in import StandIn
from answerable_gate import Frozen, Level, Limit, Shield, seal_name
from tests.gate.build import GATE_KEY, a_policy
from tests.gateway.test_app import run
from tests.gateway.world import Store, World, held

openai = pytest.importorskip("openai", reason="the official client `openai` is not installed")

MESSAGES = [{"role": "user", "content": "Hello"}]
USES = "Use calculator: one and one"
HANDED = '{"text": "one and one"}'
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "calculator", "parameters": {"type": "object"}}}
FLAT: dict[str, Any] = {"type": "function", "name": "calculator", "parameters": {"type": "object"}, "strict": False}
MARA = frozenset({Shield("person_a", seal_name(GATE_KEY, "Mara Weiss"))})


def told(story: Callable[[World, Any], Awaitable[None]], world: World) -> None:
    """Run a story with a client that tries nothing twice."""

    async def with_client(world: World) -> None:
        headers = {"X-Answerable-User": "subject_a"}
        async with openai.AsyncOpenAI(
            base_url=f"{world.base}/v1", api_key="client", default_headers=headers, max_retries=0
        ) as client:
            await story(world, client)

    run(with_client, world)


def test_the_official_client_talks_to_a_model_through_the_gateway() -> None:
    """Plain, streaming, and the list of models."""

    async def story(world: World, client: Any) -> None:
        plain = await client.chat.completions.create(model="m1", messages=MESSAGES)
        assert plain.choices[0].message.content.endswith("Hello")
        stream = await client.chat.completions.create(model="m1", messages=MESSAGES, stream=True)
        words = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert "".join(words).strip() == plain.choices[0].message.content
        assert [model.id async for model in client.models.list()] == ["stand-in-small", "stand-in-large"]

    told(story, World())


def test_the_official_client_understands_a_refusal() -> None:
    """PermissionDeniedError with our code, for the account and for a model; nothing to try again."""

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.WATCH, name="item_w"), frozen=Frozen(models=("m1",), tools=None))
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await client.chat.completions.create(model="m2", messages=MESSAGES)
        assert (refused.value.code, refused.value.param) == ("model_not_available", "model")
        await world.hold(held(Level.WATCH, name="item_w"), held(Level.PAUSED), version=2)
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await client.chat.completions.create(model="m1", messages=MESSAGES)
        assert (refused.value.code, refused.value.type) == ("account_restricted", "access_restricted")
        assert "reference subject_a" in refused.value.message

    told(story, World())


def test_the_official_client_understands_a_cut() -> None:
    """An APIError in the middle of the stream, with our code, after what was said until then."""

    async def story(world: World, client: Any) -> None:
        stream = await client.chat.completions.create(model="m1", messages=MESSAGES, stream=True)
        assert (await anext(stream)).choices[0].delta.content
        await world.hold(held(Level.PAUSED))
        with pytest.raises(openai.APIError) as cut:
            [chunk async for chunk in stream]
        assert cut.value.code == "account_restricted"

    told(story, World(upstream=StandIn(token_s=0.02, words=100_000)))


def test_the_official_client_understands_a_fault() -> None:
    """A body that could be read in two ways, where it has to be read."""

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.GUARDED))
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="m1", messages=MESSAGES, extra_body={"User": "x"})

    told(story, World())


def test_the_official_client_asks_for_responses() -> None:
    """Plain and streaming; guarded is carried, and what it withholds is refused by name."""

    async def story(world: World, client: Any) -> None:
        plain = await client.responses.create(model="m1", input="Hello")
        assert plain.output_text.endswith("Hello")
        stream = await client.responses.create(model="m1", input="Hello", stream=True)
        words = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        assert "".join(words).strip() == plain.output_text
        await world.hold(held(Level.GUARDED))
        tools = [{"type": "web_search"}, {"type": "function", "name": "calculator", "parameters": {}, "strict": True}]
        got = await client.responses.create(model="m1", input="Hello", instructions="Be brief.", tools=tools)
        assert "I was told: Take care.\n\nBe brief. My tools: calculator." in got.output_text
        for part in ({"background": True}, {"previous_response_id": "resp_1"}, {"conversation": "conv_1"}):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                await client.responses.create(model="m1", input="Hello", **part)
            assert (refused.value.code, refused.value.param) == ("feature_not_available", next(iter(part)))
        with pytest.raises(openai.PermissionDeniedError):
            await client.files.create(file=b"x", purpose="user_data")

    told(story, World())


def test_who_is_cared_for_is_spoken_to_in_his_language() -> None:
    """As far as the policy has words for it."""
    policy = a_policy(on_no_identity="allow", care=(("en", "Be kind."), ("de", "Sei freundlich.")))

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.NONE, limits=frozenset({Limit.CARE})))
        for languages, words in (("de-CH, en", "Sei freundlich."), ("fr", "Be kind.")):
            headers = {"Accept-Language": languages}
            got = await client.chat.completions.create(model="m1", messages=MESSAGES, extra_headers=headers)
            assert f"I was told: {words} My tools" in got.choices[0].message.content

    told(story, World(store=Store(policy=policy)))


def test_a_cut_response_ends_as_its_client_expects() -> None:
    """With an error of its own kind."""

    async def story(world: World, client: Any) -> None:
        stream = await client.responses.create(model="m1", input="Hello", stream=True)
        assert (await anext(stream)).type == "response.created"
        await world.hold(held(Level.PAUSED))
        with pytest.raises(openai.APIError) as cut:
            [event async for event in stream]
        assert cut.value.code == "account_restricted"

    told(story, World(upstream=StandIn(token_s=0.02, words=100_000)))


@pytest.mark.parametrize("shields", [frozenset(), MARA])
def test_tools_are_called_through_the_gateway(shields: frozenset[Shield]) -> None:
    """Whole and in pieces, in both APIs, looked through or not."""

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.WATCH, shields=shields))
        asked = {"model": "m1", "messages": [{"role": "user", "content": USES}], "tools": [TOOL]}
        plain = await client.chat.completions.create(**asked)
        (call,) = plain.choices[0].message.tool_calls
        assert (call.function.name, call.function.arguments) == ("calculator", HANDED)
        stream = await client.chat.completions.create(**asked, stream=True)
        calls = [chunk.choices[0].delta.tool_calls async for chunk in stream if chunk.choices[0].delta.tool_calls]
        assert "".join(one[0].function.arguments for one in calls) == HANDED
        response = await client.responses.create(model="m1", input=USES, tools=[FLAT])
        assert response.output[0].arguments == HANDED
        events = await client.responses.create(model="m1", input=USES, tools=[FLAT], stream=True)
        pieces = [one.delta async for one in events if one.type == "response.function_call_arguments.delta"]
        assert "".join(pieces) == HANDED

    told(story, World())


def test_the_official_client_understands_a_shield() -> None:
    """PermissionDeniedError where nothing was said yet, an APIError in the midst of a stream, with our code."""
    asked = {"model": "m1", "messages": [{"role": "user", "content": "It is about Mara Weiss"}]}

    async def story(world: World, client: Any) -> None:
        await world.hold(held(Level.WATCH, shields=MARA))
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await client.chat.completions.create(**asked)
        assert refused.value.code == "content_not_available"
        stream = await client.chat.completions.create(**asked, stream=True)
        with pytest.raises(openai.APIError) as cut:
            [chunk async for chunk in stream]
        assert cut.value.code == "content_not_available"
        events = await client.responses.create(model="m1", input="It is about Mara Weiss", stream=True)
        with pytest.raises(openai.APIError) as cut:
            [event async for event in events]
        assert cut.value.code == "content_not_available"

    told(story, World())


def test_a_client_without_async_talks_as_well() -> None:
    """From a thread of its own, plain and streaming, with a tool that it may use; a refusal is its own error."""

    def ask(base: str) -> tuple[str, str]:
        headers = {"X-Answerable-User": "subject_a"}
        with openai.OpenAI(base_url=f"{base}/v1", api_key="client", default_headers=headers, max_retries=0) as client:
            got = client.chat.completions.create(model="m1", messages=MESSAGES, tools=[TOOL])
            stream = client.chat.completions.create(model="m1", messages=MESSAGES, tools=[TOOL], stream=True)
            return got.choices[0].message.content, "".join(one.choices[0].delta.content or "" for one in stream)

    async def story(world: World) -> None:
        plain, streamed = await asyncio.to_thread(ask, world.base)
        assert "My tools: calculator." in plain
        assert streamed.strip() == plain
        await world.hold(held(Level.PAUSED))
        with pytest.raises(openai.PermissionDeniedError):
            await asyncio.to_thread(ask, world.base)

    run(story)
