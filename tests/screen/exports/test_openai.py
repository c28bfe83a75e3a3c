"""Conversations of an OpenAI export.

Law: every branch counts, and a broken node costs itself alone.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable.ports.history import Message, MessageKind, Speaker
from answerable.screen.exports import openai
from answerable.screen.exports.records import Unreadable

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def node(name: str, text: str | None, *, parent: str | None = None, role: str = "user", **more: Any) -> dict[str, Any]:
    """Build one node of a mapping."""
    message = None
    if text is not None:
        content = more.pop("content", {"content_type": "text", "parts": [text]})
        message = {
            "id": f"m-{name}",
            "author": {"role": role},
            "create_time": AT.timestamp(),
            "content": content,
            **more,
        }
    return {"id": name, "message": message, "parent": parent, "children": []}


def conversation(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build a conversation whose children follow from the parents."""
    mapping = {found["id"]: found for found in nodes}
    for found in nodes:
        if found["parent"] in mapping:
            mapping[found["parent"]]["children"].append(found["id"])
    return {"conversation_id": "c1", "title": "A walk", "create_time": AT.timestamp(), "mapping": mapping, **more}


def _messages(value: object) -> list[Message]:
    found = list(openai.read(value, "u1"))
    assert all(isinstance(message, Message) for message in found), [getattr(f, "reason", f) for f in found]
    return [message for message in found if isinstance(message, Message)]


def _reasons(value: object) -> list[str]:
    return [found.reason for found in openai.read(value, "u1") if isinstance(found, Unreadable)]


def test_messages_come_parents_first_with_all_branches() -> None:
    """An edited message and its replacement are both read, each before what followed it."""
    told = _messages(
        conversation(
            node("root", None),
            node("a", "first try", parent="root"),
            node("b", "reply", parent="a", role="assistant"),
            node("c", "second try", parent="root"),
            current_node="c",
        )
    )
    assert [message.text for message in told] == ["A walk", "first try", "reply", "second try"]
    assert [message.role for message in told] == ["assistant", "user", "assistant", "user"]
    assert told[0].kind is MessageKind.TITLE
    assert {message.at for message in told} == {AT}
    assert {(message.account, message.conversation) for message in told} == {("u1", "c1")}


@given(
    st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(st.sampled_from("abcdefz"), st.lists(st.sampled_from("abcdefz")))
    )
)
def test_each_node_is_read_once_whatever_the_links_say(links: dict[str, tuple[str, list[str]]]) -> None:
    """Rings, orphans, shared children and links to nowhere neither loop nor lose a message."""
    mapping = {name: {**node(name, name), "parent": up, "children": down} for name, (up, down) in links.items()}
    told = list(openai.read({"id": "c1", "mapping": mapping}, "u1")) if mapping else []
    assert sorted(message.text for message in told if isinstance(message, Message)) == sorted(links)


def test_parts_that_are_not_text_are_files_and_images() -> None:
    """An image, a recording and an attachment are messages of their own kind; a transcript is text."""
    parts = [
        {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"},
        {"content_type": "audio_asset_pointer"},
        {"content_type": "audio_transcription", "text": "spoken"},
        None,
        "written",
    ]
    content = {"content_type": "multimodal_text", "parts": parts}
    metadata = {"attachments": [{"name": "list of names.pdf"}, {}]}
    told = _messages(conversation(node("a", "", content=content, metadata=metadata), title=None))
    assert [(message.kind, message.text) for message in told] == [
        ("message", "spoken\nwritten"),
        ("image", "file-service://x"),
        ("file", "audio_asset_pointer"),
        ("file", "list of names.pdf"),
        ("file", "file"),
    ]
    assert len({message.id for message in told}) == 5


def test_memories_and_custom_instructions_are_memories() -> None:
    """What the product remembers of a user is read as memory."""
    instructions = {
        "content_type": "user_editable_context",
        "user_profile": "lives north",
        "user_instructions": "short",
    }
    told = _messages(
        conversation(
            node("a", "", content=instructions),
            node("b", "remember her car", role="assistant", recipient="bio"),
            title="",
        )
    )
    assert [(message.kind, message.text) for message in told] == [
        ("memory", "lives north\nshort"),
        ("memory", "remember her car"),
    ]


def test_words_under_other_keys_are_read() -> None:
    """Code and the results of tools carry their words elsewhere than in parts."""
    code = {"content_type": "code", "text": "print(1)"}
    told = _messages(conversation(node("a", "", content=code, role="tool"), node("b", "", role="function"), title=None))
    assert [(message.role, message.text) for message in told] == [(Speaker.TOOL, "print(1)")]


def test_times_and_ids_that_are_missing_come_from_what_stands_around() -> None:
    """A message without time has its conversation's; a conversation without id has its first node's."""
    bare = node("a", "hello", id=None, create_time=None)
    found = conversation(bare, conversation_id=None, title=None)
    (told,) = _messages(found)
    assert (told.id, told.conversation, told.at) == ("a", "a", AT)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"author": None}, "author"),
        ({"author": {"role": "wizard"}}, "role"),
        ({"author": {"role": ["user"]}}, "role"),
        ({"content": "text"}, "content"),
        ({"content": {"parts": "text"}}, "parts"),
        ({"content": {"parts": [7]}}, "part"),
        ({"content": {"parts": ["\ud800"]}}, "surrogate"),
        ({"create_time": "noon"}, "create_time"),
        ({"create_time": 1e18}, "create_time"),
        ({"id": "x" * 999}, "id"),
        ({"metadata": {"attachments": [1]}}, "attachment"),
    ],
)
def test_a_broken_message_costs_itself_alone(change: dict[str, Any], word: str) -> None:
    """Wrong types, roles and dates are reported with their node, and the other messages are read."""
    value = conversation(node("a", "odd", **change), node("b", "sound"), title=None)
    (reason,) = _reasons(value)
    assert "c1" in reason
    assert "'a'" in reason
    assert word in reason
    assert "sound" in [message.text for message in openai.read(value, "u1") if isinstance(message, Message)]


def test_nodes_that_are_no_objects_are_reported() -> None:
    """A mapping of numbers and lists does not end the import."""
    assert len(_reasons({"id": "c1", "mapping": {"a": 1, "b": {"message": 7}}})) == 2


@pytest.mark.parametrize("title", [7, "\ud800"])
def test_a_broken_title_costs_itself_alone(title: object) -> None:
    """A title of the wrong type is reported, and the messages are read."""
    value = conversation(node("a", "sound"), title=title)
    assert len(_reasons(value)) == 1


def test_no_time_anywhere_is_reported() -> None:
    """A message whose time nobody wrote down is not given one."""
    value = conversation(node("a", "x", create_time=None), create_time=None)
    assert ["create_time is missing" in reason for reason in _reasons(value)] == [True, True]


@pytest.mark.parametrize("value", [7, {}, {"mapping": []}, {"mapping": {}}, {"id": 5, "mapping": {}}])
def test_what_is_no_conversation_is_unreadable(value: object) -> None:
    """A record without mapping or id is refused as a whole."""
    with pytest.raises(Unreadable):
        list(openai.read(value, "u1"))
