"""The codec: every kind of fact there and back, its bytes frozen, and nothing read that was not written so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from answerable.core.facts import ActId, ActorId, DefaultArmed, Recorded, StreamId, SubjectSeen
from answerable.errors import BadInput, Corrupt, NewerVersion
from answerable.ledger import codec
from answerable.ledger.codec import decode, encode, read_entry, write_entry
from answerable_gate import Shield, Standing
from tests.ledger.examples import AT, GOLDEN, KINDS, example, lines


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_comes_back_equal(kind: type) -> None:
    """A fact with all its fields and one with only the needed ones survive the bytes."""
    for full in (True, False):
        fact = example(kind, full=full)
        name, body = encode(fact)
        assert name == kind.__name__
        assert decode(name, json.loads(json.dumps(body))) == fact


def test_the_bytes_of_every_kind_are_frozen() -> None:
    """The golden file holds exactly today's bytes; a new kind or field is written with tests.ledger.examples."""
    assert GOLDEN.read_bytes().splitlines() == list(lines())


def test_the_golden_lines_are_read_to_the_same_bytes() -> None:
    """What stands in the golden file decodes, and encodes to itself."""
    for line in GOLDEN.read_bytes().splitlines():
        kept = json.loads(line)
        assert encode(decode(kept["kind"], kept["body"])) == (kept["kind"], kept["body"])


def test_an_entry_holds_a_fact_with_its_envelope() -> None:
    """A recorded fact comes back from its entry's bytes with stream, place, time, actor, act and index."""
    recorded = Recorded(
        stream=StreamId("subject:su_1"), seq=1, at=AT, by=ActorId("app"), act=ActId("act_1"), index=4,
        fact=example(SubjectSeen),
    )  # fmt: skip
    data = write_entry(recorded, prev="", origin="codec.example/log")
    assert read_entry(data, 4) == recorded
    assert read_entry(data, 5) == replace(recorded, index=5)


def _armed(**changes: Any) -> tuple[str, dict[str, Any]]:
    kind, body = encode(example(DefaultArmed))
    return kind, {**body, **changes}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("SomethingNewer", {}),
        _armed(newer=1),
        _armed(grade=9),
    ],
)
def test_what_only_a_newer_program_writes_is_named_so(kind: str, body: dict[str, Any]) -> None:
    """An unknown kind, field or word is no damage: another version wrote it (DESIGN section 7)."""
    with pytest.raises(NewerVersion):
        decode(kind, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": 1},
        {"grade": "1"},
        {"grade": True},
        {"by_notice": 1},
        {"due": "2026-04-10"},
        {"due": None},
        {"standing": {"level": "guarded"}},
        {"standing": {"level": "guarded", "limits": ["no_tools", "care"], "shields": []}},
    ],
    ids=str,
)
def test_what_was_never_written_so_is_damage(changes: dict[str, Any]) -> None:
    """A value of another type, spelling or order is Corrupt, never guessed at."""
    with pytest.raises(Corrupt):
        decode(*_armed(**changes))


def test_a_missing_field_is_damage_unless_the_fact_can_do_without() -> None:
    """Only a field with a default may be absent, for facts of before it was added."""
    kind, body = _armed()
    del body["due"]
    with pytest.raises(Corrupt):
        decode(kind, body)
    optional = {one.__name__: shape.optional for one in KINDS if (shape := codec._SHAPES[one.__name__]).optional}
    for name, absent in optional.items():
        fact = example(next(one for one in KINDS if one.__name__ == name), full=False)
        kind, body = encode(fact)
        assert type(decode(kind, {key: value for key, value in body.items() if key not in absent})) is type(fact)
    assert optional


def test_a_list_is_a_list() -> None:
    """A text where a list belongs is not taken for a list of letters."""
    kind, body = encode(next(example(one) for one in KINDS if one.__name__ == "DecisionTaken"))
    with pytest.raises(Corrupt):
        decode(kind, {**body, "settles": "abc"})


def test_a_standing_that_no_gate_would_read_is_never_written() -> None:
    """Beyond the gate's bounds a fact is refused when it is written, not when somebody needs it."""
    many = Standing(shields=frozenset(Shield(f"pe_{number}", ()) for number in range(65)))
    armed = example(DefaultArmed)
    assert isinstance(armed, DefaultArmed)
    with pytest.raises(BadInput):
        encode(replace(armed, standing=many))
