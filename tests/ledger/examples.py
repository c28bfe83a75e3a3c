"""One example of every kind of fact, made from its fields; `python -m tests.ledger.examples` writes the golden file.

Law: the golden file changes only with a fact, and a changed line is a changed format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from answerable.core.facts import Fact
from answerable.ledger.codec import encode
from answerable.ledger.verify import canonical
from answerable_gate import Level, Limit, Shield, Standing

GOLDEN = Path(__file__).parents[1] / "golden" / "facts.jsonl"
KINDS: tuple[type, ...] = get_args(Fact)
AT = datetime(2026, 4, 10, 9, 30, 0, 120, tzinfo=UTC)
STANDING = Standing(
    Level.PAUSED,
    frozenset({Limit.NO_TOOLS, Limit.CARE}),
    frozenset({Shield("pe_2", ("Bea", "B.")), Shield("pe_1", ())}),
)


def example(kind: type, *, full: bool = True) -> Fact:
    """Return a fact of a kind: with everything that may be absent, or with nothing of it."""
    hints = get_type_hints(kind)
    fact: Fact = kind(**{one.name: _value(hints[one.name], one.name, full=full) for one in fields(kind)})
    return fact


def _value(hint: Any, name: str, *, full: bool) -> object:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) in (Union, UnionType):
        inner = next(one for one in get_args(hint) if one is not NoneType)
        return _value(inner, name, full=full) if full else None
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if isinstance(inner, type) and issubclass(inner, Enum):
            return tuple(inner) if full else ()
        if inner is int:
            return (2, 1) if full else ()
        return tuple(f"{_value(inner, name, full=full)}_{number}" for number in (2, 1)) if full else ()
    if issubclass(hint, Enum):
        return list(hint)[-1] if full else next(iter(hint))
    plain = {str: f"{name}-é", int: 7, bool: full, datetime: AT, Standing: STANDING if full else Standing()}
    return plain[hint]


def lines() -> Iterator[bytes]:
    """Yield each kind's golden lines."""
    for kind in KINDS:
        for full in (True, False):
            name, body = encode(example(kind, full=full))
            yield canonical({"kind": name, "body": body})


if __name__ == "__main__":
    GOLDEN.write_bytes(b"".join(line + b"\n" for line in lines()))
