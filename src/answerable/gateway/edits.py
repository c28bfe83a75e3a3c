"""What a limit changes in a request: preamble before the messages, tools off the list removed, nothing stored.

Law: a member that no limit names keeps its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable

import msgspec
from msgspec import DecodeError, Raw

from answerable.errors import BadInput
from answerable.gateway.bodies import IDENTITY_KEYS, Member, Members, read_members, text_of
from answerable.gateway.routes import Api, Talk
from answerable.gateway.talks import WRITTEN
from answerable_gate import GatePolicy, Verdict
from answerable_gate.carrying import needed
from answerable_gate.spoken import spoken

# The keys by which a tool is known; some readers find them in any case.
_TELLING = frozenset(("type", "function", "custom", "name"))
_raws = msgspec.json.Decoder(list[Raw])


def tools_of(talk: Talk, members: Members) -> tuple[str, ...]:
    """Give the names of the tools that a request brings; one that cannot be named is called by no name at all."""
    written = WRITTEN[talk]
    named = [name for key in written.lists for _, name in _named(talk, members, key)]
    return (*named, *(key for key in written.bringing if key in members))


def carry(talk: Talk, members: Members, verdict: Verdict, policy: GatePolicy, languages: str = "") -> bytes:
    """Write the request anew, with everything that the verdict asks for; raise BadInput where it cannot be.

    `languages` is the Accept-Language that it came with.
    """
    edited = dict(members)
    needs = needed(verdict)
    if "tools" in needs and verdict.tools is not None:
        _limit_tools(talk, edited, verdict.tools)
    if "store" in needs and WRITTEN[talk].stores:
        _put(edited, "store", b"false")
    if "preamble" in needs and (words := spoken(verdict, policy, languages)):
        key, value = _PRECEDED[talk](members, words)
        _put(edited, key, value)
    return b"{" + b",".join(member.written for member in edited.values()) + b"}"


def identified(body: bytes, alias: str, api: Api) -> bytes:
    """Name the account to the model where the request names nobody; what cannot be read is for the model to refuse."""
    try:
        members = read_members(body)
    except BadInput:
        return body
    if api == "anthropic":
        if "metadata" in members:
            return body
        name = msgspec.json.encode({"metadata": {"user_id": alias}})
    elif any(key in members for key in IDENTITY_KEYS):
        return body
    else:
        name = msgspec.json.encode({"safety_identifier": alias})
    return body.rstrip()[:-1] + (b"," if members else b"") + name[1:]


def _put(members: Members, key: str, value: bytes) -> None:
    members[key] = Member(msgspec.json.encode(key) + b":" + value, value)


def _first_message(members: Members, preamble: str) -> tuple[str, bytes]:
    messages = members.get("messages")
    if messages is None or not messages.value.startswith(b"["):
        raise BadInput("'messages' must be an array.")
    return "messages", _before(msgspec.json.encode({"role": "system", "content": preamble}), messages.value)


def _first_instruction(members: Members, preamble: str) -> tuple[str, bytes]:
    own = text_of(members, "instructions")
    return "instructions", msgspec.json.encode(f"{preamble}\n\n{own}" if own else preamble)


def _first_system(members: Members, preamble: str) -> tuple[str, bytes]:
    own = members.get("system")
    if own is not None and own.value.startswith(b"["):
        return "system", _before(msgspec.json.encode({"type": "text", "text": preamble}), own.value)
    said = [preamble, text] if (text := text_of(members, "system")) else [preamble]
    return "system", msgspec.json.encode([{"type": "text", "text": one} for one in said])


_PRECEDED: dict[Talk, Callable[[Members, str], tuple[str, bytes]]] = {
    "chat": _first_message,
    "responses": _first_instruction,
    "messages": _first_system,
}


def _before(first: bytes, written: bytes) -> bytes:
    rest = written[1:]
    return b"[" + first + (b"" if rest.lstrip(b" \t\n\r") == b"]" else b",") + rest


def _limit_tools(talk: Talk, members: Members, allowed: Collection[str]) -> None:
    written = WRITTEN[talk]
    for key, followers in written.lists.items():
        if key not in members:
            continue
        brought = _named(talk, members, key)
        kept = [tool for tool, name in brought if name in allowed]
        if len(kept) == len(brought) and kept:
            continue
        _keep(members, key, kept, followers)
    for key in written.bringing:
        if key in members and key not in allowed:
            del members[key]


def _keep(members: Members, key: str, kept: list[bytes], followers: Iterable[str]) -> None:
    if kept:
        _put(members, key, b"[" + b",".join(kept) + b"]")
    else:
        del members[key]
    for follower in followers:
        # A choice by name ("required" and the like are not) may be of a tool that is gone.
        if follower in members and (not kept or members[follower].value.startswith(b"{")):
            del members[follower]


def _named(talk: Talk, members: Members, key: str) -> list[tuple[bytes, str]]:
    member = members.get(key)
    if member is None or member.value == b"null":
        return []
    try:
        listed = [bytes(raw) for raw in _raws.decode(member.value)]
    except (DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise BadInput(f"{key!r} must be an array.") from error
    is_flat = WRITTEN[talk].flat_tools
    return [(written, _name(written, is_flat=is_flat)) for written in listed]


def _name(written: bytes, *, is_flat: bool) -> str:
    """Give a tool's name, "" where two readers could see two different ones."""
    try:
        tool = json.loads(written, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(tool, dict):
        return ""
    kind = tool.get("type")
    if kind not in ("function", "custom"):
        # A tool of the upstream's own is named by its type; a bare function has neither type nor "function".
        name = kind if kind is not None or "function" in tool else tool.get("name")
    elif is_flat:
        name = None if kind in tool else tool.get("name")
    else:
        inner = tool.get(kind)
        name = inner.get("name") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else ""


def _distinct(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    members: dict[str, object] = {}
    for key, value in pairs:
        folded = key.casefold()
        told = folded if folded in _TELLING else key
        if told in members:
            raise ValueError("a key stands twice")
        members[told] = value
    return members
