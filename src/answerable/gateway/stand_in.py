"""A stand-in, not a model: answers in the shape of the API, and says back what it was told.

Law: nobody can take it for a model; what it is asked to do it repeats, so that a test sees what reached it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from answerable.gateway.asgi import Receive, Scope, Send, read_body, respond

NAME = "stand-in, not a model"
MODELS = ("stand-in-small", "stand-in-large")
BODY_BYTES_MAX = 64 * 1024 * 1024
_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]


@dataclass(slots=True)
class StandIn:
    """The application. `token_s` is how long each word of a stream takes, `words` how many a stream has at least."""

    token_s: float = 0.05
    words: int = 0
    served: int = 0
    finished: int = 0
    requests: list[dict[str, object]] = field(default_factory=list)
    keep: int = 100

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        assert scope["type"] == "http", "the stand-in speaks nothing but HTTP"
        body = await read_body(receive, BODY_BYTES_MAX)
        path = scope["path"]
        if path == "/v1/models":
            listed = [{"id": name, "object": "model", "owned_by": NAME} for name in MODELS]
            await respond(send, 200, _JSON, _encoded({"object": "list", "data": listed}))
        elif path == "/v1/chat/completions":
            await self._complete(scope, body, send)
        else:
            told = {"object": "echo", "path": path, "bytes": len(body), "stand_in": NAME}
            self._remember(scope, {"path": path})
            await respond(send, 200, _JSON, _encoded(told))

    async def _complete(self, scope: Scope, body: bytes, send: Send) -> None:
        try:
            asked = json.loads(body)
        except ValueError:
            error = {"message": "This is not JSON.", "type": "invalid_request_error", "code": None, "param": None}
            await respond(send, 400, _JSON, _encoded({"error": error}))
            return
        self._remember(scope, asked)
        text = echo(asked)
        if asked.get("stream"):
            await self._stream(asked, text, send)
        else:
            await respond(send, 200, _JSON, _encoded(_completion(asked, text, self.served)))
            self.finished += 1

    def _remember(self, scope: Scope, asked: dict[str, object]) -> None:
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        self.requests.append({"path": scope["path"], "headers": headers, "body": asked})
        del self.requests[: -self.keep]
        self.served += 1

    async def _stream(self, asked: dict[str, object], text: str, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        number, words = self.served, text.split(" ")
        words += ["word"] * (self.words - len(words))
        for word in words:
            await send({"type": "http.response.body", "body": _event(asked, word + " ", number), "more_body": True})
            if self.token_s:
                await asyncio.sleep(self.token_s)
        usage = {"prompt_tokens": 1, "completion_tokens": len(words), "total_tokens": 1 + len(words)}
        last = _chunk(asked, {}, number) | {"usage": usage}
        await send({"type": "http.response.body", "body": _data(last) + b"data: [DONE]\n\n", "more_body": False})
        self.finished += 1


def echo(asked: dict[str, object]) -> str:
    """Say what was asked: each system message, the tools, and the last user message."""
    messages = asked.get("messages")
    told = [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []
    systems = [str(one.get("content")) for one in told if one.get("role") in ("system", "developer")]
    users = [str(one.get("content")) for one in told if one.get("role") == "user"]
    tools = ", ".join(_tool_names(asked)) or "none"
    said = [f"[{NAME}]", *(f"I was told: {one}" for one in systems), f"My tools: {tools}.", *users[-1:]]
    return " ".join(said)


def _tool_names(asked: dict[str, object]) -> Iterator[str]:
    tools = asked.get("tools")
    for tool in tools if isinstance(tools, list) else []:
        function = tool.get("function") if isinstance(tool, dict) else None
        yield str(function.get("name")) if isinstance(function, dict) else str(tool)


def _completion(asked: dict[str, object], text: str, number: int) -> dict[str, object]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    words = len(text.split(" "))
    usage = {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": 1 + words}
    head = {"id": f"standin-{number}", "object": "chat.completion", "created": 0, "model": asked.get("model")}
    return head | {"choices": [choice], "usage": usage, "system_fingerprint": NAME}


def _chunk(asked: dict[str, object], delta: dict[str, str], number: int) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
    head = {"id": f"standin-{number}", "object": "chat.completion.chunk", "created": 0, "model": asked.get("model")}
    return head | {"choices": [choice], "system_fingerprint": NAME}


def _event(asked: dict[str, object], word: str, number: int) -> bytes:
    return _data(_chunk(asked, {"content": word}, number))


def _data(value: dict[str, object]) -> bytes:
    return b"data: " + _encoded(value) + b"\n\n"


def _encoded(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode("ascii")


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
