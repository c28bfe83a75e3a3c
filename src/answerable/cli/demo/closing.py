"""The last chapters: another account, the worker that comes back, and what the record says of it all.

Law: what was seen over the wire and what the record says must be equal, or the story fails.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from answerable.cli.demo.chapters import account
from answerable.cli.demo.house import ACCOUNT, SECOND_ACCOUNT
from answerable.cli.demo.processes import until
from answerable.cli.demo.telling import LEAD, Telling
from answerable.edge import rfc3339
from answerable_gate import Level

DAY_AFTER = datetime(2025, 11, 11, 10, 30, tzinfo=UTC)
PROMISED = datetime(2025, 11, 13, 10, 30, tzinfo=UTC)
"""After the day that a notice of a named person promises an answer by: three days, as the shipped policies have it."""
LETTER_S = 60.0
RECORD_S = 60.0
REFUSALS = ("ActRefused", "EntitlementRaiseRefused")


def other_account(story: Telling) -> None:
    """11 November: a second account with the same verified e-mail and telephone asks for the first time."""
    stage = story.stage
    stage.chapter(DAY_AFTER, "Another account")
    story.jump(DAY_AFTER)
    stage.say("The operator's directory reports a new account, with the same verified e-mail address and telephone.")
    taken = story.send("billing-1", "/v1/accounts", account(SECOND_ACCOUNT, DAY_AFTER), 201)
    stage.came("the directory", taken, f"account taken in as {taken.json['id'][:12]}…")
    story.demand(story.house.caught_up(), "the gateway did not hear of the second account")
    said = story.asking.ask("Hello, I am new here.", account=SECOND_ACCOUNT)
    story.measured["second_account_first_verdict"] = said.got
    story.demand(said.got == "limit", f"the first request of the second account got {said.got}")
    story.show("its first request", said)
    stage.say("A link found by a machine carries care with it and no more; a person would have to confirm it.")


def comes_back(story: Telling) -> None:
    """The worker comes back: it writes down what the gate did, and the reporter hears that nobody answered her."""
    stage = story.stage
    stage.say("The workers come back. They change nothing; they write down what was, and page whoever was late.")
    story.house.start_work()
    stage.chapter(PROMISED, "Nobody answers")
    story.jump(PROMISED)
    stage.say("Staff had a day. She was promised three, which tells nobody how urgent the case is. They are over.")
    story.demand(until(lambda: letter(story) is not None, LETTER_S), "no letter went to the reporter")
    found = letter(story)
    assert found is not None, "it was there a moment ago"
    stage.note("a letter to her", "“" + " ".join(found.split("\n")[2:4]) + "”")


def letter(story: Telling) -> str | None:
    """Return the letter that says by itself that the answer was not given in time."""
    path = story.house.home / "ports" / "letters.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [one for one in map(json.loads, lines) if one["channel"] == "reporter" and "missed" in one["body"]]
    return str(found[-1]["body"]) if found else None


def the_record(story: Telling) -> None:
    """What the record says: equal to what was seen, checked by its own verifier, and a flipped byte is found."""
    stage = story.stage
    stage.chapter(story.house.now, "What the record says")
    count(story)
    compare(story)
    verify(story)
    m = story.measured
    stage.numbers(
        [
            ("cases, each with one person answerable", m["cases"]),
            ("attempts to restore, all refused, all recorded", m["restore_attempts_refused"]),
            ("answers to him between her notice and the deadline", m["served_before_deadline"]),
            ("requests refused after the deadline", m["refused_after_deadline"]),
            ("of those, answered by the same stand-in without the gate", m["without_gate"]),
            ("answers looser than what stood, or to a paused account", m["served_after_deadline"]),
            ("ledger verified", "yes" if m["ledger_verified"] else "no"),
            ("one flipped byte in an exported entry found", "yes" if m["tamper_detected"] else "no"),
        ]
    )


def count(story: Telling) -> None:
    """Count what was seen over the wire."""
    asking, deadline = story.asking, story.deadline
    before = asking.of(ACCOUNT, lambda one: story.notice_at <= one.at < deadline and one.is_served)
    refused = asking.of(ACCOUNT, lambda one: one.at >= deadline and one.got == "refuse")
    loose = asking.of(ACCOUNT, lambda one: one.at >= deadline and one.is_served)
    loose += asking.of(SECOND_ACCOUNT, lambda one: one.got == "allow")
    answers = asking.without_gate(refused)
    story.measured |= {
        "cases": len(story.house.wire(LEAD).get("/v1/cases").json["cases"]),
        "first_notice_at": rfc3339(story.notice_at),
        "deadline_at": rfc3339(deadline),
        "served_before_deadline": len(before),
        "refused_after_deadline": len(refused),
        "served_after_deadline": len(loose),
        "restore_attempts_refused": story.refused_restores,
        "without_gate": sum(answer.is_served for answer in answers),
    }
    story.demand(len(before) > 0, "nothing was served between her notice and the deadline")
    story.demand(len(refused) > 0, "nothing was refused after the deadline")
    story.demand(not loose, f"{len(loose)} exchanges were let through looser than what stood")


def compare(story: Telling) -> None:
    """Demand that the record's own count of what was served after her notice is what was seen."""
    seen = story.asking.of(ACCOUNT, lambda one: one.at >= story.notice_at)
    served = sum(one.is_served for one in seen) + STREAMED
    wanted = {"exchanges": len(seen) + STREAMED, "served": served, "looser": 0}
    found = until(lambda: exposed(story) == wanted, RECORD_S)
    story.demand(found, f"seen {wanted}, and in the record {exposed(story)}")
    file = story.open_file(LEAD, "audit")
    story.demand(file["standing"] == Level.PAUSED.word, f"the account is {file['standing']}")
    told = f"{len(seen) + STREAMED} exchanges after her notice, {served} served: equal to what was seen"
    story.stage.note("the record", told)


STREAMED = 1
"""The one answer that was running at the deadline: an exchange too, served until it was cut."""


def exposed(story: Telling) -> dict[str, Any]:
    """Return what the record says was served after her notice."""
    found = story.open_file(LEAD, "audit")["exposure_after_notice"]
    return {name: found[name] for name in ("exchanges", "served", "looser")}


def verify(story: Telling) -> None:
    """Export the ledger, verify it, flip one byte inside an entry, and verify again."""
    folder = story.house.home / "export"
    status, said = story.house.command("export", "ledger", str(folder), "--config", str(story.house.config))
    story.demand(status == 0, f"the export failed: {said}")
    story.demand(attempts(folder) == story.refused_restores, "an attempt to restore is missing in the record")
    key = pinned(story)
    status, said = story.house.command("verify", str(folder), "--key", key)
    story.measured["ledger_verified"] = status == 0 and said.startswith("VERIFIED")
    story.demand(story.measured["ledger_verified"], f"the ledger did not verify: {said}")
    story.stage.note("answerable verify", ": ".join(said.splitlines()[:2]))
    status, said = story.house.command("verify", str(tampered(folder)), "--key", key)
    story.measured["tamper_detected"] = status == 1 and said.startswith("FAILED")
    story.demand(story.measured["tamper_detected"], f"a flipped byte was not found: {said}")
    story.stage.note("one byte flipped", "FAILED: " + said.split("Faults:\n", 1)[1].splitlines()[0].strip())


def attempts(folder: Path) -> int:
    """Return how many refused attempts to restore stand in an exported ledger."""
    entries = map(json.loads, (folder / "entries.jsonl").read_bytes().splitlines())
    return sum(entry["kind"] in REFUSALS for entry in entries)


def pinned(story: Telling) -> str:
    """Return the key to pin, as `answerable status` prints it."""
    status, said = story.house.command("status", "--config", str(story.house.config))
    lines = [line.split("key to pin", 1)[1].strip() for line in said.splitlines() if "key to pin" in line]
    story.demand(status == 0 and len(lines) == 1, f"no key to pin: {said}")
    return lines[0]


def tampered(folder: Path) -> Path:
    """Return a copy of an export in which one digit of one entry in the middle is another; it is still good JSON."""
    copy = folder.with_name("tampered")
    shutil.copytree(folder, copy)
    path = copy / "entries.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines) // 2
    flipped = bytearray(lines[middle])
    digits = [place for place, byte in enumerate(flipped) if byte in b"0123456789"]
    flipped[digits[len(digits) // 2]] ^= 1
    lines[middle] = bytes(flipped)
    path.write_bytes(b"".join(lines))
    return copy


