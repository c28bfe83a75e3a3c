"""What a limit changes in a request: preamble before the messages, tools off the list removed, nothing stored.

Law: a member that no limit names keeps its bytes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

import msgspec
from msgspec import DecodeError, Raw

from answerable.errors import BadInput
from answerable.gateway.bodies import Member, Members
from answerable.gateway.routes import needed
from answerable_gate import GatePolicy, Verdict

TOOLS, FUNCTIONS, SEARCH = "tools", "functions", "web_search_options"
# What means nothing, or is refused by the model, once the tools that it speaks of are gone.
_FOLLOWING = {TOOLS: ("tool_choice", "parallel_tool_calls"), FUNCTIONS: ("function_call",)}
# The keys by which a tool is known; some readers find them in any case.
_TELLING = frozenset(("type", "function", "custom", "name"))
_raws = msgspec.json.Decoder(list[Raw])


def tools_of(members: Members) -> tuple[str, ...]:
    """Give the names of the tools that a request brings; one that cannot be named is called by no name at all."""
    named = [name for key in (TOOLS, FUNCTIONS) for _, name in _named(members, key)]
    return (*named, *((SEARCH,) if SEARCH in members else ()))


def carry(members: Members, verdict: Verdict, policy: GatePolicy) -> bytes:
    """Write the request anew, with everything that the verdict asks for; raise BadInput where it cannot be."""
    edited = dict(members)
    needs = needed(verdict)
    if "tools" in needs and verdict.tools is not None:
        _limit_tools(edited, verdict.tools)
    if "store" in needs:
        _put(edited, "store", b"false")
    if "preamble" in needs and policy.preamble:
        _put(edited, "messages", _preceded(members, policy.preamble))
    return b"{" + b",".join(member.written for member in edited.values()) + b"}"


def _put(members: Members, key: str, value: bytes) -> None:
    members[key] = Member(msgspec.json.encode(key) + b":" + value, value)


def _preceded(members: Members, preamble: str) -> bytes:
    messages = members.get("messages")
    if messages is None or not messages.value.startswith(b"["):
        raise BadInput("'messages' must be an array.")
    first = msgspec.json.encode({"role": "system", "content": preamble})
    rest = messages.value[1:]
    return b"[" + first + (b"" if rest.lstrip(b" \t\n\r") == b"]" else b",") + rest


def _limit_tools(members: Members, allowed: Collection[str]) -> None:
    for key in (TOOLS, FUNCTIONS):
        if key not in members:
            continue
        brought = _named(members, key)
        kept = [written for written, name in brought if name in allowed]
        if len(kept) == len(brought) and kept:
            continue
        _keep(members, key, kept)
    if SEARCH in members and SEARCH not in allowed:
        del members[SEARCH]


def _keep(members: Members, key: str, kept: list[bytes]) -> None:
    if kept:
        _put(members, key, b"[" + b",".join(kept) + b"]")
    else:
        del members[key]
    for follower in _FOLLOWING[key]:
        # A choice by name ("required" and the like are not) may be of a tool that is gone.
        if follower in members and (not kept or members[follower].value.startswith(b"{")):
            del members[follower]


def _named(members: Members, key: str) -> list[tuple[bytes, str]]:
    member = members.get(key)
    if member is None or member.value == b"null":
        return []
    try:
        listed = [bytes(raw) for raw in _raws.decode(member.value)]
    except (DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise BadInput(f"{key!r} must be an array.") from error
    return [(written, _name(written)) for written in listed]


def _name(written: bytes) -> str:
    """Give a tool's name, "" where two readers could see two different ones."""
    try:
        tool = json.loads(written, object_pairs_hook=_distinct)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(tool, dict):
        return ""
    kind = tool.get("type")
    if kind in ("function", "custom"):
        inner = tool.get(kind)
        name = inner.get("name") if isinstance(inner, dict) else None
    else:
        # A tool of the upstream's own is named by its type; a bare function has neither type nor "function".
        name = kind if kind is not None or "function" in tool else tool.get("name")
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
