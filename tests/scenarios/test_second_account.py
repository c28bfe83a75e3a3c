"""A second account through the real programs: from the directory's word to what the gateway answers.

Law: an account that is created only after our answer is limited from its first request on (L2, F19).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from answerable.cli.demo.asking import QUESTION, Asking
from answerable.cli.demo.house import ACCOUNT, House
from answerable.cli.demo.processes import Processes
from answerable.edge import rfc3339

BEGINS = datetime(2025, 11, 14, 9, 0, tzinfo=UTC)
PATIENCE_S = 240.0
HIS = [{"kind": "email", "value": "cv.private@example.net"}, {"kind": "phone", "value": "+14155550134"}]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Serve a house whose first account is suspended."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "house").mkdir()
    processes = Processes(tmp_path / "logs", {})
    found = House(tmp_path / "house", processes)
    try:
        found.open(BEGINS)
        yield found
    finally:
        processes.stop()


def test_a_second_account_is_limited_on_its_first_request(house: House) -> None:
    """The answer to the directory says so at once; the gateway follows without another word."""
    flag = {"id": "f", "user": ACCOUNT, "model": "guard", "version": "4", "label": "x", "hazard": "mass_casualty"}
    case = house.wire("classifier-1").post("/v1/signals", flag).json["case"]
    assert house.wire("lead-1").post(f"/v1/cases/{case}/views", {"purpose": "review"}).status == 201
    decision = {"level": "suspended", "reason": "As I see it.", "proportionality": "Nothing milder."}
    assert house.wire("lead-1").post(f"/v1/cases/{case}/decisions", decision).status == 201
    told = {"identifiers": HIS, "verified_at": rfc3339(house.now)}
    assert house.wire("billing-1").post("/v1/accounts", {"account": ACCOUNT, **told}).status == 201
    asking = Asking(house)
    # Before the directory has said a word, nothing is known of the second account, and nothing can be.
    assert asking.ask(QUESTION, "cv-second").got == "allow"
    answer = house.wire("billing-1").post("/v1/accounts", {"account": "cv-third", **told})
    assert answer.json["level"] == "guarded"
    assert house.caught_up()
    assert asking.ask(QUESTION, "cv-third").got == "limit"
    begun = time.monotonic()
    house.wire("billing-1").post("/v1/accounts", {"account": "cv-second", **told})
    while asking.ask(QUESTION, "cv-second").got == "allow":
        assert time.monotonic() - begun < PATIENCE_S
    assert asking.ask(QUESTION, ACCOUNT).got == "refuse"
