"""Sources over HTTP: a recall from its proposal to the case that it lets go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from answerable.edge import rfc3339
from tests.running import House


def test_two_recall_a_version_of_a_model(house: House) -> None:
    """Proposed, read, signed by both, let go; everything in between is refused with its reason (L4)."""
    case = house.flag("recalled", user="user-recalled", version="9").json["case"]
    now = datetime.now(UTC)
    body = {
        "source": "classifier-1", "model": "moderation", "version": "9", "since": rfc3339(now - timedelta(hours=1)),
        "until": rfc3339(now + timedelta(hours=1)), "reason": "It was broken.",
    }  # fmt: skip
    early = house.call("POST", "/v1/recalls", body, who="lead-1")
    assert (early.status, early.code) == (409, "bad_input")
    made = house.call("POST", "/v1/recalls", body | {"until": rfc3339(datetime.now(UTC))}, who="lead-1")
    assert (made.status, made.json["sample"], made.json["cases"]) == (201, [case], 1)
    recall = f"/v1/recalls/{made.json['recall']}"
    assert house.call("POST", f"{recall}/releases", who="lead-1").code == "second_person_needed"
    for who in ("lead-1", made.json["drawn"]):
        assert house.call("POST", f"{recall}/signatures", who=who).code == "not_opened"
        assert house.view(case, who).status == 201
        assert house.call("POST", f"{recall}/signatures", who=who).status == 201
    assert house.call("POST", f"{recall}/releases", who="lead-1").json["from_tier"] == 2
    assert house.view(case, "lead-1").json["is_open"] is False
    listed = house.call("GET", "/v1/sources", who="lead-1").json
    assert [one["released"] for one in listed["recalls"]] == [2]
    assert house.call("POST", "/v1/sources/nobody/confirmations", who="lead-1").code == "not_found"
