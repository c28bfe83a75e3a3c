"""Gates: the feed is resumed where it broke off, and what gates saw and hold is kept once."""

from __future__ import annotations

import http.client
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.running import PATIENCE_S, House, until

EXCHANGE = {
    "at": "2026-11-01T12:00:00.000000Z", "gate": "gate-1", "answer": "limit", "level": 2, "standing": 2, "tokens": 12,
    "digest": "ab" * 32, "complete": True,
}


def subject(house: House, case: str) -> str:
    """Return whose case it is."""
    return str(house.call("GET", f"/v1/cases/{case}", who="lead-1").json["subject"])


def test_the_feed_tells_whose_it_is_and_how_far_it_goes(house: House) -> None:
    """A greeting, every entry, and a heartbeat once all was sent."""
    house.flag("feed-1", user="user-feed")
    found = house.feed()
    assert [found[0]["kind"], found[-1]["kind"]] == ["hello", "heartbeat"]
    assert found[0]["policy"]["version"] == 1
    assert found[-1]["seq"] == max(line["seq"] for line in found[1:-1])


def test_the_configuration_may_be_stricter_than_the_policy(house: House) -> None:
    """The shipped policy allows where it does not know; the file of this house does not."""
    policy = house.feed()[0]["policy"]
    assert (policy["on_stale"], policy["on_cold_start"], policy["on_no_identity"]) == ("guarded", "refuse", "guarded")


def test_the_feed_is_resumed(house: House) -> None:
    """From its own place on a gate gets what is new and nothing else."""
    house.flag("resume-1", user="user-resume-1")
    head = house.feed()[-1]["seq"]
    assert [line["kind"] for line in house.feed(head)] == ["hello", "heartbeat"]
    case = house.flag("resume-2", user="user-resume-2").json["case"]
    found = house.feed(head)
    assert [line["entry"]["subject"] for line in found[1:-1]] == [subject(house, case)]


def test_a_new_measure_reaches_an_open_feed_at_once(house: House) -> None:
    """Gates hear of a change well within a second."""
    connection = http.client.HTTPConnection(urlsplit(house.api).netloc, timeout=PATIENCE_S)
    connection.request("GET", "/v1/feed?after=0", headers={"Authorization": f"Bearer {house.tokens['gate']}"})
    response = connection.getresponse()
    while b'"heartbeat"' not in response.readline():
        pass
    house.flag("live-1", user="user-live")
    told = (response.readline() for _ in range(20))  # of heartbeats there is one in a second
    assert any(b'"entry"' in line for line in told)
    connection.close()


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 19, ""])
def test_a_place_in_the_feed_is_a_number(house: House, after: str) -> None:
    """A place that is none is refused."""
    answer = house.call("GET", f"/v1/feed?after={after}", who="gate")
    assert (answer.status, answer.code) == (400, "bad_input")


def test_an_exchange_is_kept_once(house: House) -> None:
    """The same rows again change nothing; one bad row keeps all of them out."""
    whose = subject(house, house.flag("ex-1", user="user-ex").json["case"])
    rows: list[object] = [EXCHANGE | {"id": f"ex-{n}", "subject": whose} for n in range(3)]
    assert house.lines("/v1/exchanges", rows, who="gate").json == {"new": 3}
    assert house.lines("/v1/exchanges", rows, who="gate").json == {"new": 0}
    bad = house.lines("/v1/exchanges", [EXCHANGE | {"id": "ex-9", "subject": whose}, b"{}"], who="gate")
    assert (bad.status, bad.code) == (400, "bad_input")
    assert bad.json["detail"].startswith("line 2: ")
    assert house.lines("/v1/exchanges", [EXCHANGE | {"id": "ex-9", "subject": whose}], who="gate").json == {"new": 1}


def test_decided_and_confirmed_are_two_facts(house: House) -> None:
    """A gate's confirmation is counted once for each item that it holds (L9)."""
    case = house.flag("conf-1", user="user-conf", hazard="mass_casualty").json["case"]
    whose = subject(house, case)
    items = [item["id"] for item in house.items() if item["of"] == whose]
    assert items
    body = {"gate": "gate-1", "subject": whose, "items": [*items, "it_unknown"]}
    assert house.call("POST", "/v1/confirmations", body, who="gate").json == {"new": len(items)}
    assert house.lines("/v1/confirmations", [body, body], who="gate").json == {"new": 0}


def test_a_gap_is_a_fact(house: House) -> None:
    """What a gate served and could not keep is told, once, for a subject that is known here (L18)."""
    whose = subject(house, house.flag("gap-1", user="user-gap").json["case"])
    span = {"since": EXCHANGE["at"], "until": EXCHANGE["at"], "exchanges": 4, "reason": "no_room"}
    gap = {"gate": "gate-1", "subject": whose} | span
    assert house.lines("/v1/gaps", [gap, gap, gap | {"subject": "sub_unknown"}], who="gate").json == {"new": 1}


def test_a_gate_in_contact_is_in_force(house: House) -> None:
    """Whoever reads the feed is listed with its contact."""
    house.feed()

    def listed() -> list[dict[str, Any]]:
        report: dict[str, Any] = house.call("GET", "/v1/health").json
        # Gates of other tests have been silent for a while, or not.
        assert report["not_in_force"] == [one["gate"] for one in report["gates"] if not one["in_force"]]
        return [one for one in report["gates"] if one["gate"] == "127.0.0.1"]

    (gate,) = until(listed, "a gate was heard of")
    assert gate["in_force"]


def test_a_checkpoint_follows_what_was_written(house: House) -> None:
    """What was accepted is soon under a signed checkpoint, for anybody to keep."""
    house.flag("seal-1", user="user-seal")
    until(lambda: house.call("GET", "/v1/health").json["checkpoint"]["behind"] == 0, "everything is sealed")
    note = house.call("GET", "/v1/checkpoint")
    assert note.headers["content-type"].startswith("text/plain")
    origin, size, _root, *_ = note.body.decode().split("\n")
    assert origin.startswith("record/")
    assert int(size) == house.call("GET", "/v1/health").json["checkpoint"]["size"]


def test_a_gate_that_reads_nothing_holds_up_no_other(house: House) -> None:
    """Ten of them hang on the line with the smallest of windows; one that reads hears of everything."""
    slow = []
    for number in range(10):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        one.connect(("127.0.0.1", urlsplit(house.api).port))
        bearer = f"authorization: Bearer {house.tokens['gate']}"
        one.sendall(f"GET /v1/feed?gate=slow-{number} HTTP/1.1\r\nhost: x\r\n{bearer}\r\n\r\n".encode())
        slow.append(one)
    try:
        before = house.feed()[-1]["seq"]
        flag = {"model": "m", "version": "3", "label": "x", "hazard": "threat"}
        flags: list[object] = [flag | {"id": f"slow-{number}", "user": f"user-slow-{number}"} for number in range(40)]
        assert house.lines("/v1/signals", flags, who="classifier-1").status == 200
        found = house.feed(before)
        assert [found[0]["kind"], found[-1]["kind"], len(found)] == ["hello", "heartbeat", 42]
    finally:
        for one in slow:
            one.close()


def test_a_gate_that_says_that_it_ends_is_no_alarm(house: House) -> None:
    """It leaves the list, and only a gate may say so."""
    listed = lambda: [one["gate"] for one in house.call("GET", "/v1/health").json["gates"]]  # noqa: E731
    house.call("GET", "/v1/health")
    connection = http.client.HTTPConnection(urlsplit(house.api).netloc, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {house.tokens['gate']}"}
    connection.request("GET", "/v1/feed?gate=leaves-1", headers=headers)
    response = connection.getresponse()
    until(lambda: response.readline() and "leaves-1" in listed(), "the gate was heard of")
    connection.close()
    assert house.call("POST", "/v1/departures", {"gate": "leaves-1"}).status == 401
    assert house.call("POST", "/v1/departures", {"gate": "leaves-1"}, who="gate").json == {"new": 1}
    until(lambda: "leaves-1" not in listed(), "the gate is gone")
