"""How many files and images an exchange handed in or out, as far as it can be read here.

Law: what cannot be read is not known, and never none (L10).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from answerable.gateway.bodies import Members
from answerable.gateway.routes import (
    COMPLETIONS,
    EMBEDDINGS,
    FILES,
    IMAGES,
    SPEECH,
    STORED,
    TRANSCRIPTS,
    Route,
    Talk,
)
from answerable.gateway.talks import WRITTEN

_TYPES = frozenset((
    "container_file_citation", "container_upload", "document", "file", "image", "image_file", "image_generation_call",
    "image_url", "input_file", "input_image", "output_image",
))  # fmt: skip
_KEYS = ("b64_json", "file_data", "file_id", "file_url", "image_url", "partial_image_b64")
_LISTS = ("attachments", "file_ids")
# An answer in which none of these stands hands nothing out, and need not be read.
_MARKS = tuple(f'"{name}"'.encode() for name in (*_TYPES, *_KEYS, "url"))
# Each mark holds one of these, and most events none: a look for few costs less than one for all.
_HINTS = (b"file", b"image", b"document", b"container_upload", b"b64_json", b'"url"')
_WRITERS = frozenset(("assistant", "model"))


def handed_in(route: Route, method: str, path: bytes, members: Members | None) -> int | None:
    """Count what a request brings; of a conversation only what came since the model spoke last, for all is sent again.
    """
    if route.talk is not None and route.reads_body:
        return None if members is None else _brought(route.talk, members)
    if route in (COMPLETIONS, EMBEDDINGS, IMAGES, SPEECH, STORED):
        return 0
    if route is TRANSCRIPTS:
        return 1
    if route is FILES and (method != "POST" or path == b"/files"):
        return int(method == "POST")
    return None


def handed_out(route: Route, method: str, path: bytes, found: int | None) -> int | None:
    """Count what an answer brings; `found` is what was found in its text, None where that could not be read."""
    if route is SPEECH:
        return 1
    if route is FILES and method == "GET":
        return int(path.endswith(b"/content"))
    return 0 if route in (EMBEDDINGS, TRANSCRIPTS) else found


def names_of(data: bytes) -> list[str]:
    """Give a name for each file or image in a JSON text; what is told of twice has one name. Raise ValueError."""
    if not any(hint in data for hint in _HINTS) or not any(mark in data for mark in _MARKS):
        return []
    return [_name(one, number) for number, one in enumerate(_documents(json.loads(data), urls=True))]


def _brought(talk: Talk, members: Members) -> int | None:
    member = members.get(WRITTEN[talk].turns)
    try:
        turns = json.loads(member.value) if member is not None else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(turns, list):
        return 0 if isinstance(turns, str) else None
    spoken = [place for place, turn in enumerate(turns) if isinstance(turn, dict) and turn.get("role") in _WRITERS]
    return sum(1 for _ in _documents(turns[spoken[-1] + 1 if spoken else 0 :], urls=False))


def _documents(value: object, *, urls: bool) -> Iterator[Mapping[str, object]]:
    """Yield each object that is a file or an image; with `urls` also what a list of images gives as addresses."""
    waiting: list[tuple[object, bool]] = [(value, False)]
    while waiting:
        one, is_image = waiting.pop()
        if isinstance(one, list):
            waiting.extend((inner, is_image) for inner in one)
        elif isinstance(one, dict):
            if one.get("type") in _TYPES or any(one.get(key) for key in _KEYS) or (is_image and one.get("url")):
                yield one
                continue
            for key, inner in one.items():
                if key in _LISTS and isinstance(inner, list):
                    yield from ({"id": each} if isinstance(each, str) else {} for each in inner)
                else:
                    waiting.append((inner, urls and key == "data"))


def _name(one: Mapping[str, object], number: int) -> str:
    found = next((one[key] for key in ("id", "item_id", "file_id") if isinstance(one.get(key), str)), None)
    return str(found) if found is not None else f"{number}:{id(one)}"
