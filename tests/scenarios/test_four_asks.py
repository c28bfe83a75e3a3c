"""The four asks of the founding case, end to end: real processes, a real gateway, a real worker, and the proof of it.

Law: what was ordered is in force within the hour, and whoever has the log's key alone can see that it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from answerable.cli.demo.asking import QUESTION, Asking
from answerable.cli.demo.house import ACCOUNT, ACCOUNT_EMAIL, ACCOUNT_PHONE, SECOND_ACCOUNT, House
from answerable.cli.demo.processes import Processes, until
from answerable.edge import rfc3339

BEGINS = datetime(2026, 4, 13, 15, 0, tzinfo=UTC)
PATIENCE_S = 240.0


def test_the_four_asks_are_executed_and_shown_within_the_hour(tmp_path: Path) -> None:
    """R18, F17: blocked, no new account, kept, and told; each shown by a document that is checked without the house."""
    (tmp_path / "logs").mkdir()
    house = House(tmp_path, Processes(tmp_path / "logs", {}))
    try:
        house.open(BEGINS)
        case, order, refused = _executed(house, Asking(house))
        assert house.now - BEGINS < timedelta(hours=1)
        _shown(house, case, order, refused)
        _told_once_a_day(house)
        house.processes.stop()
        status, said = house.command("check", "--config", str(house.config))
        assert (status, "FAILED" in said) == (0, False), said
    finally:
        house.processes.stop()


def _executed(house: House, asking: Asking) -> tuple[str, str, int]:
    """Let her warn and ask to be told, the order come in and be called back; return case, order and refusals."""
    portal, lead = house.wire("portal-1"), house.wire("lead-1")
    about = [{"kind": "account", "value": ACCOUNT}]
    her = [{"kind": "email", "value": "mara.ellison@example.org"}]
    warned = portal.post(
        "/v1/notices", {"id": "n", "text": "Please stop.", "subject": about, "person": her, "reporter_is_person": True}
    ).json
    case = warned["case"]
    told = {"notice": warned["id"], "wanted": True, "from_hour": 7, "to_hour": 20}
    assert portal.post(f"/v1/cases/{case}/attempt-notices", told).status == 201
    paper = {
        "id": "o", "clauses": ["block", "no_new_account", "notify", "preserve"], "authority": "court",
        "jurisdiction": "US-CA", "document_sha256": "ab" * 32, "reference": "CGC-26-000000", "subject": about,
        "person": her, "numbers": ["+1 415 555 0199"], "dated": rfc3339(BEGINS),
    }
    order = portal.post("/v1/orders", paper).json["id"]
    assert asking.ask(QUESTION).is_served
    assert lead.post(f"/v1/cases/{case}/views", {"purpose": "legal"}).status == 201
    call = {"number": "+1 415 551 4000", "found": "official_register", "called": rfc3339(house.now)}
    assert lead.post(f"/v1/cases/{case}/orders/{order}/verifications", call).status == 201
    asking.ask_until("refuse")
    first = sum(one.got == "refuse" for one in asking.all)
    _a_further_account(house, asking)
    asking.ask(QUESTION)
    return case, order, first + 1 + sum(one.got == "refuse" for one in asking.of(SECOND_ACCOUNT, lambda _: True))


def _a_further_account(house: House, asking: Asking) -> None:
    """Let him come back under another name: limited at his first request, refused once a person said it is he."""
    own = [{"kind": "email", "value": ACCOUNT_EMAIL}, {"kind": "phone", "value": ACCOUNT_PHONE}]
    for account in (ACCOUNT, SECOND_ACCOUNT):
        seen = {"account": account, "identifiers": own, "verified_at": rfc3339(house.now)}
        assert house.wire("billing-1").post("/v1/accounts", seen).status == 201
    assert house.caught_up()
    assert asking.ask(QUESTION, SECOND_ACCOUNT).got == "limit"
    paged = _letters(house, lambda one: "under an order" in one["body"])
    assert len(paged) == 1
    (link,) = house.wire("lead-1").get("/v1/links").json["links"]
    confirmed = house.wire("lead-1").post(f"/v1/links/{link['link']}/confirmations", {"subject": link["subject"]})
    assert confirmed.status == 201
    assert house.caught_up()
    assert asking.ask(QUESTION, SECOND_ACCOUNT).got == "refuse"


def _shown(house: House, case: str, order: str, refused: int) -> None:
    """Ask for the proof until everybody has confirmed, then check it with the key and nothing of the house."""
    lead, where = house.wire("lead-1"), f"/v1/cases/{case}/orders/{order}/proof"

    def said() -> dict[str, Any]:
        if lead.post(f"{where}s", {}).status != 201:
            return {}
        assert until(lambda: lead.get(where).status == 200, PATIENCE_S), "the proof was not signed"
        return dict(lead.get(where).json["summary"])

    def is_whole() -> bool:
        found = said()
        clauses = {one["clause"]: one for one in found.get("clauses", ())}
        confirmed = clauses and clauses["block"]["confirmed"] and clauses["preserve"]["confirmed"]
        return bool(confirmed) and (found["attempts"] or {}).get("refused") == refused

    assert until(is_whole, PATIENCE_S), said()
    holds = [json.loads(line) for line in (house.home / "ports" / "holds.jsonl").read_text().splitlines()]
    assert [one["account"] for one in holds].count(ACCOUNT) >= 1
    file, key = house.home / "proof.json", _key(house)
    status, page = house.command("order", "proof", case, order, "--out", str(file), "--config", str(house.config))
    assert (status, f"{refused} refused between" in page) == (0, True), page
    assert house.command("order", "check", str(file), "--key", key)[0] == 0
    proof = json.loads(file.read_text())
    proof["summary"]["attempts"]["refused"] += 1
    file.write_text(json.dumps(proof))
    status, page = house.command("order", "check", str(file), "--key", key)
    assert (status, page.startswith("FAILED")) == (1, True), page
    assert house.command("order", "proof", case, order, "--out", str(file), "--config", str(house.config))[0] == 1


def _key(house: House) -> str:
    _, said = house.command("status", "--config", str(house.config))
    (key,) = [line.split("key to pin", 1)[1].strip() for line in said.splitlines() if "key to pin" in line]
    return key


def _told_once_a_day(house: House) -> None:
    """Let the next morning come: one letter, of the same few words, and none later that day."""
    told = lambda: _letters(house, lambda one: one["subject"] == "About the order", least=0)  # noqa: E731
    assert not told()
    assert house.jump(datetime(2026, 4, 14, 7, 1, tzinfo=UTC))
    assert until(lambda: len(told()) == 1, PATIENCE_S), "she was not told"
    assert house.jump(datetime(2026, 4, 14, 12, 0, tzinfo=UTC))
    (letter,) = told()
    assert not {ACCOUNT, SECOND_ACCOUNT} & set(letter["body"].split())


def _letters(house: House, which: Callable[[dict[str, str]], bool], *, least: int = 1) -> list[dict[str, str]]:
    """Return the letters that are meant, once there are so many."""
    path = house.home / "ports" / "letters.jsonl"

    def found() -> list[dict[str, str]]:
        return [one for line in path.read_text().splitlines() if which(one := json.loads(line))]

    assert until(lambda: path.exists() and len(found()) >= least, PATIENCE_S)
    return found()
