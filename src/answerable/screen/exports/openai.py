"""A conversation of an OpenAI data export: a tree of nodes under `mapping`.

Law: every branch counts. What a user wrote and then edited away he wrote all the same: `current_node` is not followed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from answerable.ports.history import Message, MessageKind, Speaker
from answerable.screen.exports.records import Unreadable, a_list, a_text, an_epoch, an_id, an_object, guarded, quoted

_MEMORIES = frozenset({"user_editable_context", "model_editable_context"})
_ROLES = {role.value: role for role in Speaker} | {"function": Speaker.TOOL}
_MEMORY_TOOL = "bio"
_WORDS = ("text", "result", "user_profile", "user_instructions", "model_set_context")


@dataclass(frozen=True, slots=True)
class _Where:
    """What all messages of a conversation share."""

    account: str
    conversation: str
    at: datetime | None


def read(value: object, account: str) -> Iterator[Message | Unreadable]:
    """Yield the messages of one conversation, and what in it cannot be read."""
    found = an_object(value, "the conversation")
    mapping = an_object(found.get("mapping"), "mapping")
    # exports before 2023 carry no conversation_id, the oldest no id either: the first node is as unique
    given = found.get("conversation_id") or found.get("id") or next(iter(mapping), None)
    created = found.get("create_time")
    where = _Where(
        account=account,
        conversation=an_id(given, "conversation_id"),
        at=None if created is None else an_epoch(created, "create_time"),
    )
    yield from guarded(f"conversation {where.conversation}, title", _title(found.get("title"), where))
    for name in _walk(mapping):
        place = f"conversation {where.conversation}, node {quoted(name)}"
        yield from guarded(place, _messages(mapping[name], name, where))


def _title(title: object, where: _Where) -> Iterator[Message]:
    if title is not None and title != "":
        # the model names conversations, so a title is not the subject's own text
        yield _message(where, "title", Speaker.ASSISTANT, a_text(title, "title"), _time(None, where), MessageKind.TITLE)


def _walk(mapping: dict[str, object]) -> Iterator[str]:
    """Yield every node once, parents before children, whatever the tree's links claim."""
    seen: set[str] = set()
    roots = [name for name, node in mapping.items() if _parent(node) not in mapping]
    # whatever no root leads to (a ring of parents) comes last, in the order of the file
    for start in (*roots, *mapping):
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                yield name
                waiting.extend(reversed(_children(mapping[name], mapping)))


def _parent(node: object) -> object:
    parent = node.get("parent") if isinstance(node, dict) else None
    return parent if isinstance(parent, str) else None


def _children(node: object, mapping: dict[str, object]) -> list[str]:
    children = node.get("children") if isinstance(node, dict) else None
    listed = children if isinstance(children, list) else []
    return [child for child in listed if isinstance(child, str) and child in mapping]


def _messages(node: object, name: str, where: _Where) -> Iterator[Message]:
    said = an_object(node, "the node").get("message")
    if said is None:  # the root of every tree is empty
        return
    message = an_object(said, "message")
    author = an_object(message.get("author"), "author")
    role = _ROLES.get(str(author.get("role")))
    if role is None:
        raise Unreadable(f"no such role: {quoted(author.get('role'))}")
    content = an_object(message.get("content"), "content")
    is_memory = content.get("content_type") in _MEMORIES or message.get("recipient") == _MEMORY_TOOL
    identity = an_id(message.get("id") or name, "id")
    at = _time(message.get("create_time"), where)
    words, assets = _parts(content)
    text = a_text("\n".join(words), "the text")
    if text:
        kind = MessageKind.MEMORY if is_memory else MessageKind.MESSAGE
        yield _message(where, identity, role, text, at, kind)
    for number, (kind, asset) in enumerate((*assets, *_attachments(message))):
        yield _message(where, f"{identity}:{number}", role, asset, at, kind)


def _message(where: _Where, identity: str, role: Speaker, text: str, at: datetime, kind: MessageKind) -> Message:
    return Message(
        account=where.account, conversation=where.conversation, id=identity, role=role, text=text, at=at, kind=kind
    )


def _time(value: object, where: _Where) -> datetime:
    if value is not None:
        return an_epoch(value, "create_time")
    if where.at is None:
        raise Unreadable("create_time is missing")
    return where.at


def _parts(content: dict[str, object]) -> tuple[list[str], list[tuple[MessageKind, str]]]:
    """Return the words of a content and the assets that are not words."""
    words: list[str] = []
    assets: list[tuple[MessageKind, str]] = []
    for part in a_list(content.get("parts"), "parts"):
        if isinstance(part, str):
            words.append(part)
        elif isinstance(part, dict):
            _part(part, words, assets)
        elif part is not None:
            raise Unreadable("a part is neither text nor object")
    # code, tool output, thoughts and memories carry their words under keys of their own
    words.extend(a_text(content[key], key) for key in _WORDS if isinstance(content.get(key), str))
    return [word for word in words if word], assets


def _part(part: dict[str, object], words: list[str], assets: list[tuple[MessageKind, str]]) -> None:
    kind = str(part.get("content_type"))
    if isinstance(part.get("text"), str):  # the transcript of what was spoken
        words.append(a_text(part["text"], "text"))
        return
    pointer = part.get("asset_pointer")
    name = a_text(pointer if isinstance(pointer, str) else kind, "asset_pointer")
    assets.append((MessageKind.IMAGE if kind.startswith("image") else MessageKind.FILE, name))


def _attachments(message: dict[str, object]) -> Iterator[tuple[MessageKind, str]]:
    metadata = message.get("metadata")
    attached = metadata.get("attachments") if isinstance(metadata, dict) else None
    for attachment in a_list(attached, "attachments"):
        name = an_object(attachment, "an attachment").get("name")
        yield MessageKind.FILE, a_text("file" if name is None else name, "an attachment's name")
