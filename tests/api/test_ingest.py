"""What comes in is kept before it is answered, once, and a bad line hurts nobody but itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from answerable.ledger.proofs import read_receipt, verify_receipt
from answerable.ledger.verify import parse_vkey
from tests.running import House, serving, until

FLAG = {"id": "h1", "user": "user-hostile", "model": "m", "version": "1", "label": "x", "hazard": "threat"}


def test_a_second_delivery_gets_the_first_answer(house: House) -> None:
    """Idempotent by id: what comes again changes nothing and is answered as it was (L17)."""
    first, second = house.flag("again-1", user="user-again"), house.flag("again-1", user="user-again", label="other")
    assert (first.status, second.status) == (201, 200)
    assert (first.json["id"], first.json["case"], first.json["at"]) == (
        second.json["id"],
        second.json["case"],
        second.json["at"],
    )
    assert second.json["again"] and not first.json["again"]
    notices = [house.warn("again-n1", user="user-again") for _ in range(2)]
    assert notices[0].json["id"] == notices[1].json["id"]
    assert notices[0].json["case"] == first.json["case"]


def test_the_same_words_twice_are_two_notices(house: House) -> None:
    """A repeat has a receipt and an answer of its own (L5)."""
    one, two = house.warn("rep-1", user="user-repeat"), house.warn("rep-2", user="user-repeat")
    assert (one.status, two.status) == (201, 201)
    assert one.json["id"] != two.json["id"]
    assert one.json["case"] == two.json["case"]


def test_a_receipt_needs_nothing_but_the_key(house: House) -> None:
    """Whoever warned can show, with one file and the pinned key, that the notice is in the record."""
    notice = house.warn("receipt-1", user="user-receipt").json["id"]
    path = f"/v1/notices/{notice}/receipt?entry=true"
    found = until(lambda: [a for a in [house.call("GET", path, who="classifier-1")] if a.status == 200], "sealed")[0]
    receipt = read_receipt(found.body)
    verify_receipt(receipt, [parse_vkey(house.feed()[0]["key"])])
    assert receipt.entry is not None
    assert json.loads(receipt.entry)["body"]["notice"] == notice
    assert house.call("GET", "/v1/notices/nt_none/receipt", who="classifier-1").status == 404


def test_a_receipt_tells_nobody_what_else_his_case_holds(house: House) -> None:
    """L11: who warns of himself, and names one after another as the one at risk, sees not which of them has warned."""
    first = house.warn("tells-1", user="user-tells")
    house.warn("tells-2", user="user-tells", named_staff=["lead-1"])
    last = house.warn("tells-3", user="user-tells")
    path = f"/v1/notices/{last.json['id']}/receipt"
    kept = until(lambda: [a for a in [house.call("GET", path, who="classifier-1")] if a.status == 200], "sealed")[0]
    for told in (last.json["case"], first.json["id"], "lead-1", "extra"):
        assert told.encode() not in kept.body
    whole = house.call("GET", f"{path}?entry=true", who="classifier-1")
    entry = read_receipt(whole.body).entry
    assert entry is not None
    assert json.loads(entry)["seq"] > 3
    keys = [parse_vkey(house.feed()[0]["key"])]
    assert verify_receipt(read_receipt(kept.body), keys, entry) == verify_receipt(read_receipt(whole.body), keys)


def test_lines_with_bad_ones_among_them(house: House) -> None:
    """A bad line is answered with its number; the lines before and behind it are kept."""
    lines: list[object] = [
        FLAG | {"id": "l1", "user": "line-user"},
        b'{"id": "l2", "user": ',
        b"",
        FLAG | {"id": "l4", "user": "line-user", "hazard": "no such"},
        FLAG | {"id": "l5", "user": "line-user", "score": 0.5},
        b'{"id": "l6"' + b" " * (1 << 20) + b"}",
        FLAG | {"id": "l7", "user": "\u0007"},
        FLAG | {"id": "l1", "user": "line-user"},
        {key: value for key, value in FLAG.items() if key != "id"},
    ]
    answer = house.lines("/v1/signals", lines, who="classifier-1")
    assert answer.status == 200
    found = {line["line"]: line for line in answer.lines}
    assert sorted(found) == [1, 2, 4, 5, 6, 7, 8, 9]
    assert {number: line["problem"]["code"] for number, line in found.items() if "problem" in line} == {
        2: "bad_input",
        4: "invalid",
        6: "too_large",
        7: "bad_input",
        9: "invalid",
    }
    assert found[8]["again"] and found[8]["id"] == found[1]["id"]
    assert found[5]["case"] == found[1]["case"]


def test_lines_cut_anywhere_are_the_same_lines(house: House) -> None:
    """A body in odd chunks is read as if it had come whole."""
    body = b"\n".join(json.dumps(FLAG | {"id": f"c{n}", "user": f"chunk-{n}"}).encode() for n in range(300))
    answer = house.call(
        "POST", "/v1/signals", body, who="classifier-1", headers={"Content-Type": "application/x-ndjson; charset=utf-8"}
    )
    assert [line["line"] for line in answer.lines] == list(range(1, 301))
    assert len({line["case"] for line in answer.lines}) == 300


HOSTILE: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"hello", 400),
    "nothing": (b"", 400),
    "truncated": (b'{"id": "x", "user": "u', 400),
    "NaN": (json.dumps(FLAG).encode()[:-1] + b', "score": NaN}', 400),
    "huge number": (json.dumps(FLAG).encode()[:-1] + b', "score": 1e999}', 422),
    "many digits": (json.dumps(FLAG).encode()[:-1] + b', "score": ' + b"9" * 5000 + b"}", 422),
    "two equal keys": (json.dumps(FLAG).encode()[:-1] + b', "user": "somebody-else"}', 400),
    "lone surrogate": (json.dumps(FLAG).encode()[:-1] + b', "evidence": "\\ud800"}', 400),
    "not UTF-8": (json.dumps(FLAG).encode()[:-1] + b', "evidence": "\xff\xfe"}', 400),
    "deeply nested": (b"[" * 100_000, 422),
    "deeply nested inside": (json.dumps(FLAG).encode()[:-1] + b', "person": ' + b"[" * 5000 + b"]" * 5000 + b"}", 422),
    "an array": (b"[]", 422),
    "unknown key": (json.dumps(FLAG | {"scroe": 1}).encode(), 422),
    "wrong type": (json.dumps(FLAG | {"score": "high"}).encode(), 422),
    "out of bounds": (json.dumps(FLAG | {"score": 1.5}).encode(), 422),
    "no such hazard": (json.dumps(FLAG | {"hazard": "weather"}).encode(), 422),
    "too many people": (json.dumps(FLAG | {"person": [{"kind": "name", "value": "A B"}] * 11}).encode(), 422),
    "no id": (json.dumps({k: v for k, v in FLAG.items() if k != "id"}).encode(), 422),
    "far past": (json.dumps(FLAG | {"at": "0001-01-01T00:00:00.000000Z"}).encode(), 422),
    "far future": (json.dumps(FLAG | {"at": "9999-12-31T23:59:59.999999Z"}).encode(), 422),
    "no such day": (json.dumps(FLAG | {"at": "2026-02-30T00:00:00.000000Z"}).encode(), 400),
    "another spelling of time": (json.dumps(FLAG | {"at": "2026-02-03T00:00:00Z"}).encode(), 400),
    "an account of signs nobody sees": (json.dumps(FLAG | {"user": "\u200b"}).encode(), 400),
    "a vendor that could be a member of staff": (json.dumps(FLAG | {"source": "Lead 1"}).encode(), 422),
    "too large": (json.dumps(FLAG | {"evidence": "x" * 1_100_000}).encode(), 413),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_with_a_reason(house: House, name: str) -> None:
    """Broken or hostile input gets a problem document and never a fault of ours; nothing is kept of it."""
    body, status = HOSTILE[name]
    answer = house.call("POST", "/v1/signals", body, who="classifier-1")
    assert answer.status == status, answer
    assert answer.code in {"bad_input", "invalid", "too_large"}
    assert answer.json["status"] == status
    assert house.call("GET", "/v1/health").status in {200, 503}


def test_other_types_of_body_are_not_read(house: House) -> None:
    """What is not JSON by its own word is not guessed at."""
    for path, who in (("signals", "classifier-1"), ("notices", "classifier-1"), ("accounts", "billing-1")):
        answer = house.call("POST", f"/v1/{path}", b"a=b", who=who, headers={"Content-Type": "text/plain"})
        assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_text_over_its_limit_is_refused(house: House) -> None:
    """The limit of a notice's text is the configuration's."""
    answer = house.warn("long-1", text="x" * 65_537)
    assert (answer.status, answer.code) == (413, "too_large")
    assert house.warn("long-2", text="x" * 65_536, user="user-long").status == 201


def test_unknown_ways_are_problems_too(house: House) -> None:
    """Whatever is asked, the answer is a problem document."""
    assert (house.call("GET", "/v1/nothing").status, house.call("GET", "/v1/nothing").code) == (404, "not_found")
    assert house.call("DELETE", "/v1/signals").code == "method_not_allowed"


def test_a_vendor_is_named_after_who_passes_its_flags_on(house: House) -> None:
    """The same id from two vendors of one operator is two flags."""
    body = FLAG | {"id": "vendor-1", "user": "user-vendor"}
    plain, one, two = (
        house.call("POST", "/v1/signals", body | more, who="classifier-1")
        for more in ({}, {"source": "vendor-a"}, {"source": "v" * 23})
    )
    assert len({answer.json["id"] for answer in (plain, one, two)}) == 3
    assert {answer.json["case"] for answer in (plain, one, two)} == {plain.json["case"]}


def test_a_plan_of_too_many_names_is_refused(house: House) -> None:
    """What no entry of the ledger could hold is refused before it is asked for."""
    ask = {"account": "user-many", "models": ["m" * 100 + str(n) for n in range(150)]}
    assert house.call("POST", "/v1/entitlements", ask, who="billing-1").code == "invalid"


def test_bytes_that_never_end_are_cut_off(house: House, tmp_path: Path) -> None:
    """A body of lines has a limit; what came before it is kept and answered."""
    with serving(tmp_path / "small", more="\n[limits]\nbulk_bytes = 4096\n") as small:
        lines: list[object] = [FLAG | {"id": f"b{n}", "user": f"bulk-{n}"} for n in range(100)]
        answer = small.lines("/v1/signals", lines, who="classifier-1")
        assert (answer.status, answer.code) == (413, "too_large")


def test_plans_rise_only_without_a_case(house: House) -> None:
    """Billing asks first; an account with an open case keeps what it had (F4)."""
    ask = {"account": "user-plan", "models": ["large"], "tools": None}
    assert house.call("POST", "/v1/entitlements", ask, who="billing-1").json == {"allowed": True}
    house.flag("plan-1", user="user-plan")
    answer = house.call("POST", "/v1/entitlements", ask, who="billing-1")
    assert (answer.status, answer.code) == (409, "case_open")


def test_accounts_come_singly_and_in_lines(house: House) -> None:
    """A new account has one token, however often it is told."""
    account = {"account": "acc-1", "identifiers": [{"kind": "email", "value": "a@example.org"}]}
    one = house.call("POST", "/v1/accounts", account, who="billing-1")
    assert one.status == 201
    many = house.lines("/v1/accounts", [account, {"account": "acc-2"}, {"account": 5}], who="billing-1")
    assert many.lines[0]["id"] == one.json["id"]
    assert "problem" in many.lines[2]
