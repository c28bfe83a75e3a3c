"""Conversations of an Anthropic export.

Law: words count wherever they stand, and a broken message costs itself alone.
"""

from typing import Any

import pytest

from answerable.ports.history import Message
from answerable.screen.exports import claude
from answerable.screen.exports.records import Unreadable


def said(number: int, text: str, sender: str = "human", **more: Any) -> dict[str, Any]:
    """Build one message."""
    return {"uuid": f"m{number}", "sender": sender, "text": text, "created_at": "2024-03-01T12:00:00.123456Z", **more}


def conversation(*messages: object, **more: Any) -> dict[str, Any]:
    """Build a conversation."""
    return {"uuid": "c1", "name": "", "created_at": "2024-03-01T12:00:00Z", "chat_messages": list(messages), **more}


def _texts(value: object) -> list[tuple[str, str, str]]:
    found = list(claude.read(value, "u1"))
    assert all(isinstance(message, Message) for message in found), found
    return [(m.role, m.kind, m.text) for m in found if isinstance(m, Message)]


def test_title_and_messages_are_read_in_order() -> None:
    """A conversation gives its name and its messages, each by its writer."""
    value = conversation(said(1, "hello"), said(2, "good day", "assistant"), name="A walk")
    assert _texts(value) == [
        ("assistant", "title", "A walk"),
        ("user", "message", "hello"),
        ("assistant", "message", "good day"),
    ]


@pytest.mark.parametrize(
    ("text", "blocks", "words"),
    [
        ("same", [{"type": "text", "text": "same"}], "same"),
        ("", [{"type": "text", "text": "one"}, {"type": "thinking", "thinking": "two"}], "one\ntwo"),
        ("shown", [{"type": "text", "text": "hidden"}], "shown\nhidden"),
        ("plain", [{"type": "tool_use", "input": {"q": 1}}], "plain"),
    ],
)
def test_text_and_blocks_are_both_words(text: str, blocks: list[object], words: str) -> None:
    """Where text and blocks differ both are read; where they agree once."""
    assert _texts(conversation(said(1, text, content=blocks))) == [("user", "message", words)]


def test_attachments_and_files_are_read() -> None:
    """An attachment is its name and its extracted words; a picture is known by its name."""
    message = said(
        1,
        "",
        attachments=[{"file_name": "letter.txt", "extracted_content": "dear"}, {"file_name": ""}],
        files=[{"file_name": "house.JPG"}, {"file_name": "plan.pdf"}, {}],
    )
    assert [found[1:] for found in _texts(conversation(message))] == [
        ("file", "letter.txt\ndear"),
        ("file", "file"),
        ("image", "house.JPG"),
        ("file", "plan.pdf"),
        ("file", "file"),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        7,
        {},
        said(1, "x", "wizard"),
        said(1, "x", created_at="noon"),
        said(1, "x", created_at="2024-03-01T12:00:00"),
        said(1, "x", content="text"),
        said(1, "x", content=[7]),
        said(1, "x", uuid=None),
        {**said(1, "x"), "text": ["x"]},
        said(1, "\udc00"),
        said(1, "x", files=[None]),
        said(1, "x", attachments=[{"file_name": 3}]),
    ],
)
def test_a_broken_message_costs_itself_alone(odd: object) -> None:
    """Wrong types, senders and dates are reported with their place, and the next message is read."""
    found = list(claude.read(conversation(odd, said(2, "sound")), "u1"))
    reasons = [error.reason for error in found if isinstance(error, Unreadable)]
    assert len(reasons) == 1
    assert "conversation c1, message 1" in reasons[0]
    assert isinstance(found[-1], Message)
    assert found[-1].text == "sound"


def test_a_broken_name_costs_itself_alone() -> None:
    """A name of the wrong type is reported, and the messages are read."""
    found = list(claude.read(conversation(said(1, "sound"), name=7), "u1"))
    assert isinstance(found[0], Unreadable)
    assert isinstance(found[1], Message)


@pytest.mark.parametrize("value", [[], {}, {"uuid": "c1", "chat_messages": {}}])
def test_what_is_no_conversation_is_unreadable(value: object) -> None:
    """A record without uuid or messages is refused as a whole."""
    with pytest.raises(Unreadable):
        list(claude.read(value, "u1"))
