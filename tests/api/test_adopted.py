"""What the operator's own systems switched off is held here over HTTP, once, and let go only here (F4, L4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from answerable.config import token_hash
from tests.running import Answer, House, serving, until

TRUST = f'\n[[operators]]\nid = "trust-1"\nscopes = ["measures"]\ntoken_hash = "{token_hash("trust")}"\n'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a record to the operator's own systems."""
    with serving(tmp_path_factory.mktemp("adopted"), more=TRUST) as found:
        found.tokens["trust-1"] = "trust"
        yield found


def switch(house: House, key: str, user: str, state: str, **more: object) -> Answer:
    """Report what became of an account."""
    body = {"id": key, "account": user, "state": state, "hazard": "stalking", "label": "abuse"}
    return house.call("POST", "/v1/measures", body | more, who="trust-1")


def levels(house: House, case: str) -> list[str]:
    """Return what a case holds."""
    return [one["level"] for one in house.view(case, "lead-1").json["measures"]]


def test_a_switch_off_is_held_and_comes_to_every_gate(house: House) -> None:
    """Disabled is suspended, deleted is terminated; the second delivery is the first."""
    off = switch(house, "off-1", "user-off", "disabled", at="2026-04-30T12:00:00.000000Z")
    assert (off.status, off.json["again"]) == (201, False)
    assert levels(house, off.json["case"]) == ["suspended"]
    again = switch(house, "off-1", "user-off", "disabled")
    assert (again.status, again.json["id"]) == (200, off.json["id"])
    repeated = switch(house, "off-2", "user-off", "disabled")
    assert repeated.json["id"] == off.json["id"], "the same state under a new id is held twice"
    gone = switch(house, "off-3", "user-off", "deleted")
    assert levels(house, off.json["case"]) == ["suspended", "terminated"]
    held = until(lambda: [one for one in house.items() if one["id"] == gone.json["id"]], "the gates hear of it")
    assert held[0]["standing"]["level"] == "terminated"


def test_switching_on_changes_no_standing_and_makes_it_urgent(house: House) -> None:
    """What is held stays held; the case is tier 1; nothing held is nothing undone."""
    off = switch(house, "on-1", "user-on", "disabled").json
    on = switch(house, "on-2", "user-on", "enabled")
    assert (on.status, on.json["id"], on.json["case"]) == (201, off["id"], off["case"])
    assert levels(house, off["case"]) == ["suspended"]
    assert house.call("GET", f"/v1/cases/{off['case']}", who="lead-1").json["tier"] == 1
    never = switch(house, "on-3", "user-never", "enabled")
    assert (never.status, never.json["id"], never.json["case"]) == (201, "on-3", None)
    known = house.warn("on-4", user="user-warned")
    assert known.status == 201
    silent = switch(house, "on-5", "user-warned", "enabled")
    assert silent.json["case"] is None, "the answer tells that somebody warned"


def test_who_may_report(house: House) -> None:
    """Only with the scope; and what is no state, or a source's word with blanks in it, is refused."""
    body = {"id": "x", "account": "user-x", "state": "disabled"}
    assert house.call("POST", "/v1/measures", body, who="classifier-1").code == "not_authorised"
    assert house.call("POST", "/v1/measures", body).code == "not_authenticated"
    assert switch(house, "x", "user-x", "frozen").code == "invalid"
    assert switch(house, "x", "user-x", "disabled", label="two words").code == "invalid"
    assert switch(house, "x", "\u0007", "disabled").code == "bad_input"


def test_two_systems_of_one_operator_are_two_sources(house: House) -> None:
    """What one switched off another does not switch on."""
    switch(house, "s-1", "user-two", "disabled", source="abuse-desk")
    assert switch(house, "s-2", "user-two", "enabled", source="billing-desk").json["case"] is None
    assert switch(house, "s-3", "user-two", "enabled", source="abuse-desk").json["case"] is not None
