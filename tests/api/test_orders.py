"""Orders and outside events over HTTP: passed on by an operator, called back by staff.

Law: a claim until called back (L13); nothing on the wire says more than it must (L12).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from answerable.edge import SystemClock, rfc3339
from tests.running import House, command, until


def called(number: str = "+1 415 551 4000") -> dict[str, str]:
    """Say that somebody was called just now."""
    return {"number": number, "found": "official_register", "called": rfc3339(SystemClock().now())}


def order(key: str, user: str, **more: Any) -> dict[str, Any]:
    """Return an order as an operator passes it on."""
    body: dict[str, Any] = {
        "id": key, "clauses": ["block", "notify"], "authority": "court", "jurisdiction": "US-CA",
        "document_sha256": "0" * 64, "reference": "CGC-1", "dated": "2026-01-01T00:00:00.000000Z",
        "subject": [{"kind": "account", "value": user}], "person": [{"kind": "email", "value": "mara@example.org"}],
        "numbers": ["+1 415 555 0199"],
    }
    return body | more


def test_the_whole_way_of_an_order(house: House) -> None:
    """In, read, called back, in force, ended; and its end lowers nothing."""
    notice = house.warn("order-n", user="user-order")
    case = notice.json["case"]
    sent = house.call("POST", "/v1/orders", order("order-1", "user-order"), who="classifier-1")
    again = house.call("POST", "/v1/orders", order("order-1", "user-order"), who="classifier-1")
    assert (sent.status, again.status, sent.json["case"], again.json["id"]) == (201, 200, case, sent.json["id"])
    name = sent.json["id"]
    where = f"orders/{name}/verifications"
    assert house.act(case, where, called(), "lead-1").code == "not_opened"
    file = house.view(case, "lead-1").json
    assert [(one["id"], one["document_sha256"], one["verified"]) for one in file["orders"]] == [(name, "0" * 64, None)]
    assert house.act(case, where, called("+1 415 555 0199"), "lead-1").code == "same_number"
    assert house.act(case, where, called("the clerk"), "lead-1").code == "bad_input"
    assert house.act(case, where, called(), "lead-1").status == 201
    assert house.act(case, where, called(), "lead-1").code == "already_settled"
    assert house.decided(case) == ["suspended"]
    wants = {"notice": notice.json["id"], "wanted": True, "from_hour": 7, "to_hour": 9}
    nowhere = house.act(case, "attempt-notices", wants | {"zone": "Middle/Earth"}, "classifier-1")
    assert (nowhere.status, nowhere.json["detail"]) == (422, "there is no such time zone")
    wants["zone"] = "Pacific/Auckland"
    assert house.act(case, "attempt-notices", wants, "classifier-1").status == 201
    assert house.act(case, "attempt-notices", wants | {"to_hour": 7}, "classifier-1").code == "bad_input"
    assert house.act(case, "attempt-notices", wants | {"wanted": False}, "classifier-1").status == 201
    assert house.act(case, "attempt-notices", wants | {"wanted": False}, "classifier-1").code == "not_found"
    assert house.act(case, f"orders/{name}/endings", called(), "lead-1").status == 201
    assert house.act(case, f"orders/{name}/endings", called(), "lead-1").code == "not_in_force"
    assert house.decided(case) == ["suspended"]


def test_the_whole_way_of_an_event(house: House) -> None:
    """By an operator, and by a member of staff on the case; each verified by a call."""
    body = {
        "id": "event-1", "kind": "release", "text": "He was let go.", "subject": [{"kind": "account", "value": "u-ev"}],
    }
    sent = house.call("POST", "/v1/events", body, who="classifier-1")
    assert sent.status == 201
    case = sent.json["case"]
    second = house.act(case, "events", {"kind": "arrest", "text": "Again."}, "lead-1")
    assert second.status == 201
    assert house.view(case, "lead-1").json["tier"] == 3
    for event, tier in ((second.json["event"], 2), (sent.json["id"], 1)):
        verified = house.act(case, f"events/{event}/verifications", called(), "lead-1")
        assert (verified.status, verified.json["event"]) == (201, event)
        assert house.view(case, "lead-1").json["tier"] == tier


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"clauses": []}, 422),
        ({"clauses": ["block", "block"]}, 400),
        ({"clauses": ["arrest_him"]}, 422),
        ({"jurisdiction": "California"}, 422),
        ({"document_sha256": "the order itself"}, 422),
        ({"subject": []}, 422),
        ({"dated": "yesterday"}, 400),
    ],
)
def test_what_is_no_order(house: House, change: dict[str, Any], status: int) -> None:
    """What nobody could execute is told to whoever sent it."""
    answer = house.call("POST", "/v1/orders", order("order-bad", "user-bad") | change, who="classifier-1")
    assert answer.status == status, answer


def test_who_may_pass_an_order_on_and_who_may_call(house: House) -> None:
    """An operator's token calls nobody back, and a gate's or a person's passes nothing on."""
    body = order("order-2", "user-order-2")
    for who in ("gate", "lead-1"):
        assert house.call("POST", "/v1/orders", body, who=who).status in (401, 403)
    case = house.call("POST", "/v1/orders", body, who="classifier-1").json
    where = f"/v1/cases/{case['case']}/orders/{case['id']}/verifications"
    assert house.call("POST", where, called(), who="classifier-1").status in (401, 403)


def test_the_proof_of_an_order_is_for_staff(house: House) -> None:
    """Asked for, then fetched, as a document and as a page; not for operators, and of no other order."""
    sent = house.call("POST", "/v1/orders", order("order-3", "user-order-3"), who="classifier-1").json
    where = f"/v1/cases/{sent['case']}/orders/{sent['id']}/proof"
    for method, path in (("POST", f"{where}s"), ("GET", where)):
        assert house.call(method, path, who="classifier-1").status in (401, 403)
    assert house.call("GET", where, who="lead-1").code == "not_drawn"
    drawn = until(lambda: (one := house.call("POST", f"{where}s", who="lead-1")).status == 201 and one, "it is drawn")
    assert (drawn.json["order"], drawn.json["case"]) == (sent["id"], sent["case"])
    proof = until(lambda: (one := house.call("GET", where, who="lead-1")).status == 200 and one, "the proof is sealed")
    assert proof.json["summary"]["verified"] is None
    assert proof.json["as_of"] == drawn.json["as_of"]
    page = house.call("GET", where, who="lead-1", headers={"Accept": "text/plain"})
    assert b"nothing is executed" in page.body
    for missing in (where.replace(sent["id"], "order_none"), where.replace(sent["case"], "case_none")):
        for method, path in (("POST", f"{missing}s"), ("GET", missing)):
            assert house.call(method, path, who="lead-1").code == "not_found"


def test_a_proof_is_drawn_beside_the_server_and_checked_by_anybody(house: House, tmp_path: Path) -> None:
    """`order proof` writes it; `order check` needs the key alone and says as of when; an older or a cut one fails."""
    sent = house.call("POST", "/v1/orders", order("order-4", "user-order-4"), who="classifier-1").json
    out = tmp_path / "proof.json"
    drawn = house.run("order", "proof", sent["case"], sent["id"], "--out", str(out))
    assert drawn.returncode == 0, drawn.stderr
    assert re.match(r"as of [-0-9]+ [:0-9]+ UTC; says nothing of later\n", drawn.stdout)
    key = re.search(r"\S+\+[0-9a-f]{8}\+\S+", house.run("status").stdout)
    assert key is not None
    check = ("order", "check", str(out), "--key", key[0])
    sound = command(*check)
    assert (sound.returncode, sound.stdout) == (0, f"VERIFIED {drawn.stdout}"), sound.stderr
    assert command(*check, "--as-of-at-least", "2020-01-01").returncode == 0
    old = command(*check, "--as-of-at-least", "2099-01-01T00:00Z")
    assert (old.returncode, "says nothing of later: ask for a newer one" in old.stdout) == (1, True)
    assert command(*check, "--as-of-at-least", "yesterday").returncode != 0
    whole = str(tmp_path / "ledger")
    assert house.run("export", "ledger", whole).returncode == 0
    held = command(*check, "--ledger", whole)
    assert (held.returncode, held.stdout) == (0, sound.stdout), held.stderr
    assert "cannot be read" in command(*check, "--ledger", str(tmp_path / "none")).stderr
    for name, path in ((sent["id"], out), ("order_none", tmp_path / "no")):
        assert house.run("order", "proof", sent["case"], name, "--out", str(path)).returncode != 0
    proof = json.loads(out.read_bytes())
    out.write_text(json.dumps(proof | {"entries": proof["entries"][1:]}))
    cut = command(*check)
    assert (cut.returncode, "and is missing" in cut.stdout) == (1, True), cut.stdout
