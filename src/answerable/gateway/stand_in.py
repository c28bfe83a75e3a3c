"""A stand-in, not a model: answers in the shape of the API, and says back what it was told.

Law: nobody can take it for a model; what it is asked to do it repeats, so that a test sees what reached it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from answerable.gateway.asgi import Receive, Scope, Send, read_body, respond
from answerable.gateway.stand_in_says import NAME, SPEAKING, Says, Speaks

__all__ = ["MODELS", "NAME", "StandIn", "called", "echo"]

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
        if scope["type"] == "websocket":
            await self._converse(scope, receive, send)
            return
        body = await read_body(receive, BODY_BYTES_MAX)
        path = scope["path"]
        if path == "/v1/models":
            listed = [{"id": name, "object": "model", "owned_by": NAME} for name in MODELS]
            await respond(send, 200, _JSON, _encoded({"object": "list", "data": listed}))
        elif scope["method"] == "POST" and path in SPEAKING:
            await self._complete(scope, body, SPEAKING[path], send)
        else:
            made = {"id": f"{path.rpartition('/')[2]}-{self.served:08}"} if scope["method"] == "POST" else {}
            told = made | {"object": "echo", "path": path, "bytes": len(body), "stand_in": NAME}
            self._remember(scope, {"path": path})
            await respond(send, 200, _JSON, _encoded(told))

    async def _complete(self, scope: Scope, body: bytes, speaks: Speaks, send: Send) -> None:
        try:
            asked = json.loads(body)
        except ValueError:
            error = {"message": "This is not JSON.", "type": "invalid_request_error", "code": None, "param": None}
            await respond(send, 400, _JSON, _encoded({"error": error}))
            return
        self._remember(scope, asked)
        tool, text = called(asked) or (None, echo(asked))
        says = speaks(asked.get("model"), self.served, tool)
        if asked.get("stream"):
            await self._stream(says, text, send)
        else:
            kept = {"background": True} if asked.get("background") else {}
            await respond(send, 200, _JSON, _encoded(says.whole(text) | kept))
            self.finished += 1

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say each message back as an answer, until its sender asks for the end or leaves."""
        self._remember(scope, {"subprotocols": scope["subprotocols"], "query": scope["query_string"].decode("ascii")})
        await receive()
        await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("bytes") is not None:
                await send({"type": "websocket.send", "bytes": message["bytes"]})
                continue
            if message["text"] == "bye":
                await send({"type": "websocket.close", "code": 1000})
                return
            told = {"type": "response.done", "said": f"[{NAME}] {message['text']}"}
            done = told | {"response": {"usage": {"output_tokens": len(message["text"].split())}}}
            await send({"type": "websocket.send", "text": json.dumps(done)})

    def _remember(self, scope: Scope, asked: dict[str, object]) -> None:
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        self.requests.append({"path": scope["path"], "headers": headers, "body": asked})
        del self.requests[: -self.keep]
        self.served += 1

    async def _stream(self, says: Says, text: str, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        words = text.split(" ")
        words += ["word"] * (self.words - len(words))
        if first := says.first():
            await send({"type": "http.response.body", "body": first, "more_body": True})
        for number, word in enumerate(words, 1):
            said = says.word(word + " " * (number < len(words)))
            await send({"type": "http.response.body", "body": said, "more_body": True})
            if self.token_s:
                await asyncio.sleep(self.token_s)
        await send({"type": "http.response.body", "body": says.last(len(words)), "more_body": False})
        self.finished += 1


def echo(asked: dict[str, object]) -> str:
    """Say what was asked: each system message, the tools, and the last user message."""
    told = [*_turns(asked.get("messages")), *_turns(asked.get("input"))]
    systems = [_text(one.get("content")) for one in told if one.get("role") in ("system", "developer")]
    systems += [_text(asked[key]) for key in ("instructions", "system") if asked.get(key)]
    users = [_text(one.get("content")) for one in told if one.get("role") == "user"]
    tools = ", ".join(_tool_names(asked)) or "none"
    said = [f"[{NAME}]", *(f"I was told: {one}" for one in systems), f"My tools: {tools}.", *users[-1:]]
    return " ".join(said)


def called(asked: dict[str, object]) -> tuple[str, str] | None:
    """Give the tool that the last user message names ("Use mail: Hello") and what it is handed, if it was brought."""
    users = [one for one in (*_turns(asked.get("messages")), *_turns(asked.get("input"))) if one.get("role") == "user"]
    said = _text(users[-1].get("content")) if users else ""
    tool, _, text = said.removeprefix("Use ").partition(": ")
    if not said.startswith("Use ") or tool not in _tool_names(asked):
        return None
    return tool, json.dumps({"text": text})


def _turns(value: object) -> list[dict[str, object]]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text")) for part in content if isinstance(part, dict))
    return str(content)


def _tool_names(asked: dict[str, object]) -> Iterator[str]:
    tools = asked.get("tools")
    for tool in tools if isinstance(tools, list) else []:
        if not isinstance(tool, dict):
            yield str(tool)
            continue
        function = tool.get("function")
        yield str(function.get("name") if isinstance(function, dict) else tool.get("name") or tool.get("type"))


def _encoded(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode("ascii")


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
