"""What the gateway says itself."""

from __future__ import annotations

import json

import pytest

from answerable.errors import BadInput
from answerable.gateway.answers import NO_ROUTE, body_of, event_of, fault
from answerable.gateway.routes import Api, Talk
from answerable.gateway.upstream import UpstreamDown
from answerable_gate import Level, Limit, Shield, Verdict
from answerable_gate.clock import NEVER, microseconds
from answerable_gate.io.answers import NO_IDENTITY, NOT_READY, Answer, not_here, refusal, shielded, withheld
from tests.gate.build import START

STRICTEST = Verdict(
    "refuse", Level.SUSPENDED, frozenset(Limit), frozenset({Shield("person_a", ("Mara",))}), (), ("m1",), "level", (),
    "case_ref", microseconds(START),
)  # fmt: skip


def test_a_refusal_says_no_more_than_it_must() -> None:
    """No level, limit, name, token of a person or label (L11): a reference, a date, and how to object."""
    answer = refusal(STRICTEST)
    assert (answer.status, answer.kind, answer.code) == (403, "access_restricted", "account_restricted")
    assert "Mara" not in shielded(STRICTEST).message
    assert answer.message == (
        "Access is restricted for this account. This is looked at again by 2026-08-01. "
        "You can object: write to the operator of this service and give the reference case_ref."
    )


def test_without_a_reference_one_can_object_all_the_same() -> None:
    """And without a date none is made up."""
    answer = refusal(STRICTEST._replace(reason_ref=None, review=NEVER))
    objection = "You can object: write to the operator of this service."
    assert answer.message == f"Access is restricted for this account. {objection}"


@pytest.mark.parametrize(
    ("verdict", "refused", "closed"),
    [
        (STRICTEST._replace(ground="policy", not_known=("contact",), reason_ref=None), NOT_READY, NOT_READY),
        (STRICTEST._replace(ground="policy", not_known=("entry",), reason_ref=None), NOT_READY, NOT_READY),
        (STRICTEST._replace(ground="policy", not_known=("identity",), reason_ref=None), NO_IDENTITY, NO_IDENTITY),
        (STRICTEST._replace(ground="policy", not_known=("identity", "contact"), reason_ref=None), NOT_READY, NOT_READY),
    ],
)
def test_the_unknown_are_not_called_restricted(verdict: Verdict, refused: Answer, closed: Answer) -> None:
    """What could not be checked is said as such (L10)."""
    assert refusal(verdict) is refused
    assert not_here(verdict) is closed
    assert withheld(verdict, "prompt") is closed


def test_a_known_account_is_told_of_its_route_also_while_cut_off() -> None:
    """Its entry is known, so to come again would not help."""
    assert not_here(STRICTEST._replace(not_known=("contact", "tools"))).code == "route_not_available"


def test_faults_of_ours_keep_their_detail() -> None:
    """A client hears what he can mend."""
    assert fault(BadInput("The key 'a' stands twice.")).message == "The key 'a' stands twice."
    assert "10.0.0.7" not in fault(UpstreamDown("10.0.0.7 refused")).message


@pytest.mark.parametrize(
    ("api", "talk", "name"),
    [
        ("openai", "chat", b""),
        ("openai", "responses", b"event: error\n"),
        ("anthropic", "messages", b"event: error\n"),
    ],
)
def test_an_answer_is_also_the_last_event_of_a_stream(api: Api, talk: Talk, name: bytes) -> None:
    """One event, the same error, as the API's own clients look for it."""
    event = event_of(NO_IDENTITY, api, talk)
    assert event.startswith(name + b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2 + bool(name)
    assert json.loads(event.removeprefix(name)[6:])["error"] == json.loads(body_of(NO_IDENTITY, api))["error"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (NO_IDENTITY, "permission_error"),
        (NOT_READY, "overloaded_error"),
        (NO_ROUTE, "not_found_error"),
        (fault(BadInput("x")), "invalid_request_error"),
        (fault(UpstreamDown("x")), "api_error"),
    ],
)
def test_the_messages_api_has_its_own_words_for_errors(answer: Answer, kind: str) -> None:
    """By status, as its clients sort them; our code stands beside."""
    told = json.loads(body_of(answer, "anthropic"))
    assert (told["type"], told["error"]["type"], told["error"]["code"]) == ("error", kind, answer.code)
