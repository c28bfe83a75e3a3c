"""The stand-in: in the shape of the API, and never taken for a model."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import ClientSession

from answerable.gateway.stand_in import NAME, StandIn
from tests.gateway.world import served


def ask(
    *bodies: bytes, path: str = "/v1/chat/completions", method: str = "POST"
) -> tuple[StandIn, list[tuple[int, bytes]]]:
    """Ask a stand-in."""
    stand_in = StandIn(token_s=0.001, keep=2)

    async def told() -> list[tuple[int, bytes]]:
        async with served(stand_in) as base, ClientSession() as session:
            answers = []
            for body in bodies:
                async with session.request(method, base + path, data=body) as response:
                    answers.append((response.status, await response.read()))
            return answers

    return stand_in, asyncio.run(told())


def asked(**more: Any) -> bytes:
    """Write a request."""
    return json.dumps({"model": "m1", "messages": [{"role": "user", "content": "Hello there"}], **more}).encode()


def test_it_says_what_it_was_told() -> None:
    """System messages, tools and the last question, after its name."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One"},
        {"role": "user", "content": "Two"},
    ]
    tools = [{"type": "function", "function": {"name": "mail"}}, "odd"]
    stand_in, [(status, body)] = ask(asked(messages=messages, tools=tools))
    told = json.loads(body)
    assert status == 200
    assert told["choices"][0]["message"]["content"] == f"[{NAME}] I was told: Be brief. My tools: mail, odd. Two"
    assert (told["model"], told["system_fingerprint"]) == ("m1", NAME)
    assert (stand_in.served, stand_in.finished) == (1, 1)


def test_it_streams_word_by_word() -> None:
    """The words together are the plain answer, and usage and [DONE] end it."""
    _, [(_, plain), (_, stream)] = ask(asked(), asked(stream=True))
    *events, done, rest = stream.split(b"\n\n")
    read = [json.loads(event.removeprefix(b"data: ")) for event in events]
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in read)
    assert text.strip() == json.loads(plain)["choices"][0]["message"]["content"]
    assert read[-1]["usage"]["completion_tokens"] == len(read) - 1
    assert (done, rest) == (b"data: [DONE]", b"")


def test_it_remembers_what_reached_it() -> None:
    """As many as it was told to keep."""
    stand_in, _ = ask(asked(n=1), asked(n=2), asked(n=3))
    assert [request["body"]["n"] for request in stand_in.requests] == [2, 3]  # type: ignore[index]
    assert stand_in.served == 3


def test_it_lists_its_models_and_answers_on_any_route() -> None:
    """Everything with its name on it."""
    _, [(_, listed)] = ask(b"", path="/v1/models", method="GET")
    assert {model["owned_by"] for model in json.loads(listed)["data"]} == {NAME}
    stand_in, [(status, told)] = ask(b"abc", path="/v1/embeddings")
    assert (status, json.loads(told)) == (
        200,
        {"id": "embeddings-00000000", "object": "echo", "path": "/v1/embeddings", "bytes": 3, "stand_in": NAME},
    )
    assert stand_in.served == 1


def test_it_refuses_what_is_no_json() -> None:
    """Like the API would."""
    _, [(status, _)] = ask(b"{")
    assert status == 400
