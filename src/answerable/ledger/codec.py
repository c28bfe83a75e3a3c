"""The codec: a fact and the kind and body under which it is stored; forms are worked out once, at import.

Law: what is written can be read, and what is read was written so; a word nobody here knows is a newer program's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints

from answerable.core.facts import ActId, ActorId, Fact, Recorded, StreamId
from answerable.edge import parse_time, rfc3339
from answerable.errors import BadInput, Corrupt, NewerVersion
from answerable.ledger import entries
from answerable_gate import Malformed, Standing
from answerable_gate.entry import decode_standing, encode_standing

Write = Callable[[Any], Any]
Read = Callable[[Any], Any]


class _Form(NamedTuple):
    """How one type is written and read; `write` is None where the value goes as it is."""

    write: Write | None
    read: Read


class _Shape(NamedTuple):
    """One kind of fact: its class, its fields in order, and those that an older entry may lack."""

    kind: type
    forms: tuple[tuple[str, _Form], ...]
    names: frozenset[str]
    optional: frozenset[str]


def encode(fact: Fact) -> tuple[str, dict[str, Any]]:
    """Return the kind and the body of a fact. Raise BadInput where no reader would take its standing."""
    shape = _SHAPES[type(fact).__name__]
    body = {
        name: getattr(fact, name) if form.write is None else form.write(getattr(fact, name))
        for name, form in shape.forms
    }
    return shape.kind.__name__, body


def decode(kind: str, body: dict[str, Any]) -> Fact:
    """Return the fact of a kind and body.

    Raise NewerVersion for a kind, field or word unknown here, Corrupt for a body that was never written so.
    """
    shape = _SHAPES.get(kind)
    if shape is None or not body.keys() <= shape.names:
        raise NewerVersion(f"a fact of kind {kind} was written by a newer program")
    try:
        values = {
            name: form.read(body[name]) for name, form in shape.forms if name in body or name not in shape.optional
        }
    except KeyError as missing:
        raise Corrupt(f"a fact of kind {kind} lacks {missing}") from missing
    except (TypeError, ValueError, BadInput) as fault:
        raise Corrupt(f"a fact of kind {kind} cannot be read: {fault}") from fault
    fact: Fact = shape.kind(**values)
    return fact


def write_entry(recorded: Recorded, *, prev: str, origin: str) -> bytes:
    """Return the bytes of a fact as the ledger keeps it; `prev` is the hex leaf hash of its stream's entry before."""
    kind, body = encode(recorded.fact)
    envelope = entries.Envelope(
        stream=recorded.stream,
        seq=recorded.seq,
        prev=prev,
        act=recorded.act,
        at=recorded.at,
        by=recorded.by,
        kind=kind,
        body=body,
    )
    return entries.encode(envelope, origin)


def read_entry(data: bytes, index: int | None) -> Recorded:
    """Return the fact of an entry; `index` is its leaf index, None until it is in the tree."""
    envelope = entries.decode(data)
    return Recorded(
        stream=StreamId(envelope.stream),
        seq=envelope.seq,
        at=envelope.at,
        by=ActorId(envelope.by),
        act=ActId(envelope.act),
        fact=decode(envelope.kind, envelope.body),
        index=index,
    )


# --- forms -----------------------------------------------------------------------------------------------------


def _form(hint: object) -> _Form:
    """Return how a type is written and read; a type that no fact may hold is a fault at import."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    if get_origin(hint) in (Union, UnionType):
        return _optional(_form(next(one for one in get_args(hint) if one is not NoneType)))
    if get_origin(hint) is tuple:
        return _tuple(_form(get_args(hint)[0]))
    if hint is datetime:
        return _Form(rfc3339, parse_time)
    if hint is Standing:
        return _Form(_write_standing, _read_standing)
    assert isinstance(hint, type), f"a fact cannot hold {hint}"
    if issubclass(hint, Enum):
        return _enum(hint)
    assert hint in (str, int, bool), f"a fact cannot hold {hint}"
    return _plain(hint)


def _plain(kind: type) -> _Form:
    def read(value: object) -> object:
        # bool is an int to isinstance, and True would then be read as the number 1
        if type(value) is not kind:
            raise TypeError(f"{value!r:.40} is not {kind.__name__}")
        return value

    return _Form(None, read)


def _enum(kind: type[Enum]) -> _Form:
    members: dict[object, Enum] = {member.value: member for member in kind}
    value_type = type(next(iter(members)))

    def read(value: object) -> object:
        if type(value) is not value_type:
            raise TypeError(f"{value!r:.40} is no {kind.__name__}")
        member = members.get(value)
        if member is None:
            raise NewerVersion(f"{value!r:.40} is a {kind.__name__} that only a newer program knows")
        return member

    return _Form(lambda member: member.value, read)


def _optional(form: _Form) -> _Form:
    write = form.write
    return _Form(
        None if write is None else lambda value: None if value is None else write(value),
        lambda value: None if value is None else form.read(value),
    )


def _tuple(form: _Form) -> _Form:
    write, read_one = form.write, form.read

    def read(value: object) -> object:
        if type(value) is not list:
            raise TypeError(f"{value!r:.40} is no list")
        return tuple(read_one(one) for one in value)

    return _Form(list if write is None else lambda values: [write(one) for one in values], read)


def _write_standing(standing: Standing) -> object:
    written = encode_standing(standing)
    try:
        decode_standing(written)
    except Malformed as fault:
        raise BadInput(f"no gate would read this standing: {fault}") from fault
    # Enum members become plain words: the ledger's profile takes exactly str, not what behaves like it.
    return {**written, "limits": sorted(limit.value for limit in standing.limits)}


def _read_standing(value: object) -> Standing:
    standing = decode_standing(value)
    if encode_standing(standing) != value:
        raise ValueError("a standing is not in its one order")
    return standing


def _shape(kind: type) -> _Shape:
    hints = get_type_hints(kind)
    own = fields(kind)
    return _Shape(
        kind=kind,
        forms=tuple((one.name, _form(hints[one.name])) for one in own),
        names=frozenset(one.name for one in own),
        optional=frozenset(one.name for one in own if one.default is not MISSING),
    )


_SHAPES = {kind.__name__: _shape(kind) for kind in get_args(Fact)}
