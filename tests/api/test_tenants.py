"""Tenants over HTTP: asked who it was, by a reference; and nothing else leaves by that way (L11, L12)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from answerable.config import token_hash
from tests.running import House, serving, until

TENANT = """
[[operators]]
id = "{name}"
scopes = ["tenant"]
token_hash = "{hash}"
"""


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a house with two tenants, of which one is known as an organisation."""
    tokens = {name: f"token-of-{name}" for name in ("acme", "rival")}
    more = "".join(TENANT.format(name=name, hash=token_hash(token)) for name, token in tokens.items())
    with serving(tmp_path_factory.mktemp("tenants"), more=more) as house:
        house.tokens |= tokens
        told = {"account": "acme", "party": "organisation"}
        assert house.call("POST", "/v1/accounts", told, who="billing-1").status == 201
        yield house


def asked(house: House, who: str = "acme") -> list[dict[str, object]]:
    """Return what a tenant is asked."""
    found: list[dict[str, object]] = house.call("GET", "/v1/tenant/references", who=who).json["references"]
    return found


def test_a_tenant_is_asked_reads_and_answers(tenants: House) -> None:
    """A flag without an end user asks; the named end user gets a case of his own, and the owner sees the answer."""
    flag = tenants.flag("t1", user="acme", evidence="What was written to Mara.")
    listed = tenants.call("GET", "/v1/tenant/references", who="acme")
    (one,) = listed.json["references"]
    assert set(one) == {"reference", "asked", "due", "received", "answered"}
    assert not {"Mara", flag.json["case"], flag.json["id"], "threat"} & set(json.dumps(listed.json).split('"'))
    way = f"/v1/tenant/references/{one['reference']}"
    assert tenants.call("POST", f"{way}/receipts", who="acme").status == 201
    assert asked(tenants)[0]["received"] is not None
    unnamed = tenants.call("POST", f"{way}/answers", {"answer": "end_user"}, who="acme")
    assert (unnamed.status, unnamed.code) == (409, "bad_input")
    named = tenants.call("POST", f"{way}/answers", {"answer": "end_user", "user": "u-7"}, who="acme")
    assert named.status == 201
    assert asked(tenants)[0]["answered"] is not None
    file = tenants.view(flag.json["case"], "lead-1").json
    assert (file["party"], [bool(ask["answered"]) for ask in file["asks"]]) == ("organisation", [True])
    again = tenants.flag("t2", user="acme/u-7")
    theirs = tenants.view(again.json["case"], "lead-1").json
    assert (theirs["party"], [one["source"] for one in theirs["signals"]]) == (
        "end_user", ["tenant:acme", "classifier-1"],
    )  # fmt: skip


def test_a_tenant_sees_nothing_of_another(tenants: House) -> None:
    """Its list is its own, another's reference is not there, and no other door opens to it."""
    tenants.flag("t3", user="acme")
    reference = next(one["reference"] for one in asked(tenants) if one["answered"] is None)
    assert asked(tenants, "rival") == []
    for noun, body in (("receipts", None), ("answers", {"answer": "not_known"})):
        answer = tenants.call("POST", f"/v1/tenant/references/{reference}/{noun}", body, who="rival")
        assert (answer.status, answer.code) == (404, "not_found")
    assert tenants.call("GET", "/v1/cases", who="acme").status == 401
    assert tenants.call("POST", "/v1/accounts", {"account": "acme/x"}, who="acme").status == 403


def test_an_end_user_is_named_below_a_known_tenant(tenants: House) -> None:
    """A party that cannot be is refused, and an odd name as well."""
    told = {"account": "nobody/u-1", "party": "end_user"}
    assert tenants.call("POST", "/v1/accounts", told, who="billing-1").code == "bad_input"
    told = {"account": "acme/u-9", "party": "end_user"}
    assert tenants.call("POST", "/v1/accounts", told, who="billing-1").status == 201
    tenants.flag("t4", user="acme")
    reference = next(one["reference"] for one in asked(tenants) if one["answered"] is None)
    body = {"answer": "end_user", "user": "\u0007"}
    assert tenants.call("POST", f"/v1/tenant/references/{reference}/answers", body, who="acme").code == "bad_input"


def test_only_a_decision_that_says_so_reaches_the_tenant(tenants: House) -> None:
    """The same person decides of the end user alone, and then of the organisation as well (L2)."""
    case = tenants.flag("t5", user="acme/u-5").json["case"]
    tenants.view(case, "lead-1")
    decision = {"level": "paused", "reason": "As I read it.", "proportionality": "Nothing milder would do."}
    assert tenants.act(case, "decisions", decision, "lead-1").status == 201
    until(lambda: len(_measured(tenants)) == 1, "the feed has the measure of the end user alone")
    tenants.flag("t6", user="acme")
    wider = tenants.act(case, "decisions", decision | {"scope": "api_key"}, "lead-1")
    assert (wider.status, wider.code) == (409, "bad_input")
    unread = tenants.act(case, "decisions", decision | {"scope": "organisation"}, "lead-1")
    assert (unread.status, unread.code) == (409, "not_opened")
    theirs = next(word for word in unread.json["detail"].split() if word.startswith("case_"))
    assert tenants.view(theirs.rstrip(","), "lead-1").status == 201
    assert tenants.act(case, "decisions", decision | {"scope": "organisation"}, "lead-1").status == 201
    until(lambda: len(_measured(tenants)) == 2, "the feed has the measure of the organisation")


def _measured(house: House) -> set[str]:
    return {item["of"] for item in house.items() if item["kind"] == "measure"}
