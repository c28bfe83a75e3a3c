"""Conversations as a program already holds them, parsed: what a limit withholds, and what it changes in them.

Law: what no limit names stays as it is; what no edit can carry is refused by the name of its part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from answerable_gate.carrying import needed
from answerable_gate.judge import GatePolicy, Verdict
from answerable_gate.measures import Level, Limit
from answerable_gate.spoken import spoken

Data = MutableMapping[str, Any]

# What brings a tool without naming one in a list.
_BRINGING = ("web_search_options", "mcp_servers", "container")
# What LiteLLM would add to a request, or ask another model instead, unseen by any limit.
_BEHIND = ("extra_body",)
_OTHER_MODELS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_DOCUMENTS = ("vector_store_ids", "file_ids")
_FILE_TYPES = frozenset((
    "container_upload", "document", "file", "image", "image_file", "image_url", "input_file", "input_image",
))  # fmt: skip
_FILE_KEYS = frozenset(("attachments", "file", "file_data", "file_id", "file_ids", "file_url", "image_url"))
_KEPT_TYPES = frozenset(("item_reference",))
_NOTHING: tuple[object, ...] = (None, False, [], {}, "")


def _first_message(data: Data, words: str) -> None:
    data["messages"] = [{"role": "system", "content": words}, *data.get("messages", ())]


def _first_instruction(data: Data, words: str) -> None:
    own = data.get("instructions")
    data["instructions"] = f"{words}\n\n{own}" if own else words


def _first_system(data: Data, words: str) -> None:
    own = data.get("system")
    blocks = own if isinstance(own, list) else [{"type": "text", "text": own}] if own else []
    data["system"] = [{"type": "text", "text": words}, *blocks]


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How one API writes a conversation.

    `turns` is its key; `lists` are the lists of tools, each with what speaks of it; `recalling` leads back to what was
    kept; `unseen` brings what is not in the request; `precede` puts words before everything else.
    """

    turns: str
    precede: Callable[[Data, str], None]
    lists: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"tools": ("tool_choice", "parallel_tool_calls", "max_tool_calls")}
    )
    recalling: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    flat_tools: bool = True


CHAT = Talk(
    turns="messages",
    precede=_first_message,
    lists={"tools": ("tool_choice", "parallel_tool_calls"), "functions": ("function_call",)},
    flat_tools=False,
)
RESPONSES = Talk(
    turns="input",
    precede=_first_instruction,
    recalling=("previous_response_id", "conversation"),
    unseen=("prompt",),
)
MESSAGES = Talk(turns="messages", precede=_first_system)


def tools_of(talk: Talk, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the names of the tools that a request brings, "" for one that has none."""
    listed = [_name(talk, tool) for key in talk.lists for tool in data.get(key) or ()]
    return (*listed, *(key for key in _BRINGING if data.get(key) not in _NOTHING))


def withheld_in(talk: Talk, data: Mapping[str, Any], verdict: Verdict) -> str | None:
    """Give the first part of a request that a verdict withholds, and that can be left out by who sends it."""
    if verdict.answer != "limit":
        return None
    withheld, types, keys = list(_BEHIND), frozenset[str](), frozenset[str]()
    if verdict.level >= Level.GUARDED:
        withheld.append("background")
    if verdict.models is not None:
        withheld += _OTHER_MODELS
    if verdict.models is not None or verdict.tools is not None or Limit.NO_DOCUMENTS in verdict.limits:
        withheld += talk.unseen
    if Limit.NO_MEMORY in verdict.limits:
        withheld += talk.recalling
        types |= _KEPT_TYPES
    if Limit.NO_DOCUMENTS in verdict.limits:
        withheld += _DOCUMENTS
        types, keys = types | _FILE_TYPES, _FILE_KEYS
    if _has(data.get(talk.turns), types, keys):
        withheld.append(talk.turns)
    return next((key for key in withheld if data.get(key) not in _NOTHING), None)


def carry(talk: Talk, data: Data, verdict: Verdict, policy: GatePolicy, languages: str = "") -> None:
    """Change a request as the verdict asks; `languages` is the Accept-Language that it came with."""
    needs = needed(verdict)
    if "tools" in needs and verdict.tools is not None:
        _limit_tools(talk, data, verdict.tools)
    if "store" in needs and (talk is RESPONSES or "store" in data):
        data["store"] = False
    if "preamble" in needs and (words := spoken(verdict, policy, languages)):
        talk.precede(data, words)


def _limit_tools(talk: Talk, data: Data, allowed: Sequence[str]) -> None:
    for key, followers in talk.lists.items():
        brought = data.get(key) or ()
        kept = [tool for tool in brought if _name(talk, tool) in allowed]
        if len(kept) == len(brought):
            continue
        if kept:
            data[key] = kept
        else:
            del data[key]
        for follower in followers:
            # A choice by name may be of a tool that is gone.
            if not kept or isinstance(data.get(follower), Mapping):
                data.pop(follower, None)
    for key in _BRINGING:
        if key not in allowed:
            data.pop(key, None)


def _name(talk: Talk, tool: object) -> str:
    if not isinstance(tool, Mapping):
        return ""
    kind = tool.get("type", "function" if "function" in tool else None)
    if kind not in ("function", "custom"):
        # A tool of the model's own host is named by its type; a bare function has none.
        name = kind if kind is not None else tool.get("name")
    elif talk.flat_tools:
        name = None if kind in tool else tool.get("name")
    else:
        inner = tool.get(kind)
        name = inner.get("name") if isinstance(inner, Mapping) else None
    return name if isinstance(name, str) else ""


def _has(value: object, types: frozenset[str], keys: frozenset[str]) -> bool:
    waiting = [value] if types else []
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if one.get("type") in types or any(one.get(key) not in _NOTHING for key in keys):
                return True
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return False
