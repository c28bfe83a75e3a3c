"""Chat completions as a program already holds them, parsed: what a limit withholds, and what it changes in them.

Law: what no limit names stays as it is; what no edit can carry is refused by the name of its part.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from answerable_gate.carrying import needed
from answerable_gate.judge import GatePolicy, Verdict
from answerable_gate.measures import Limit
from answerable_gate.spoken import spoken

# Each list of tools, and what speaks of it.
_TOOLS = {"tools": ("tool_choice", "parallel_tool_calls"), "functions": ("function_call",)}
# What brings a tool without naming one in a list.
_BRINGING = ("web_search_options", "mcp_servers", "container")
# What LiteLLM would add to a request, or ask another model instead, unseen by any limit.
_BEHIND = ("extra_body",)
_OTHER_MODELS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
_DOCUMENTS = ("vector_store_ids", "file_ids")
_FILE_TYPES = frozenset(("container_upload", "document", "file", "image", "image_file", "image_url", "input_file"))
_FILE_KEYS = frozenset(("attachments", "file", "file_data", "file_id", "file_ids", "file_url", "image_url"))
_NOTHING: tuple[object, ...] = (None, False, [], {}, "")


def tools_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the names of the tools that a request brings, "" for one that has none."""
    listed = [_name(tool) for key in _TOOLS for tool in data.get(key) or ()]
    return (*listed, *(key for key in _BRINGING if data.get(key) not in _NOTHING))


def withheld_in(data: Mapping[str, Any], verdict: Verdict) -> str | None:
    """Give the first part of a request that a verdict withholds, and that can be left out by who sends it."""
    if verdict.answer != "limit":
        return None
    withheld = list(_BEHIND)
    if verdict.models is not None:
        withheld += _OTHER_MODELS
    if Limit.NO_DOCUMENTS in verdict.limits:
        withheld += _DOCUMENTS
        if _has_file(data.get("messages")):
            withheld.append("messages")
    return next((key for key in withheld if data.get(key) not in _NOTHING), None)


def carry(data: MutableMapping[str, Any], verdict: Verdict, policy: GatePolicy, languages: str = "") -> None:
    """Change a request as the verdict asks; `languages` is the Accept-Language that it came with."""
    needs = needed(verdict)
    if "tools" in needs and verdict.tools is not None:
        _limit_tools(data, verdict.tools)
    if "store" in needs and "store" in data:
        data["store"] = False
    if "preamble" in needs and (words := spoken(verdict, policy, languages)):
        data["messages"] = [{"role": "system", "content": words}, *data.get("messages", ())]


def _limit_tools(data: MutableMapping[str, Any], allowed: Sequence[str]) -> None:
    for key, followers in _TOOLS.items():
        brought = data.get(key) or ()
        kept = [tool for tool in brought if _name(tool) in allowed]
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


def _name(tool: object) -> str:
    if not isinstance(tool, Mapping):
        return ""
    kind = tool.get("type", "function" if "function" in tool else None)
    if kind in ("function", "custom"):
        inner = tool.get(kind)
        name = inner.get("name") if isinstance(inner, Mapping) else None
    else:
        # A tool of the model's own host is named by its type; a bare function has none.
        name = kind if kind is not None else tool.get("name")
    return name if isinstance(name, str) else ""


def _has_file(value: object) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            if one.get("type") in _FILE_TYPES or any(one.get(key) not in _NOTHING for key in _FILE_KEYS):
                return True
            waiting.extend(one.values())
        elif isinstance(one, list | tuple):
            waiting.extend(one)
    return False
