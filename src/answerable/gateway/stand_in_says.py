"""How the stand-in writes an answer in each API: whole, or event by event; with a tool, what it hands to that."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

NAME = "stand-in, not a model"

Value = dict[str, object]


class Says(Protocol):
    """One answer."""

    def whole(self, text: str) -> Value:
        """Write it whole."""

    def first(self) -> bytes:
        """Write what stands before all words of a stream."""

    def word(self, word: str) -> bytes:
        """Write the event of a word."""

    def last(self, words: int) -> bytes:
        """Write what stands behind all words."""


Speaks = Callable[[object, int, str | None], Says]


class Chat:
    """`/v1/chat/completions`."""

    def __init__(self, model: object, number: int, tool: str | None) -> None:
        """Take the model that was asked for, which answer this is, and the tool that it calls."""
        self._head: Value = {"id": f"standin-{number}", "created": 0, "model": model, "system_fingerprint": NAME}
        self._tool = tool

    def whole(self, text: str) -> Value:
        """Write a completion."""
        message: Value = {"role": "assistant", "content": text if self._tool is None else None}
        if self._tool is not None:
            message["tool_calls"] = [self._call(text)]
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": _usage(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write which tool is called."""
        return b"" if self._tool is None else _event(self._chunk({"tool_calls": [self._call("") | {"index": 0}]}))

    def word(self, word: str) -> bytes:
        """Write a chunk."""
        if self._tool is None:
            return _event(self._chunk({"content": word}))
        return _event(self._chunk({"tool_calls": [{"index": 0, "function": {"arguments": word}}]}))

    def last(self, words: int) -> bytes:
        """Write the usage and the end."""
        return _event(self._chunk({}) | {"usage": _usage(words)}) + b"data: [DONE]\n\n"

    @property
    def _finish(self) -> str:
        return "stop" if self._tool is None else "tool_calls"

    def _call(self, arguments: str) -> Value:
        return {"id": "call_1", "type": "function", "function": {"name": self._tool, "arguments": arguments}}

    def _chunk(self, delta: Value) -> Value:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else self._finish}
        return self._head | {"object": "chat.completion.chunk", "choices": [choice]}


class Completion(Chat):
    """`/v1/completions`."""

    def whole(self, text: str) -> Value:
        """Write a completion."""
        choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
        return self._head | {"object": "text_completion", "choices": [choice], "usage": _usage(len(text.split(" ")))}

    def word(self, word: str) -> bytes:
        """Write a piece."""
        choice = {"index": 0, "text": word, "finish_reason": None, "logprobs": None}
        return _event(self._head | {"object": "text_completion", "choices": [choice]})


class Response:
    """`/v1/responses`."""

    def __init__(self, model: object, number: int, tool: str | None) -> None:
        """Take the model that was asked for, which answer this is, and the tool that it calls."""
        self._id = f"resp_standin{number:08}"
        self._model = model
        self._tool = tool
        self._text = ""
        self._count = 0

    def whole(self, text: str) -> Value:
        """Write a response."""
        return self._response("completed", [self._item(text)]) | {"usage": _used(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write that it begins."""
        begun = self._named("response.created", {"response": self._response("in_progress", [])})
        added = self._item("") | {"status": "in_progress"} | ({} if self._tool is not None else {"content": []})
        return begun + self._named("response.output_item.added", {"output_index": 0, "item": added})

    def word(self, word: str) -> bytes:
        """Write a piece."""
        self._text += word
        at: Value = {"item_id": "item_1", "output_index": 0, "delta": word}
        if self._tool is not None:
            return self._named("response.function_call_arguments.delta", at)
        return self._named("response.output_text.delta", at | {"content_index": 0, "logprobs": []})

    def last(self, words: int) -> bytes:
        """Write the whole once more."""
        done = self._named("response.output_item.done", {"output_index": 0, "item": self._item(self._text)})
        return done + self._named("response.completed", {"response": self.whole(self._text) | {"usage": _used(words)}})

    def _item(self, text: str) -> Value:
        item: Value = {"id": "item_1", "status": "completed"}
        if self._tool is not None:
            return item | {"type": "function_call", "call_id": "call_1", "name": self._tool, "arguments": text}
        part: Value = {"type": "output_text", "text": text, "annotations": []}
        return item | {"type": "message", "role": "assistant", "content": [part]}

    def _response(self, status: str, output: list[Value]) -> Value:
        told: Value = {"id": self._id, "object": "response", "created_at": 0, "model": self._model, "status": status}
        held: Value = {"error": None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        return told | held | {"output": output, "metadata": {"stand_in": NAME}}

    def _named(self, name: str, value: Value) -> bytes:
        self._count += 1
        return _event({"type": name, "sequence_number": self._count} | value, name)


class Message:
    """`/v1/messages`."""

    def __init__(self, model: object, number: int, tool: str | None) -> None:
        """Take the model that was asked for, which answer this is, and the tool that it calls."""
        self._head: Value = {"id": f"msg_standin{number}", "type": "message", "role": "assistant", "model": model}
        self._head |= {"stop_sequence": None, "stand_in": NAME}
        self._tool = tool

    def whole(self, text: str) -> Value:
        """Write a message."""
        block = {"type": "text", "text": text} if self._tool is None else self._use(json.loads(text))
        told: Value = {"content": [block], "stop_reason": self._stop}
        return self._head | told | {"usage": _used(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write that it begins."""
        begun = self._head | {"content": [], "stop_reason": None, "usage": _used(1)}
        inner = {"type": "text", "text": ""} if self._tool is None else self._use({})
        block: Value = {"type": "content_block_start", "index": 0, "content_block": inner}
        return _event({"type": "message_start", "message": begun}, "message_start") + _event(block, str(block["type"]))

    def word(self, word: str) -> bytes:
        """Write a piece."""
        name = "content_block_delta"
        delta = {"type": "text_delta", "text": word}
        if self._tool is not None:
            delta = {"type": "input_json_delta", "partial_json": word}
        return _event({"type": name, "index": 0, "delta": delta}, name)

    def last(self, words: int) -> bytes:
        """Write the usage and the end."""
        ends: Value = {"type": "content_block_stop", "index": 0}
        delta = {"stop_reason": self._stop, "stop_sequence": None}
        told: Value = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": words}}
        stop: Value = {"type": "message_stop"}
        return b"".join(_event(value, str(value["type"])) for value in (ends, told, stop))

    @property
    def _stop(self) -> str:
        return "end_turn" if self._tool is None else "tool_use"

    def _use(self, handed: object) -> Value:
        return {"type": "tool_use", "id": "toolu_1", "name": self._tool, "input": handed}


SPEAKING: dict[str, Speaks] = {
    "/v1/chat/completions": Chat,
    "/v1/completions": Completion,
    "/v1/responses": Response,
    "/v1/messages": Message,
}


def _usage(words: int) -> Value:
    return {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": 1 + words}


def _used(words: int) -> Value:
    return {"input_tokens": 1, "output_tokens": words, "total_tokens": 1 + words}


def _event(value: Value, name: str = "") -> bytes:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(value)}\n\n".encode("ascii")
