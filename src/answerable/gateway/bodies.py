"""The top-level keys of a JSON request, read without re-modelling it: each member keeps its bytes.

Law: what two readers could understand in two ways (a key twice, or in other letters) is refused.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import msgspec
from msgspec import DecodeError, Raw

from answerable.errors import BadInput
from answerable.gateway.routes import Api

IDENTITY_KEYS = ("safety_identifier", "user")  # the first that is there holds; `user` is its older name
IDENTITY_LENGTH_MAX = 1024
READ_KEYS = frozenset((
    *IDENTITY_KEYS, "user_id",
    "background", "container", "conversation", "function_call", "functions", "input", "instructions",
    "max_tool_calls", "mcp_servers", "messages", "metadata", "model", "parallel_tool_calls", "previous_response_id",
    "prompt", "store", "stream", "system", "tool_choice", "tools", "web_search_options",
))  # fmt: skip

Members = dict[str, "Member"]

_raws = msgspec.json.Decoder(dict[str, Raw])
_text = msgspec.json.Decoder(str)
# From the end of one value (or the start) to the start of the next.
_NEXT = re.compile(rb'[ \t\n\r]*[{,][ \t\n\r]*("(?:[^"\\]|\\.)*")[ \t\n\r]*:[ \t\n\r]*', re.DOTALL)
_END = re.compile(rb"[ \t\n\r]*\{?[ \t\n\r]*\}[ \t\n\r]*\Z")


class Member(NamedTuple):
    """One member: `written` is its bytes, key, colon and value; `value` the value's alone."""

    written: bytes
    value: bytes


def read_members(body: bytes) -> Members:
    """Read the members of a JSON object in order; raise BadInput where it is none or a key stands twice."""
    try:
        raws = _raws.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("The request body is not a JSON object.") from error
    members: Members = {}
    at = 0
    for key, raw in raws.items():
        # The decoder keeps the last of two equal keys. So what it gave is compared with what is really written.
        found = _NEXT.match(body, at)
        value = bytes(raw)
        if found is None or _key(found[1]) != key or not body.startswith(value, found.end()):
            raise _twice(key)
        at = found.end() + len(value)
        members[key] = Member(body[found.start(1) : at], value)
        # Go's decoder takes "User" for "user", and the long s for s: case folding finds what it would.
        if key not in READ_KEYS and key.casefold() in READ_KEYS:
            raise _twice(key)
    if _END.match(body, at) is None:
        raise _twice("")
    return members


def identity_of(members: Members, api: Api = "openai") -> str | None:
    """Give for whom the body says that it is made; raise BadInput where that is no text."""
    if api == "anthropic":
        metadata = members.get("metadata")
        if metadata is None or metadata.value == b"null":
            return None
        return _first(read_members(metadata.value), ("user_id",))
    return _first(members, IDENTITY_KEYS)


def _first(members: Members, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        identity = text_of(members, key)
        if identity:
            if len(identity) > IDENTITY_LENGTH_MAX:
                raise BadInput(f"'{key}' is longer than {IDENTITY_LENGTH_MAX} characters.")
            return identity
    return None


def text_of(members: Members, key: str) -> str | None:
    """Give a member that is a text, None where it is absent or null; raise BadInput where it is anything else."""
    member = members.get(key)
    if member is None or member.value == b"null":
        return None
    try:
        return _text.decode(member.value)
    except (DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"'{key}' must be a string.") from error


def _key(written: bytes) -> str:
    # json and not msgspec: the two agree on every key that the decoder has accepted, and this one needs no decoder.
    return written[1:-1].decode() if b"\\" not in written else str(json.loads(written))


def _twice(key: str) -> BadInput:
    return BadInput(f"The key {key!r:.80} stands twice, or is written in two ways.")
