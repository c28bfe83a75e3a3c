"""Vendors' webhooks over real HTTP, read back at a stand-in of the vendor by the real worker (L10, L17)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from answerable.vault.keys import load_keyring
from answerable_gate import alias
from tests.running import Answer, House, settle_house, until
from tests.vendor import KEY, VendorStandIn, vendor

SECRET = "whsec_" + base64.b64encode(b"a vendor's secret, long enough").decode()
HOOKS = """
[[webhooks]]
name = "openai"
format = "openai"
secret_env = "OPENAI_SECRET"
key_env = "OPENAI_KEY"
url = "{url}"
[webhooks.kinds.harassment]
hazard = "stalking"

[[webhooks]]
name = "aliased"
secret_env = "OPENAI_SECRET"
account = "/data/user"
kind = "/type"
identifier = "alias"

[[webhooks]]
name = "other"
secret_env = "OPENAI_SECRET"
account = "/data/user"
kind = "/type"
[webhooks.kinds."user.banned"]
hazard = "threat"
adopts = true
"""


@pytest.fixture(scope="module")
def stand_in() -> Iterator[VendorStandIn]:
    """Give a vendor."""
    with vendor() as found:
        yield found


@pytest.fixture(scope="module")
def house(stand_in: VendorStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a record, worker included, to which a vendor reports."""
    found = settle_house(Path(tmp_path_factory.mktemp("vendor")), more=HOOKS.format(url=stand_in.url))
    found.environment |= {"OPENAI_SECRET": SECRET, "OPENAI_KEY": KEY}
    try:
        found.start("serve")
        found.start("work")
        yield found
    finally:
        found.close()


def event(kind: str, data: object) -> dict[str, Any]:
    """Say an event as the vendor does."""
    return {"id": "evt_1", "object": "event", "created_at": 1_777_550_400, "type": kind, "data": data}


def send(
    house: House, said: object, key: str, *, name: str = "openai", old: timedelta = timedelta(0), signed: str = SECRET
) -> Answer:
    """Deliver an event, signed."""
    body, at = json.dumps(said), datetime.now(UTC) - old
    headers = {
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(signed).sign(key, at, body),
    }
    return house.call("POST", f"/v1/webhooks/{name}", body.encode(), headers=headers)


def cases(house: House) -> dict[str, dict[str, Any]]:
    """Return every case by its token."""
    found = house.call("GET", "/v1/cases?limit=500", who="lead-1").json["cases"]
    return {one["case"]: one for one in found}


def new_case(house: House, known: dict[str, Any]) -> dict[str, Any]:
    """Wait for one more case, and return its file."""
    fresh = until(lambda: [one for one in cases(house) if one not in known], "the notice is read and bound")
    return house.view(fresh[0], "lead-1").json


def test_a_warning_is_read_and_becomes_a_flag(house: House, stand_in: VendorStandIn) -> None:
    """Answered at once, read by the worker, with the hazard that the file gives its reason; the second is nothing."""
    known = cases(house)
    stand_in.knows("C-warn", "user-warned", "warning", "harassment")
    first = send(house, event("safety.warning_issued", {"id": "C-warn"}), "wh_1")
    assert (first.status, first.json) == (200, {"taken": True, "again": False})
    file = new_case(house, known)
    (signal,) = file["signals"]
    assert (signal["source"], signal["label"], signal["hazard"]) == ("webhook:openai", "harassment", "stalking")
    assert file["measures"] == [] or all(one["level"] in ("watch", "guarded") for one in file["measures"])
    for key in ("wh_1", "wh_2"):
        assert send(house, event("safety.warning_issued", {"id": "C-warn"}), key).json["again"]
    assert house.flag("after", user="user-warned").json["case"] in cases(house)
    assert len(cases(house)) == len(known) + 1


def test_a_deactivation_is_held_at_every_gate(house: House, stand_in: VendorStandIn) -> None:
    """What the vendor refuses no other model serves meanwhile."""
    known = cases(house)
    stand_in.knows("C-off", "user-off", "deactivation")
    send(house, event("safety.deactivation_issued", {"id": "C-off"}), "wh_3")
    file = new_case(house, known)
    assert "suspended" in [one["level"] for one in file["measures"]]
    whose = cases(house)[file["case"]]["subject"]
    held = until(
        lambda: [one for one in house.items() if (one["of"], one["standing"]["level"]) == (whose, "suspended")],
        "it is in the feed",
    )
    assert len(held) == 1


def test_what_cannot_be_read_yet_is_asked_for_until_it_can(house: House, stand_in: VendorStandIn) -> None:
    """The vendor's API is away; the notice was kept, and comes."""
    known = cases(house)
    stand_in.status = 503
    stand_in.knows("C-late", "user-late", "warning")
    asked = len(stand_in.asked)
    assert send(house, event("safety.warning_issued", {"id": "C-late"}), "wh_4").status == 200
    until(lambda: len(stand_in.asked) > asked + 1, "it is asked more than once")
    assert cases(house).keys() == known.keys(), "a notice that nobody could read is of somebody"
    stand_in.status = 200
    assert new_case(house, known)["signals"][0]["version"] == "warning"


def test_what_was_answered_survives_the_process(house: House, stand_in: VendorStandIn) -> None:
    """L17: killed after the answer; whoever comes next reads it."""
    known = cases(house)
    stand_in.status = 503
    stand_in.knows("C-kill", "user-kill", "warning")
    assert send(house, event("safety.warning_issued", {"id": "C-kill"}), "wh_5").status == 200
    for process in list(house.processes):
        house.kill(process)
    stand_in.status = 200
    house.start("serve")
    house.start("work")
    house.forward(minutes=10)
    assert new_case(house, known)["signals"]


def test_another_vendor_says_all_at_once(house: House) -> None:
    """By pointers; bound before the answer."""
    known = cases(house)
    said = event("user.banned", {"user": "user-other"})
    assert [send(house, said, "o_1", name="other").json["again"] for _ in range(2)] == [False, True]
    (fresh,) = [one for one in cases(house) if one not in known]
    file = house.view(fresh, "lead-1").json
    assert [one["label"] for one in file["signals"]] == ["user.banned"]
    assert "suspended" in [one["level"] for one in file["measures"]]


def test_an_alias_that_the_gateway_told_leads_to_the_account(house: House) -> None:
    """Whoever is known to the vendor by it alone is found here when the account is seen."""
    known = cases(house)
    told = alias(load_keyring(house.home / "keys").gate, "user-behind").hex()
    assert send(house, event("user.warned", {"user": told}), "a_1", name="aliased").json["taken"]
    (fresh,) = [one for one in cases(house) if one not in known]
    assert house.flag("behind", user="user-behind").json["case"] == fresh


def test_nobody_but_the_vendor_says_anything(house: House) -> None:
    """Unsigned, signed by another, too old, or with an operator's token: refused, and nothing is kept."""
    known = cases(house)
    said = event("user.banned", {"user": "user-forged"})
    other = "whsec_" + base64.b64encode(b"somebody else's secret").decode()
    assert send(house, said, "f_1", name="other", signed=other).code == "not_authenticated"
    assert send(house, said, "f_2", name="other", old=timedelta(minutes=6)).code == "not_authenticated"
    body = json.dumps(said).encode()
    assert house.call("POST", "/v1/webhooks/other", body, who="classifier-1").code == "not_authenticated"
    assert send(house, said, "f_3", name="nobody").code == "not_found"
    assert cases(house).keys() == known.keys()


def test_what_is_not_for_us_is_answered_and_forgotten(house: House) -> None:
    """Otherwise the vendor would send it for days; what is broken is refused, so that somebody sees it there."""
    known = cases(house)
    assert send(house, event("batch.completed", {"id": "b"}), "n_1").json == {"taken": False, "again": False}
    assert send(house, event("safety.warning_issued", {}), "n_2").code == "bad_input"
    assert send(house, ["no event"], "n_3").code == "invalid"
    assert cases(house).keys() == known.keys()


def test_the_record_is_whole_with_all_that(house: House) -> None:
    """What is announced, asked for and bound follows from the facts (L7)."""
    checked = house.run("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
