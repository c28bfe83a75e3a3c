"""Counting what was served."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.gateway.routes import Talk
from answerable.gateway.served import HELD_BYTES_MAX, READ_BYTES_MAX, Events, Served

pieces = st.lists(
    st.sampled_from([b"data: x", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b": c", b"data: {}\n\n"]), max_size=20
)


@given(pieces)
def test_events_pass_whole_and_nothing_is_lost(chunks: list[bytes]) -> None:
    """Each part ends where an event ends, and all parts together are what came."""
    events = Events()
    parts = [events.whole(chunk) for chunk in chunks]
    assert all(not part or part.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) for part in parts)
    assert b"".join(parts) + events.rest() == b"".join(chunks)
    assert events.rest() == b""


def test_an_endless_event_is_not_held_for_ever() -> None:
    """Beyond its limit it passes in pieces."""
    events = Events()
    assert events.whole(b"x" * HELD_BYTES_MAX) == b""
    assert events.whole(b"x") == b"x" * (HELD_BYTES_MAX + 1)


def count(*chunks: bytes, is_stream: bool = False, talk: Talk | None = None) -> tuple[int, str]:
    """Count a whole answer."""
    served = Served(is_stream=is_stream, talk=talk)
    for chunk in chunks:
        served.add(chunk)
    return served.tokens(), served.digest


def event(**value: object) -> bytes:
    """Write an event."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(text: str | None) -> dict:
    """Write a piece of an answer."""
    return {"choices": [{"delta": {"content": text}}]}


@pytest.mark.parametrize(
    ("chunks", "is_stream", "tokens"),
    [
        ([json.dumps({"usage": {"completion_tokens": 7, "total_tokens": 9}}).encode()], False, 7),
        ([json.dumps({"usage": {"output_tokens": 5}}).encode()], False, 5),
        ([json.dumps({"usage": {"completion_tokens": -3}}).encode()], False, 0),
        ([json.dumps({"choices": [{"message": {"content": "12345"}}]}).encode()], False, 2),
        ([json.dumps({"choices": [{"text": "1234"}]}).encode()], False, 1),
        ([b"12345678", b"9"], False, 3),
        ([b'{"choices": 1}'], False, 4),
        ([], False, 0),
        ([event(**delta("ab")), event(**delta(None)), event(**delta("cdef")), b"data: [DONE]\n\n"], True, 2),
        ([event(**delta("ab")), event(choices=[], usage={"completion_tokens": 11}) + b"data: [DONE]\n\n"], True, 11),
        ([event(**delta("ab")), event(choices=[], usage={"prompt_tokens": 11})], True, 1),
        ([b": ping\n\n", b"event: x\ndata: {\n\n"], True, 7),
    ],
)
def test_tokens_are_the_upstreams_or_a_fourth_of_the_characters(
    chunks: list[bytes], is_stream: bool, tokens: int
) -> None:
    """Whatever the shape, something served is never nothing counted."""
    assert count(*chunks, is_stream=is_stream) == (tokens, hashlib.sha256(b"".join(chunks)).hexdigest())


def test_a_huge_answer_is_counted_by_its_bytes() -> None:
    """It is not kept to be read."""
    assert count(b"x" * READ_BYTES_MAX, b"xxxx")[0] == READ_BYTES_MAX // 4 + 1


TEXT = [{"type": "text", "text": "12345"}, {"type": "thinking"}]
OUTPUT = [{"content": TEXT}, {"type": "reasoning"}]
DELTA = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "12345"}}


@pytest.mark.parametrize(
    ("talk", "chunks", "is_stream", "tokens"),
    [
        ("responses", [json.dumps({"output": OUTPUT, "usage": {"output_tokens": 6}}).encode()], False, 6),
        ("responses", [json.dumps({"output": OUTPUT, "usage": None}).encode()], False, 2),
        ("responses", [event(delta="abcd"), event(delta={"x": 1}), event(delta="e")], True, 2),
        ("responses", [event(delta="abcd"), event(response={"usage": {"output_tokens": 9}})], True, 9),
        ("responses", [event(delta="abcd"), event(response={"status": "in_progress"})], True, 1),
        ("messages", [json.dumps({"content": TEXT, "usage": {"output_tokens": 4}}).encode()], False, 4),
        ("messages", [json.dumps({"content": TEXT}).encode()], False, 2),
        ("messages", [event(message={"usage": {"output_tokens": 1}}), event(**DELTA), event(**DELTA)], True, 3),
        ("messages", [event(**DELTA), event(delta={"stop_reason": "end"}, usage={"output_tokens": 8})], True, 8),
    ],
)
def test_each_api_is_counted_as_it_counts(talk: Talk, chunks: list[bytes], is_stream: bool, tokens: int) -> None:
    """By its own usage, else by what was said; a usage given before anything was said is none."""
    assert count(*chunks, is_stream=is_stream, talk=talk)[0] == tokens
