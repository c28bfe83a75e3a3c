"""The text in an answer, or a piece of one, as LiteLLM hands it to a guardrail: objects, dictionaries, events in bytes.

What has a known place for text is counted by it; what has none, by the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from answerable_gate.io.client import Exchange

_EVENT = "data:"
# Where an API writes the model's own count.
_COUNTS = ("completion_tokens", "output_tokens")


def count(exchange: Exchange, piece: object) -> None:
    """Count an answer, or a piece of it, as handed over."""
    for one in _parts(piece):
        exchange.add(_text(one))
        # At the end of a stream of events it stands in the answer that they were of.
        for counted in (_get(one, "usage"), _get(_get(one, "response"), "usage")):
            tokens = next((found for key in _COUNTS if isinstance(found := _get(counted, key), int)), 0)
            if tokens:
                exchange.tokens = tokens


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)


def _list(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()


def _parts(piece: object) -> Iterator[object]:
    """Give a piece, and of bytes the events in them, where they can be read."""
    text = piece.decode("utf-8", "replace") if isinstance(piece, bytes) else piece
    if not isinstance(text, str):
        yield piece
        return
    for line in text.splitlines():
        if line.startswith(_EVENT):
            try:
                yield json.loads(line.removeprefix(_EVENT))
            except ValueError:
                yield line


def _text(one: object) -> str:
    if isinstance(one, str):
        return one
    if (choices := _get(one, "choices")) is not None:
        return "".join(_in_choice(choice) for choice in _list(choices))
    kind, delta = _get(one, "type"), _get(one, "delta")
    if isinstance(kind, str) and ("." in kind or "_" in kind):  # an event, as the newer APIs name them
        return delta if isinstance(delta, str) else str(_get(delta, "text") or _get(delta, "partial_json") or "")
    dump = getattr(one, "model_dump_json", None)
    return str(dump()) if dump is not None else json.dumps(one, default=str)


def _in_choice(choice: object) -> str:
    message = _get(choice, "message") or _get(choice, "delta")
    calls = [_get(call, "function") for call in _list(_get(message, "tool_calls"))]
    said = (_get(choice, "text"), _get(message, "content"), *(_get(call, "arguments") for call in calls))
    return "".join(str(one) for one in said if one)
