"""The file of a proof, read by somebody else: verified is the whole of it, and it tells of this order alone.

Law: whoever reads the file itself, by whatever program, reads what was checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from answerable.app import proving
from answerable.core.facts import OrderId, Recorded
from answerable.errors import BadInput
from tests.app.test_proving import an_order_in_force, keys, proof_by, proof_of, story, written
from tests.scenarios.story import Story, case_of
from tests.scenarios.test_orders import a_paper

__all__ = ["story"]


def _said_twice(proof: dict[str, Any]) -> bytes:
    return b'{"summary": {"ended": "2020-01-01T00:00:00.000000Z"}, ' + written(proof)[1:]


def _with_a_remark(proof: dict[str, Any]) -> bytes:
    return written(proof | {"remark": "The account was deleted, and every gate has confirmed it."})


def _with_a_yes_for_a_number(proof: dict[str, Any]) -> bytes:
    return written(proof | {"left_out": bool(proof["left_out"])})


def _with_a_fraction(proof: dict[str, Any]) -> bytes:
    return written(proof | {"left_out": float(proof["left_out"])})


def _in_other_letters(proof: dict[str, Any]) -> bytes:
    return json.dumps(proof).encode("utf-16")


def _nested_deeply(proof: dict[str, Any]) -> bytes:
    return written(proof | {"summary": 0}).replace(b'"summary": 0', b'"summary": ' + b"[" * 100_000 + b"]" * 100_000)


def _with_entries_as_names(proof: dict[str, Any]) -> bytes:
    return written(proof | {"entries": dict.fromkeys(proof["entries"])})


@pytest.mark.parametrize(
    "forge",
    [
        _said_twice, _with_a_remark, _with_a_yes_for_a_number, _with_a_fraction, _in_other_letters, _nested_deeply,
        _with_entries_as_names,
    ],
    ids=lambda forge: forge.__name__.strip("_"),
)  # fmt: skip
def test_what_another_reader_would_read_otherwise_is_no_proof(
    story: Story, forge: Callable[[dict[str, Any]], bytes]
) -> None:
    """A member twice, one more, a number that is none, other letters: two programs would read two things."""
    proof = proof_of(story)
    assert proving.check(written(proof), keys(story)) == proof
    with pytest.raises(BadInput):
        proving.check(forge(proof), keys(story))


def test_a_list_that_speaks_with_the_entries_of_another_order_is_found(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's own program puts the call about one order on the list of another that nobody called about."""
    case, verified = an_order_in_force(story)
    claimed = story.answerable.orders.receive(replace(a_paper(story), id="second"))
    story.sync()
    assert case_of(claimed) == case
    found = proving._of

    def both(_: OrderId, recorded: list[Recorded]) -> list[Recorded]:
        return [one for one in recorded if one in found(OrderId(claimed.id), recorded) + found(verified, recorded)]

    with monkeypatch.context() as patch:
        patch.setattr(proving, "_of", both)
        lying = proof_by(story, case, OrderId(claimed.id))
    assert lying["summary"]["verified"] is not None
    with pytest.raises(BadInput, match="tells nothing of this order"):
        proving.check(written(lying), keys(story))
    honest = proof_by(story, case, OrderId(claimed.id))
    assert proving.check(written(honest), keys(story))["summary"]["verified"] is None


def test_what_nobody_confirmed_is_not_passed_over_in_silence(story: Story) -> None:
    """L9: a page that says since when a clause is in force says as well that no gate has confirmed it."""
    proof = proof_of(story)
    assert proving.render(proof).count("not confirmed so far") == 1, "the operator's stores have not, a gate has"
    for clause in proof["summary"]["clauses"]:
        clause["confirmed"] = []
    assert proving.render(proof).count("not confirmed so far") == 2, "what nobody else does is confirmed by nobody"
