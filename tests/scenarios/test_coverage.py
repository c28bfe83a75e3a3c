"""Served is what stands in rows and what is said to be missing: with no room in a gateway, and with a killed one.

Law L18: what the gateway's own log holds, and the record does not, lies in a gap that the record names.
"""

from __future__ import annotations

import json
import signal
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from answerable.api.shapes import ExchangeBody, GapBody
from answerable.app.files import CaseFile
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.core.facts import CaseId, StaffId, SubjectId
from answerable.edge import parse_time
from answerable.gateway.stand_in import StandIn
from answerable_gate import Level
from tests.cli.conftest import model  # noqa: F401 - a fixture
from tests.cli.test_gateway_host import kit, listed
from tests.cli.test_serve import answered
from tests.gateway.test_app import run
from tests.gateway.world import World, held, until
from tests.running import House, settle_house
from tests.running import until as wait_until
from tests.work.memory import in_memory

LEAD = StaffId("lead-1")
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def test_with_no_room_rows_and_gaps_are_what_was_served(tmp_path: Path) -> None:
    """A gateway whose store is away, with room for two of eight: the case file has all eight, three of them as rows."""
    served: list[int] = []

    async def story(world: World) -> None:
        await world.hold(held(Level.WATCH))
        world.store.status = 503
        served.extend([(await world.chat()).status for _ in range(7)])
        world.store.status = 200
        await until(lambda: len(world.store.rows()) == 2)
        served.append((await world.chat(messages=[{"role": "user", "content": [PICTURE]}])).status)
        await until(lambda: len(world.store.rows("gaps")) == 1)

    world = run(story, World(changes={"rows_max": 2}, upstream=StandIn(token_s=0)))
    assert served == [200] * 8
    house = in_memory(tmp_path)
    case = CaseId(str(house.warn("n1").case))
    row = house.store.case_row(case)
    assert row is not None
    _replay(house.answerable, row.subject, world)
    file = house.answerable.view_case(case, staff=LEAD, purpose="review")
    assert isinstance(file, CaseFile)
    (since,) = file.body["exposure_since"]
    assert (since["served"], since["is_whole"]) == (3, False)
    assert (since["documents"], since["documents_not_known"], since["mentions_not_known"]) == (1, 0, 3)
    assert [(gap["reason"], gap["exchanges"]) for gap in since["gaps"]] == [("no_room", 5)]
    assert since["served"] + sum(gap["exchanges"] for gap in since["gaps"]) == len(served)


def _replay(answerable: Any, subject: SubjectId, world: World) -> None:
    """Hand a record, line by line, what a gateway had sent."""
    rows = [ExchangeBody(**row).taken() for row in world.store.rows()]
    answerable.record_exchanges([replace(one, subject=subject) for one in rows])
    for line in world.store.rows("gaps"):
        gap = GapBody(**line)
        since, until_ = parse_time(gap.since), parse_time(gap.until)
        answerable.record_gap(
            subject, since=since, until=until_, reason=gap.reason, gate=gap.gate, exchanges=gap.exchanges
        )
    answerable.seal_exposures()


@pytest.fixture
def house(tmp_path: Path, model: str) -> Any:  # noqa: F811 - the fixture above
    """Give a house before whose model a gateway of its own process can stand."""
    found = settle_house(tmp_path / "house", more=f'\n[upstream]\nurl = "{model}"\n')
    try:
        yield found
    finally:
        found.close()


def test_what_a_killed_gateway_had_not_delivered_lies_in_a_gap(house: House, tmp_path: Path) -> None:
    """Killed in the middle of serving, and started again under its name: its log holds more than the record says."""
    house.config.write_text(house.config.read_text().replace("[gate]", "[gate]\nlease_s = 2"))
    store = house.start("serve", "--roles", "api,worker")
    host = kit(house, tmp_path / "host")
    host.config.write_text(host.config.read_text().replace("[gate]", '[gate]\nname = "front-1"'))
    try:
        process = host.start("serve")
        case = house.warn("n1", user="user-1").json["case"]
        wait_until(lambda: answered(host, "user-1") == 200 and _logged(host), "the gateway knows of the case")
        # The store stands still, as under a long pause: what is offered to it is not taken, and the rest waits.
        store.send_signal(signal.SIGSTOP)
        served = sum(answered(host, "user-1") == 200 for _ in range(4))
        time.sleep(1)
        served += sum(answered(host, "user-1") == 200 for _ in range(4))
        host.kill(process)
        store.send_signal(signal.SIGCONT)
        host.start("serve")
        wait_until(lambda: listed(house) == [("front-1", True)], "it is back")

        def gaps() -> Any:
            (since,) = house.view(case, "lead-1").json["exposure_since"]
            return [gap for gap in since["gaps"] if gap["until"] is not None]

        (gap,) = wait_until(gaps, "the span is written down")
    finally:
        host.close()
        house.close()
    logged = _logged(host)
    assert served == 8 and len(logged) >= 8
    missing = [at for name, at in logged.items() if name not in _recorded(house, case)]
    assert missing, "nothing was lost, so nothing was shown"
    assert gap["reason"] == "gate_lost"
    assert all(parse_time(gap["since"]) <= at <= parse_time(gap["until"]) for at in missing)


def _logged(host: House) -> dict[str, datetime]:
    """Return the exchanges in the gateway's own log, by id."""
    found = {}
    for line in (host.home / "serve.log").read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        told = entry.get("told", {}) if entry.get("logger") == "answerable.gateway" else {}
        if entry.get("message") == "exchange":
            found[told["id"]] = parse_time(told["at"])
    return found


def _recorded(house: House, case: str) -> set[str]:
    """Return the ids of the rows in the record."""
    with closing(open_house(load(house.config))) as opened:
        row = opened.store.case_row(CaseId(case))
        assert row is not None
        return {one.id for one in opened.store.exchanges(row.subject)}
