"""What was served after somebody warned, counted four times: by the client, the gateway's log, the rows, the record.

Law: the four are equal (R9, L18); a count that misses an exchange is found.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from answerable.app import exposures
from answerable.cli.demo.asking import CHAT, QUESTION, Asking
from answerable.cli.demo.house import ACCOUNT, ACCOUNT_EMAIL, API, DSN, SMALL, House
from answerable.cli.demo.processes import Processes
from answerable.cli.wiring import open_house
from answerable.config import Config, load
from answerable.core import exposure
from answerable.core.facts import SubjectId
from answerable.core.fold import fold
from answerable.edge import parse_time
from answerable.store.protocol import Exchange
from tests.postgres import database

BEGINS = datetime(2025, 11, 14, 9, 0, tzinfo=UTC)
LONG = "word " * 40
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
TOLD = ("id", "answer", "tokens", "documents", "mentions")


@dataclass(frozen=True)
class Evening:
    """What was seen from outside: exchanges that were answered and refused after the notice, and where it all lies."""

    home: Path
    log: Path
    served: int
    refused: int
    notice_at: datetime
    database: str | None = None


@pytest.fixture(scope="module", params=["files", "database"])
def evening(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """Serve one account through the real gateway: plainly, as streams to their end and cut off, and refused."""
    with database() if request.param == "database" else nullcontext() as dsn:
        home = tmp_path_factory.mktemp("house")
        (home / "logs").mkdir()
        processes = Processes(home / "logs", {DSN: dsn} if dsn else {})
        house = House(home, processes)
        try:
            house.open(BEGINS)
            processes.kill("work")
            yield replace(_play(house, home), database=dsn)
        finally:
            processes.stop()


def _play(house: House, home: Path) -> Evening:
    asking = Asking(house)
    flag = {
        "id": "f", "user": ACCOUNT, "model": "guard", "version": "4", "label": "x", "hazard": "mass_casualty",
    }
    case = house.wire("classifier-1").post("/v1/signals", flag).json["case"]
    assert house.heard()
    asking.ask("before anybody warned")
    email = [{"kind": "email", "value": ACCOUNT_EMAIL}]
    taken = house.wire("portal-1").post("/v1/notices", {"id": "n", "text": "Please stop.", "subject": email})
    notice_at = parse_time(taken.json["at"])
    assert house.heard()
    for _ in range(5):
        asking.ask(QUESTION)
    assert asking.stream("a short one").ended(10)
    turn = {"role": "user", "content": [PICTURE, {"type": "text", "text": "Who is it?"}]}
    assert house.gateway.post(CHAT, {"model": SMALL, "messages": [turn]}, x_answerable_user=ACCOUNT).status == 403
    running = asking.stream(LONG * 20)
    while len(running.events) < 3:
        assert not running.ended(0.05)
    view = house.wire("lead-1").post(f"/v1/cases/{case}/views", {"purpose": "review"})
    assert view.status == 201
    decision = {"level": "suspended", "reason": "As I see it.", "proportionality": "Nothing milder."}
    assert house.wire("lead-1").post(f"/v1/cases/{case}/decisions", decision).status == 201
    assert running.ended(5)
    assert not running.is_whole
    for _ in range(3):
        house.gateway.post(CHAT, {"model": SMALL, "messages": []}, x_answerable_user=ACCOUNT)
        asking.ask(QUESTION)
    # Stopped in order, so that the last rows are delivered and the log is whole.
    house.processes.stop()
    after = asking.of(ACCOUNT, lambda one: one.at >= notice_at)
    served = sum(one.is_served for one in after) + 2
    refused = sum(one.got == "refuse" for one in after) + 4
    return Evening(home, house.processes.log(API), served, refused, notice_at)


def _logged(evening: Evening) -> list[tuple[Any, ...]]:
    """Return what the gateway's own log says of the exchanges after the notice."""
    found = []
    for line in evening.log.read_text("utf-8").splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        told = entry.get("told", {}) if entry.get("logger") == "answerable.gateway" else {}
        if entry.get("message") == "exchange" and parse_time(told["at"]) >= evening.notice_at:
            found.append(tuple(told[name] for name in TOLD))
    return sorted(found)


@contextmanager
def _copied(evening: Evening, home: Path) -> Iterator[Config]:
    """Copy the house with its record, and give the copy's configuration."""
    shutil.copytree(evening.home, home)
    with pytest.MonkeyPatch.context() as patch, ExitStack() as ends:
        if evening.database:
            patch.setenv(DSN, ends.enter_context(database(template=evening.database)))
        yield load(home / "answerable.toml")


def _recorded(evening: Evening, home: Path) -> tuple[list[Exchange], exposure.Exposure]:
    """Seal what the gateway brought, in a copy of the house; return its rows after the notice, and the fold's count."""
    with _copied(evening, home) as config, closing(open_house(config)) as house:
        house.answerable().seal_exposures()
        house.store.integrate()
        files = fold(house.store.all_recorded())
        (account,) = files.subjects.values()
        subject = SubjectId(account.id)
        first = exposure.first_notice_at(files.holder_cases(subject))
        assert first == evening.notice_at
        return list(house.store.exchanges(subject, since=first)), exposure.after(account, first)


def _four_counts_agree(evening: Evening, home: Path) -> None:
    rows, folded = _recorded(evening, home)
    logged = _logged(evening)
    assert sorted(tuple(getattr(row, name) for name in TOLD) for row in rows) == logged, "rows and log differ"
    served = sum(answer != "refuse" for _, answer, *_ in logged)
    assert (served, len(logged) - served) == (evening.served, evening.refused), "the log differs from what was seen"
    assert (folded.exchanges, folded.served) == (len(rows), served), "the fold differs from the rows"
    assert folded.tokens == sum(row.tokens for row in rows), "the fold differs from the rows"
    assert folded.looser == 0
    assert (folded.documents, folded.documents_not_known) == (0, 0), "the picture went nowhere"
    assert (folded.mentions, folded.mentions_not_known) == (0, served), "no name is shielded: nobody looked"


def test_served_after_notice_equals_gateway_log(evening: Evening, tmp_path: Path) -> None:
    """R9, L18: exposure fold == exchange rows == gateway log == what the client saw, a cut stream included."""
    _four_counts_agree(evening, tmp_path / "copy")


def test_a_count_that_forgets_limited_answers_is_found(
    evening: Evening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted fault: an answer with care counts as not served."""
    monkeypatch.setattr(exposures, "is_served", lambda one: one.answer == "allow")
    with pytest.raises(AssertionError, match="the fold differs from the rows"):
        _four_counts_agree(evening, tmp_path / "copy")


def test_a_block_that_loses_a_row_is_found(evening: Evening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: a block is sealed without its last exchange."""
    cut = exposures._cut
    monkeypatch.setattr(exposures, "_cut", lambda *given: [block[:-1] or block for block in cut(*given)])
    with pytest.raises(AssertionError, match="the fold differs from the rows"):
        _four_counts_agree(evening, tmp_path / "copy")
