"""Support asks before it acts: no for an account that is held, or that nobody finds; a notice alone tells nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from answerable.config import token_hash
from tests.running import Answer, House, serving

DESK = f'\n[[operators]]\nid = "desk-1"\nscopes = ["helpdesk"]\ntoken_hash = "{token_hash("desk")}"\n'
EMAILS = {"user-held": "held@example.net", "user-free": "free@example.net", "user-warned": "warned@example.net"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a record to a helpdesk, with a directory of accounts."""
    with serving(tmp_path_factory.mktemp("desk"), more=DESK) as found:
        found.tokens["desk-1"] = "desk"
        known = [{"account": name, "emails": [address]} for name, address in EMAILS.items()]
        twins = [{"account": f"twin-{number}", "emails": ["twins@example.net"]} for number in (1, 2)]
        theirs = [{"account": name, "emails": [f"{name[5:]}@example.net"]} for name in ("acme/u-1", "acme/u-2")]
        accounts = "".join(json.dumps(one) + "\n" for one in (*known, *twins, *theirs))
        (found.home / "ports" / "accounts.jsonl").write_text(accounts)
        found.flag("desk-flag", user="user-held")
        found.warn("desk-warn", user="user-warned")
        yield found


def ask(house: House, action: str = "unban", **whose: Any) -> Answer:
    """Ask whether support may do something."""
    return house.call("POST", "/v1/helpdesk/checks", {"action": action} | whose, who="desk-1")


def email(address: str) -> list[dict[str, str]]:
    """Say an address as the wire does."""
    return [{"kind": "email", "value": address}]


def test_a_held_account_goes_to_its_case(house: House) -> None:
    """By name, by what its user wrote from, and by both; the reference names no case and no reporter."""
    for whose in (
        {"account": "user-held"},
        {"identifiers": email("held@example.net")},
        {"account": "user-held", "identifiers": email("held@example.net")},
        {"account": "user-free", "identifiers": email("held@example.net")},
    ):
        found = ask(house, **whose)
        assert found.status == 200
        assert found.json["allowed"] is False
        assert found.json["route"]["to"] == "case"
        assert found.json["route"]["reference"].startswith("sub")


def test_anybody_elses_may_be_done(house: House) -> None:
    """An account without a case; and one of whom only somebody warned, to the letter the same (L11)."""
    free = ask(house, account="user-free", identifiers=email("free@example.net"))
    warned = ask(house, account="user-warned", identifiers=email("warned@example.net"))
    assert free.json == {"allowed": True}
    assert (warned.status, warned.body) == (free.status, free.body)
    assert warned.headers.keys() == free.headers.keys()


@pytest.mark.parametrize(
    "whose",
    [
        {"account": "User-Held"},
        {"identifiers": email("nobody@example.net")},
        {"identifiers": email("twins@example.net")},
        {"identifiers": [{"kind": "name", "value": "Corvin Vale"}]},
        {"account": "user-free", "identifiers": email("twins@example.net")},
    ],
    ids=str,
)
def test_whom_nobody_can_tell_is_for_a_person(house: House, whose: dict[str, Any]) -> None:
    """Not found, or several: never allowed for what was not checked (L10)."""
    assert ask(house, **whose).json == {"allowed": False, "route": {"to": "person", "reference": None}}


def test_whoever_is_below_a_held_tenant_goes_to_its_case(house: House) -> None:
    """Seen before or never, by name or by address; a flag about the tenant's own traffic holds nobody it named (L2)."""
    told = {"account": "acme", "party": "organisation"}
    assert house.call("POST", "/v1/accounts", told, who="billing-1").status == 201
    case = house.flag("desk-acme", user="acme").json["case"]
    assert house.call("POST", "/v1/accounts", {"account": "acme/u-1"}, who="billing-1").status == 201
    below = ({"account": "acme/u-1"}, {"account": "acme/u-2"}, {"identifiers": email("u-2@example.net")})
    assert [ask(house, **whose).json for whose in below] == [{"allowed": True}] * 3
    house.view(case, "lead-1")
    decision = {"level": "paused", "reason": "As I read it.", "proportionality": "Nothing milder would do."}
    assert house.act(case, "decisions", decision, "lead-1").status == 201
    said = [ask(house, **whose).json for whose in below]
    assert said == [ask(house, account="acme").json] * 3
    assert (said[0]["allowed"], said[0]["route"]["to"]) == (False, "case")
    assert ask(house, account="user-free").json == {"allowed": True}


def test_a_directory_that_cannot_be_read_clears_nobody(house: House) -> None:
    """Away is not "no": every account that is not known to be held waits for a person (L10)."""
    path = house.home / "ports" / "accounts.jsonl"
    kept = path.read_text()
    try:
        path.write_text("{broken\n")
        assert ask(house, account="user-free").json["allowed"] is False
        assert ask(house, account="user-held").json["route"]["to"] == "case"
    finally:
        path.write_text(kept)


def test_who_may_ask_and_what(house: House) -> None:
    """Only with the scope, for somebody, about something that support does."""
    body = {"action": "unban", "account": "user-free"}
    assert house.call("POST", "/v1/helpdesk/checks", body, who="classifier-1").code == "not_authorised"
    assert ask(house).code == "invalid"
    assert ask(house, "make_tea", account="user-free").code == "invalid"
    assert ask(house, identifiers=email("a@example.net") * 11).code == "invalid"
