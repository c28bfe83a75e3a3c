"""People who answer, over HTTP: reading is a fact, a lowering takes two and time, and a barred case is not there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from answerable.config import token_hash
from tests.running import House, serving

BARRED = """
[[staff]]
id = "reviewer-9"
name = "Somebody"
role = "reviewer"
token_hash = "{hash}"
emails = ["somebody@example.org"]
"""


def test_the_whole_way_of_a_case(house: House) -> None:
    """View, decide, answer, propose, countersign; the lift is refused until the cooling-off is over (L4)."""
    flag, notice = house.flag("staff-1", user="user-staff"), house.warn("staff-n1", user="user-staff")
    case = notice.json["case"]
    assert flag.json["case"] == case
    early = house.act(case, "answers", {"notice": notice.json["id"], "outcome": "upheld", "text": "x"}, "lead-1")
    assert (early.status, early.code) == (409, "not_opened")
    file = house.view(case, "lead-1")
    assert file.status == 201
    assert file.json["notices"][0]["text"] == "He follows me and sends letters."
    assert house.act(case, "decisions", decision("paused"), "lead-1").status == 201
    for who in ("lead-1", "partner-1"):
        assert house.view(case, who).status == 201
    for kind, token in (("signal", flag.json["id"]), ("notice", notice.json["id"])):
        answer = {kind: token, "outcome": "upheld", "text": "We looked at it."}
        assert house.act(case, "answers", answer, "lead-1").status == 201
    proposal = house.act(case, "proposals", lift("guarded"), "lead-1")
    assert proposal.status == 201, proposal
    signature = {"proposal": proposal.json["proposal"]}
    assert house.act(case, "countersignatures", signature, "lead-1").code == "second_person_needed"
    assert house.act(case, "countersignatures", signature, "partner-1").status == 201
    refused = house.act(case, "lifts", signature, "lead-1")
    assert (refused.status, refused.code) == (409, "cooling_off")
    assert house.decided(case) == ["paused"]


def decision(level: str) -> dict[str, object]:
    """Return a measure with reasons."""
    return {"level": level, "limits": ["no_tools"], "reason": "Because.", "proportionality": "Nothing milder would do."}


def lift(level: str) -> dict[str, object]:
    """Return a proposal to lower to a level."""
    return {"kind": "lift", "reason": "He has been seen to.", "to": {"level": level}}


def test_one_person_cannot_decide_below(house: House) -> None:
    """What is weaker than the yardstick is refused and says so."""
    case = house.warn("below-1", user="user-below", danger_now=True).json["case"]
    house.flag("below-2", user="user-below", hazard="mass_casualty")
    house.view(case, "lead-1")
    answer = house.act(case, "decisions", decision("none"), "lead-1")
    assert answer.status == 409
    assert "detail" in answer.json


def test_the_smaller_verbs(house: House) -> None:
    """Upholdings, replies, acts, dissents, overrides, confirmations, redraws and closures have each their way in."""
    notice = house.warn("small-1", user="user-small")
    case = notice.json["case"]
    of_notice = {"notice": notice.json["id"]}
    house.view(case, "lead-1")
    assert house.act(case, "upholdings", {}, "lead-1").status == 201
    assert house.act(case, "upholdings", {}, "lead-1").code == "not_found"
    assert house.act(case, "replies", of_notice | {"text": "Thank you."}, "lead-1").status == 201
    assert house.act(case, "acts", {"evidence": notice.json["id"], "text": "It is there."}, "lead-1").status == 201
    dissent = house.act(case, "dissents", {"text": "I disagree."}, "lead-1")
    assert dissent.json["dissent"]
    override = {"dissent": dissent.json["dissent"], "text": "Noted."}
    assert house.act(case, "overrides", override, "partner-1").status in {201, 403, 409}
    assert house.act(case, "confirmations", of_notice, "lead-1").code == "not_authorised"
    assert house.act(case, "confirmations", of_notice, "partner-1").status == 201
    assert house.act(case, "redraws", {"proposal": "pr_none"}, "lead-1").code == "not_found"
    assert house.act(case, "lifts", {"proposal": "pr_none"}, "lead-1").code == "not_found"
    assert house.act(case, "closures", {"end": "resolved", "reason": "Over."}, "lead-1").status == 409
    assert house.act(case, "withdrawals", of_notice, "classifier-1").status == 201
    assert house.call("POST", "/v1/links/ln_x/confirmations", {"subject": "sub_x"}, who="lead-1").status == 404


def test_a_measure_too_long_for_an_entry_is_refused(house: House) -> None:
    """What no entry of the ledger could hold changes nothing."""
    case = house.warn("long-shield", user="user-long-shield").json["case"]
    house.view(case, "lead-1")
    person = house.call("GET", f"/v1/cases/{case}", who="lead-1").json["person"]
    shields = [{"person": person, "terms": [f"{n:03}" + "x" * 150 for n in range(200)]}]
    answer = house.act(case, "decisions", decision("guarded") | {"shields": shields}, "lead-1")
    assert (answer.status, answer.code) == (409, "bad_input")
    assert house.act(case, "decisions", decision("guarded"), "lead-1").status == 201


def test_an_answer_is_to_one_thing(house: House) -> None:
    """Neither both nor none."""
    case = house.warn("one-1", user="user-one").json["case"]
    answer = {"outcome": "upheld", "text": "x"}
    for body in (answer, answer | {"notice": "a", "signal": "b"}):
        assert house.act(case, "answers", body, "lead-1").code == "invalid"


def test_lists_hold_no_content(house: House) -> None:
    """A list shows who answers by when, never what was said, nor who is barred (L6, L11)."""
    case = house.warn("list-1", user="user-list", text="a very telling word").json["case"]
    page = house.call("GET", "/v1/cases?limit=500", who="lead-1")
    assert case in [row["case"] for row in page.json["cases"]]
    row = house.call("GET", f"/v1/cases/{case}", who="lead-1")
    assert row.json["owner"] == "lead-1"
    for body in (page.body, row.body):
        assert b"telling" not in body
        assert b"barred" not in body


def test_pages_follow_each_other(house: House) -> None:
    """Every case is on exactly one page."""
    for number in range(5):
        house.warn(f"page-{number}", user=f"user-page-{number}")
    everything = house.call("GET", "/v1/cases?limit=500", who="lead-1").json["cases"]
    found, after = [], ""
    while True:
        page = house.call("GET", f"/v1/cases?limit=2{after}", who="lead-1").json
        found += page["cases"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == everything


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=", "limit=-1", "limit=\u0661"])
def test_a_page_has_a_size(house: House, query: str) -> None:
    """A page of no size, or of any size, is refused."""
    answer = house.call("GET", f"/v1/cases?{quote(query, safe='=')}", who="lead-1")
    assert (answer.status, answer.code) == (400, "bad_input")


def test_a_barred_case_is_not_there(tmp_path: Path) -> None:
    """Whoever the reporter named, or who matches one of the two, gets the answer of a case that is not there (L6)."""
    with serving(tmp_path, more=BARRED.format(hash=token_hash("staff_nine"))) as house:
        house.tokens["reviewer-9"] = "staff_nine"
        named = house.warn("bar-1", user="user-bar", named_staff=["partner-1"]).json["case"]
        matched = house.warn("bar-2", user="user-bar-2", subject=[
            {"kind": "account", "value": "user-bar-2"}, {"kind": "email", "value": "Somebody@example.org"}
        ]).json["case"]
        missing = house.call("GET", "/v1/cases/case_nothing", who="lead-1")
        for case, who in ((named, "partner-1"), (matched, "reviewer-9")):
            answers = [house.call("GET", f"/v1/cases/{case}", who=who), house.view(case, who)]
            answers.append(house.act(case, "decisions", decision("paused"), who))
            answers.append(house.act(case, "lifts", {"proposal": "pr_x"}, who))
            assert {(answer.status, answer.body) for answer in answers} == {(404, missing.body)}
            assert case not in [row["case"] for row in house.call("GET", "/v1/cases", who=who).json["cases"]]
            assert house.view(case, "lead-1").status == 201


def test_links_are_listed_without_content(house: House) -> None:
    """Two accounts that share what was verified, and the case that makes it matter."""
    shared = [{"kind": "email", "value": "linked@example.org"}, {"kind": "phone", "value": "+14155550199"}]
    told = {"identifiers": shared, "verified_at": "2026-04-30T12:00:00.000000Z"}
    for name in ("linked-1", "linked-2"):
        assert house.call("POST", "/v1/accounts", {"account": name, **told}, who="billing-1").json["level"] == "none"
    case = house.warn("linked", user="linked-1", danger_now=True).json["case"]
    listed = house.call("GET", "/v1/links?limit=500", who="lead-1")
    assert [row["case"] for row in listed.json["links"]].count(case) == 1
    assert set(listed.json["links"][0]) == {"link", "subject", "other", "case", "strong", "identifiers"}
    assert house.call("GET", "/v1/links?limit=0", who="lead-1").status == 400
