"""How the stand-in writes an answer in each API: whole, or event by event."""

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


Speaks = Callable[[object, int], Says]


class Chat:
    """`/v1/chat/completions`."""

    def __init__(self, model: object, number: int) -> None:
        """Take the model that was asked for, and which answer this is."""
        self._head: Value = {"id": f"standin-{number}", "created": 0, "model": model, "system_fingerprint": NAME}

    def whole(self, text: str) -> Value:
        """Write a completion."""
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": _usage(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write nothing."""
        return b""

    def word(self, word: str) -> bytes:
        """Write a chunk."""
        return _event(self._chunk({"content": word}))

    def last(self, words: int) -> bytes:
        """Write the usage and the end."""
        return _event(self._chunk({}) | {"usage": _usage(words)}) + b"data: [DONE]\n\n"

    def _chunk(self, delta: Value) -> Value:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
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

    def __init__(self, model: object, number: int) -> None:
        """Take the model that was asked for, and which answer this is."""
        self._id = f"resp_standin{number:08}"
        self._model = model
        self._text = ""
        self._count = 0

    def whole(self, text: str) -> Value:
        """Write a response."""
        part: Value = {"type": "output_text", "text": text, "annotations": []}
        item: Value = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
        return self._response("completed", [item | {"content": [part]}]) | {"usage": _used(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write that it begins."""
        return self._named("response.created", {"response": self._response("in_progress", [])})

    def word(self, word: str) -> bytes:
        """Write a piece."""
        self._text += word
        at: Value = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
        return self._named("response.output_text.delta", at | {"delta": word})

    def last(self, words: int) -> bytes:
        """Write the whole once more."""
        return self._named("response.completed", {"response": self.whole(self._text) | {"usage": _used(words)}})

    def _response(self, status: str, output: list[Value]) -> Value:
        told: Value = {"id": self._id, "object": "response", "created_at": 0, "model": self._model, "status": status}
        held: Value = {"error": None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
        return told | held | {"output": output, "metadata": {"stand_in": NAME}}

    def _named(self, name: str, value: Value) -> bytes:
        self._count += 1
        return _event({"type": name, "sequence_number": self._count} | value, name)


class Message:
    """`/v1/messages`."""

    def __init__(self, model: object, number: int) -> None:
        """Take the model that was asked for, and which answer this is."""
        self._head: Value = {"id": f"msg_standin{number}", "type": "message", "role": "assistant", "model": model}
        self._head |= {"stop_sequence": None, "stand_in": NAME}

    def whole(self, text: str) -> Value:
        """Write a message."""
        content = [{"type": "text", "text": text}]
        return self._head | {"content": content, "stop_reason": "end_turn", "usage": _used(len(text.split(" ")))}

    def first(self) -> bytes:
        """Write that it begins."""
        begun = self._head | {"content": [], "stop_reason": None, "usage": _used(1)}
        block: Value = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        return _event({"type": "message_start", "message": begun}, "message_start") + _event(block, str(block["type"]))

    def word(self, word: str) -> bytes:
        """Write a piece."""
        name = "content_block_delta"
        return _event({"type": name, "index": 0, "delta": {"type": "text_delta", "text": word}}, name)

    def last(self, words: int) -> bytes:
        """Write the usage and the end."""
        ends: Value = {"type": "content_block_stop", "index": 0}
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        told: Value = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": words}}
        stop: Value = {"type": "message_stop"}
        return b"".join(_event(value, str(value["type"])) for value in (ends, told, stop))


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
