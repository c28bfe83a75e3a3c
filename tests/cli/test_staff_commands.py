"""What staff do at the terminal: the same verbs as over HTTP, by the same tokens, and refused in the same words."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from answerable.edge import rfc3339
from tests.running import House, command, serving

WIDTH = 80


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Serve a house beside which commands are run."""
    with serving(tmp_path_factory.mktemp("staff")) as found:
        yield found


def run(house: House, *words: str, who: str = "lead-1") -> subprocess.CompletedProcess[str]:
    """Run a command as a member of staff; what it prints fits into a terminal of 80 columns."""
    token = {"ANSWERABLE_TOKEN": house.tokens[who]}
    found = command(*words, "--config", str(house.config), environment=token)
    assert "Traceback" not in found.stderr
    assert all(len(line) <= WIDTH for line in found.stdout.splitlines()), found.stdout
    assert not any(token in found.stdout + found.stderr for token in house.tokens.values())
    return found


def told(house: House, *words: str, who: str = "lead-1") -> str:
    """Return what a command says that does what it is told."""
    found = run(house, *words, who=who)
    assert found.returncode == 0, found.stderr
    return found.stdout


def refused(house: House, *words: str, who: str = "lead-1") -> str:
    """Return the one sentence of a command that is refused."""
    found = run(house, *words, who=who)
    assert (found.returncode, found.stdout) == (1, "")
    return found.stderr


def test_two_take_back_what_a_version_said(house: House) -> None:
    """Proposed, read, signed by both, let go; each step says what comes next, and what is missing (L4)."""
    case = house.flag("recalled", user="user-recalled", version="9").json["case"]
    now = datetime.now(UTC)
    span = ("--since", f"{now - timedelta(hours=1):%Y-%m-%d %H:%M}", "--until", rfc3339(now))
    of = ("--source", "classifier-1", "--model", "moderation", "--version", "9", "--reason", "It was broken.")
    made = told(house, "recall", "propose", *span, *of)
    recall = made.split()[0]
    assert f"    {case}\n" in made
    assert "to sign: lead-1 and partner-1" in made
    assert "Open the sampled cases first; 1 of 1 are unread." in refused(house, "recall", "sign", recall)
    for who in ("lead-1", "partner-1"):
        assert house.view(case, who).status == 201
        assert told(house, "recall", "sign", recall, who=who) == f"{recall} is signed by {who}\n"
        waits = "waits for the signature of partner-1" if who == "lead-1" else "either lets it take effect"
        assert waits in told(house, "recall", "list")
    assert "from tier 2 on" in told(house, "recall", "release", recall)
    shown = told(house, "recall", "show", recall)
    assert "in effect for tiers 2 and 3" in shown
    assert f"  sample:\n    {case}\n" in shown
    assert house.view(case, "lead-1").json["is_open"] is False


def test_a_flood_is_shown_and_confirmed(house: House) -> None:
    """The list says how; what does not flood cannot be confirmed."""
    flags: list[object] = [
        {"id": f"f-{number}", "user": f"user-{number}", "model": "m", "version": "1", "label": "x", "hazard": "threat"}
        for number in range(102)
    ]
    assert house.lines("/v1/signals", flags, who="classifier-1").status == 200
    assert "answerable source confirm classifier-1" in told(house, "source", "list")
    assert "classifier-1 is confirmed" in told(house, "source", "confirm", "classifier-1")
    assert told(house, "source", "list") == "no source floods\n"


def test_a_link_is_looked_at_and_confirmed(house: House) -> None:
    """With the kinds of what two accounts share, and nobody's name or number."""
    case = house.flag("linked", user="user-one").json["case"]
    for account in ("user-one", "user-two"):
        phone = [{"kind": "phone", "value": "+49 30 901820"}]
        body = {"account": account, "identifiers": phone, "verified_at": rfc3339(datetime.now(UTC))}
        assert house.call("POST", "/v1/accounts", body, who="billing-1").status == 201
    listed = told(house, "link", "list")
    link, *_ = listed.split()
    subject = next(word for word in listed.split() if word.startswith("sub_"))
    assert f"{link}  weak: phone\n" in listed
    assert f"most urgent case: {case}\n" in listed
    assert "901820" not in listed
    assert told(house, "link", "confirm", link, subject) == f"{link} is confirmed by lead-1\n"
    assert told(house, "link", "list") == "no link waits for anybody\n"


def test_a_machines_token_shows_nothing(house: House) -> None:
    """Nor does none: what is listed is listed to somebody of the staff (L6)."""
    assert "not the token of anybody on the staff" in refused(house, "link", "list", who="classifier-1")
    nobody = command("source", "list", "--config", str(house.config))
    assert (nobody.returncode, nobody.stdout) == (1, "")


def test_what_cannot_be_is_one_sentence(house: House) -> None:
    """With the way in which a time is written, and in the words of the API."""
    of = ("--source", "s", "--model", "m", "--version", "1", "--reason", "So.", "--until", "2026-04-30 10:00")
    assert "'yesterday' is no time" in refused(house, "recall", "propose", "--since", "yesterday", *of)
    assert "There is no such recall." in refused(house, "recall", "sign", "rc_none")
