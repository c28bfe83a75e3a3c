"""A conversation of an Anthropic data export: a list of messages under `chat_messages`.

Law: words count wherever they stand: in the text, in a content block, or extracted from an attachment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from answerable.ports.history import Message, MessageKind, Speaker
from answerable.screen.exports.records import Unreadable, a_list, a_text, a_time, an_id, an_object, guarded, quoted

_ROLES = {"human": Speaker.USER, "assistant": Speaker.ASSISTANT}
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".heic", ".bmp", ".svg", ".tiff")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the text, the files and the images of one message share."""

    account: str
    conversation: str
    id: str
    role: Speaker
    at: datetime

    def message(self, suffix: str, text: str, kind: MessageKind) -> Message:
        return Message(
            account=self.account,
            conversation=self.conversation,
            id=self.id + suffix,
            role=self.role,
            text=text,
            at=self.at,
            kind=kind,
        )


def read(value: object, account: str) -> Iterator[Message | Unreadable]:
    """Yield the messages of one conversation, and what in it cannot be read."""
    found = an_object(value, "the conversation")
    conversation = an_id(found.get("uuid"), "uuid")
    said = a_list(found.get("chat_messages"), "chat_messages")
    yield from guarded(f"conversation {conversation}, name", _title(found, account, conversation))
    for number, message in enumerate(said, start=1):
        yield from guarded(f"conversation {conversation}, message {number}", _messages(message, account, conversation))


def _title(found: dict[str, object], account: str, conversation: str) -> Iterator[Message]:
    name = a_text(found.get("name") or "", "name")
    if name:
        # the model names conversations, so a title is not the subject's own text
        at = a_time(found.get("created_at"), "created_at")
        yield _Said(account, conversation, "title", Speaker.ASSISTANT, at).message("", name, MessageKind.TITLE)


def _messages(value: object, account: str, conversation: str) -> Iterator[Message]:
    message = an_object(value, "the message")
    role = _ROLES.get(str(message.get("sender")))
    if role is None:
        raise Unreadable(f"no such sender: {quoted(message.get('sender'))}")
    at = a_time(message.get("created_at"), "created_at")
    said = _Said(account, conversation, an_id(message.get("uuid"), "uuid"), role, at)
    text = a_text(message.get("text") or "", "text")
    blocks = "\n".join(_blocks(message))
    # the text repeats the blocks flattened; where it does not, both were said
    words = blocks if text.strip() in blocks else f"{text}\n{blocks}".strip()
    if words:
        yield said.message("", a_text(words, "the text"), MessageKind.MESSAGE)
    for number, (kind, content) in enumerate((*_attachments(message), *_files(message))):
        yield said.message(f":{number}", content, kind)


def _blocks(message: dict[str, object]) -> Iterator[str]:
    for block in a_list(message.get("content"), "content"):
        found = an_object(block, "a content block")
        # text, transcripts and thoughts; calls of tools and their results are the model's, not words of a person
        for key in ("text", "thinking"):
            if found.get(key) is not None:
                yield a_text(found[key], f"a block's {key}")


def _attachments(message: dict[str, object]) -> Iterator[tuple[MessageKind, str]]:
    for attachment in a_list(message.get("attachments"), "attachments"):
        found = an_object(attachment, "an attachment")
        name = a_text(found.get("file_name") or "file", "file_name")
        content = a_text(found.get("extracted_content") or "", "extracted_content")
        yield MessageKind.FILE, f"{name}\n{content}" if content else name


def _files(message: dict[str, object]) -> Iterator[tuple[MessageKind, str]]:
    for file in a_list(message.get("files"), "files"):
        name = a_text(an_object(file, "a file").get("file_name") or "file", "file_name")
        yield MessageKind.IMAGE if name.lower().endswith(_IMAGES) else MessageKind.FILE, name
