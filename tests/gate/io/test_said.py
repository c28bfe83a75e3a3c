"""What is counted of an answer that somebody else has parsed."""

from __future__ import annotations

import hashlib
import json
from types import SimpleNamespace as Object
from typing import Any

import pytest

from answerable_gate.io.rows import Count
from answerable_gate.io.said import count

CALL = Object(function=Object(arguments='{"a":1}'))
EVENTS = b'event: x\ndata: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}\n\n'
USAGE = b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}\n\n'


class Counting(Count):
    """Counts what an exchange would."""

    said = ""

    def add(self, piece: Any) -> None:
        self.said += piece
        super().add(piece)


@pytest.mark.parametrize(
    ("piece", "text", "tokens"),
    [
        (Object(choices=[Object(message=Object(content="Hi"))], usage=Object(completion_tokens=3)), "Hi", 3),
        (Object(choices=[Object(delta=Object(content=None, tool_calls=[CALL]))]), '{"a":1}', None),
        (Object(choices=[Object(text="Hi")], usage=Object(completion_tokens=0)), "Hi", None),
        (Object(choices=[]), "", None),
        (Object(type="response.output_text.delta", delta="Hi"), "Hi", None),
        (Object(type="response.completed", response=Object(usage=Object(output_tokens=5))), "", 5),
        (EVENTS, "Hi", None),
        (EVENTS.decode() + USAGE.decode(), "Hi", 7),
        (b"data: [DONE\n\n", "data: [DONE", None),
        ({"type": "message", "usage": {"output_tokens": 9}}, None, 9),
        (Object(data=[1], model_dump_json=lambda: "[1]"), "[1]", None),
    ],
)
def test_text_is_counted_by_its_place(piece: Any, text: str | None, tokens: int | None) -> None:
    """And the model's own count is taken where it says one."""
    counting: Any = Counting()
    count(counting, piece)
    expected = json.dumps(piece) if text is None else text
    assert (counting.said, counting.tokens) == (expected, tokens)
    assert counting.served(complete=True).digest == hashlib.sha256(expected.encode()).hexdigest()
