"""What in a conversation a limit withholds and no edit can carry: files and images, what was kept, what runs unseen.

Law: the request is refused with the name of the part, so that its sender can send it without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from answerable.errors import BadInput
from answerable.gateway.bodies import Member, Members
from answerable.gateway.routes import Talk
from answerable.gateway.talks import TOOLS, WRITTEN
from answerable_gate import Level, Limit, Verdict

BACKGROUND = "background"
_NOTHING = frozenset((b"null", b"false"))
# By its type or by its keys; what two readers could see in two ways counts as soon as one of them would see it.
_FILE_TYPES = frozenset((
    "container_upload", "document", "file", "image", "image_file", "image_url", "input_file", "input_image",
))  # fmt: skip
_FILE_KEYS = frozenset(("attachments", "file", "file_data", "file_id", "file_ids", "file_url", "image_url"))
_TOOL_FILES = frozenset(("file_ids", "vector_store_ids"))
# Tools that the caller runs: what their schemas call their members is no file.
_CALLERS = ("function", "custom")
_KEPT_TYPES = frozenset(("item_reference",))

_Pairs = list[tuple[str, object]]


class _Object(_Pairs):
    """A JSON object with every pair that was written, also where a key stands twice."""


def withheld_in(talk: Talk, members: Members, verdict: Verdict) -> str | None:
    """Give the first part of a request that a verdict withholds; raise BadInput where it cannot be read."""
    written, limits = WRITTEN[talk], verdict.limits
    asked = [key for key, member in members.items() if member.value not in _NOTHING]
    withheld: set[str] = set()
    if verdict.level >= Level.GUARDED:
        withheld.add(BACKGROUND)
    if Limit.NO_MEMORY in limits:
        withheld.update(written.recalling)
    # A prompt that the upstream keeps brings tools, a model and files that nobody here has seen.
    if verdict.tools is not None or verdict.models is not None or Limit.NO_DOCUMENTS in limits:
        withheld.update(written.unseen)
    found = next((key for key in asked if key in withheld), None)
    if found is None and Limit.NO_DOCUMENTS in limits and _bring_files(members, verdict):
        return TOOLS
    if found is not None or written.turns not in members:
        return found
    types = (_FILE_TYPES if Limit.NO_DOCUMENTS in limits else frozenset()) | (
        _KEPT_TYPES if Limit.NO_MEMORY in limits else frozenset()
    )
    keys = _FILE_KEYS if Limit.NO_DOCUMENTS in limits else frozenset[str]()
    return written.turns if types and _has(_read(written.turns, members[written.turns]), types, keys) else None


def _bring_files(members: Members, verdict: Verdict) -> bool:
    """Say whether a tool of the upstream's own, which stays on the list, is handed files."""
    tools = _read(TOOLS, members[TOOLS]) if TOOLS in members else None
    listed = [tool for tool in tools if isinstance(tool, _Object)] if isinstance(tools, list) else []
    for tool in listed:
        kinds = [value for key, value in tool if key.casefold() == "type" and value not in _CALLERS]
        stays = verdict.tools is None or any(kind in verdict.tools for kind in kinds)
        if kinds and stays and _has([tool], frozenset(), _TOOL_FILES):
            return True
    return False


def _read(key: str, member: Member) -> object:
    try:
        return json.loads(member.value, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{key!r} cannot be read.") from error


def _has(value: object, types: frozenset[str], keys: frozenset[str]) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _Object):
            if any(_tells(key, inner, types, keys) for key, inner in one):
                return True
            waiting.extend(inner for _, inner in one)
        elif isinstance(one, list):
            waiting.extend(_items(one))
    return False


def _items(value: Iterable[object]) -> Iterable[object]:
    return (inner for inner in value if isinstance(inner, list))


def _tells(key: str, value: object, types: frozenset[str], keys: frozenset[str]) -> bool:
    key = key.casefold()
    return (key == "type" and isinstance(value, str) and value in types) or (key in keys and value not in (None, []))
