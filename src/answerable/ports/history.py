"""The port to retained conversations: what was said, so that a notice makes the system look back.

Law: an absent history is NotKnown, one that breaks off raises HistoryCut; neither ever reads as an empty one (L10).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from answerable.errors import AnswerableError
from answerable.ports.unknown import NotKnown


class Speaker(StrEnum):
    """Who wrote a message: the subject (user), the model, the operator's own prompt, or a tool."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class MessageKind(StrEnum):
    """What a message is; a threat can stand in a title, a memory or a file name as well (R14)."""

    MESSAGE = "message"
    TITLE = "title"
    MEMORY = "memory"
    FILE = "file"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing said or handed over in a conversation.

    `text` is the words. For a file or an image it is the name and, where its words could be had, a newline and those.
    """

    account: str
    conversation: str
    id: str
    role: Speaker
    text: str
    at: datetime
    kind: MessageKind = MessageKind.MESSAGE


class HistoryCut(AnswerableError):
    """The history breaks off here: some of it was lost, skipped or could not be read."""

    code = "history_cut"
    status = 502


class History(Protocol):
    """The operator's retained conversations."""

    def fetch(self, account: str, *, since: datetime | None = None) -> Iterator[Message] | NotKnown:
        """Return the account's messages from `since` on, in the order written within each conversation.

        The iterator raises HistoryCut, after all it could read, where anything is missing.
        """
