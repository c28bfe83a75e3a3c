"""What a limit withholds inside of a conversation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from answerable.errors import BadInput
from answerable.gateway.bodies import read_members
from answerable.gateway.features import withheld_in
from answerable.gateway.routes import Talk
from answerable_gate import Level, Limit, Verdict
from answerable_gate.judge import GUARDED_LIMITS


def verdict(level: Level = Level.NONE, *limits: Limit, tools: Any = None, models: Any = None) -> Verdict:
    """Build a verdict that limits."""
    return Verdict("limit", level, frozenset(limits), frozenset(), tools, models, None, ())


GUARDED = verdict(Level.GUARDED, *GUARDED_LIMITS, tools=())
NO_DOCUMENTS = verdict(Level.NONE, Limit.NO_DOCUMENTS)
NO_MEMORY = verdict(Level.NONE, Limit.NO_MEMORY)
CARE = verdict(Level.NONE, Limit.CARE)


def found(talk: Talk, ruling: Verdict, body: Any = None, **asked: Any) -> str | None:
    """Look into a request."""
    return withheld_in(talk, read_members((body or json.dumps(asked)).encode()), ruling)


def turn(*parts: Any) -> list:
    """Build a conversation of one turn."""
    return [{"role": "user", "content": list(parts)}]


@pytest.mark.parametrize(
    ("key", "value", "ruling", "is_withheld"),
    [
        ("previous_response_id", "resp_1", NO_MEMORY, True),
        ("previous_response_id", None, NO_MEMORY, False),
        ("conversation", {"id": "conv_1"}, NO_MEMORY, True),
        ("previous_response_id", "resp_1", CARE, False),
        ("background", True, GUARDED, True),
        ("background", "yes", GUARDED, True),
        ("background", False, GUARDED, False),
        ("background", True, NO_MEMORY, False),
        ("prompt", {"id": "pmpt_1"}, GUARDED, True),
        ("prompt", {"id": "pmpt_1"}, verdict(models=("m1",)), True),
        ("prompt", {"id": "pmpt_1", "variables": {"a": {"type": "input_file"}}}, NO_DOCUMENTS, True),
        ("prompt", {"id": "pmpt_1"}, CARE, False),
        ("input", [{"type": "item_reference", "id": "msg_1"}], NO_MEMORY, True),
        ("input", [{"type": "item_reference", "id": "msg_1"}], NO_DOCUMENTS, False),
        ("input", "item_reference", NO_MEMORY, False),
    ],
)
def test_a_part_of_a_response_is_withheld(key: str, value: Any, ruling: Verdict, is_withheld: bool) -> None:
    """What was kept, what runs unseen, what brings unseen tools: each under its own limit and no other."""
    assert found("responses", ruling, **{key: value}) == (key if is_withheld else None)


@pytest.mark.parametrize(
    ("tool", "is_withheld"),
    [
        ({"type": "file_search", "vector_store_ids": ["vs_1"]}, True),
        ({"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}, True),
        ({"type": "code_interpreter", "container": {"type": "auto"}}, False),
        ({"type": "function", "name": "f", "parameters": {"properties": {"file_ids": {"type": "array"}}}}, False),
        ("file_search", False),
    ],
)
def test_files_that_a_tool_is_handed_are_withheld(tool: Any, is_withheld: bool) -> None:
    """Of a tool that stays: one off the list goes, and its files with it."""
    assert found("responses", NO_DOCUMENTS, tools=[tool]) == ("tools" if is_withheld else None)
    assert found("responses", GUARDED, tools=[tool]) is None
    assert found("responses", CARE, tools=[tool]) is None


@pytest.mark.parametrize(
    ("talk", "key", "part"),
    [
        ("chat", "messages", {"type": "image_url", "image_url": {"url": "data:x"}}),
        ("chat", "messages", {"type": "file", "file": {"file_id": "file-1"}}),
        ("chat", "messages", {"type": "text", "File_Id": "file-1"}),
        ("responses", "input", {"type": "input_file", "file_id": "file-1"}),
        ("responses", "input", {"type": "input_image", "image_url": "data:x"}),
        ("messages", "messages", {"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        ("messages", "messages", {"type": "image", "source": {"type": "base64"}}),
        ("messages", "messages", {"type": "tool_result", "content": [{"type": "image", "source": {}}]}),
    ],
)
def test_files_and_images_are_withheld(talk: Talk, key: str, part: dict) -> None:
    """Wherever they stand in the conversation; words about them are none."""
    assert found(talk, NO_DOCUMENTS, **{key: turn({"type": "text", "text": "Hi"}, part)}) == key
    assert found(talk, CARE, **{key: turn(part)}) is None
    assert found(talk, NO_DOCUMENTS, **{key: turn({"type": "text", "text": json.dumps(part)})}) is None


def test_a_key_that_stands_twice_hides_nothing() -> None:
    """Whichever of the two a model reads."""
    body = '{"messages":[{"content":[{"type":"image_url","type":"text","text":"x"}]}]}'
    assert found("chat", NO_DOCUMENTS, body) == "messages"


@pytest.mark.parametrize("body", ['{"input":' + "[" * 2000 + "]" * 2000 + "}"])
def test_what_cannot_be_looked_through_is_refused(body: str) -> None:
    """Depth is no hiding place."""
    with pytest.raises(BadInput):
        found("responses", GUARDED, body)


def test_an_ordinary_conversation_goes_on() -> None:
    """With tools, their calls and their results; an empty list of attachments is none."""
    call = {"id": "1", "type": "function", "function": {"name": "calculator", "arguments": "{}"}}
    turns = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "content": "4", "attachments": []}]
    assert found("chat", GUARDED, messages=turns) is None
    assert found("chat", GUARDED) is None
