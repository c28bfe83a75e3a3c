"""The chapters up to the deadline: the flag, the next day, three days later, her notice, and silence.

Law: names are invented; what the real case is said to have been is alleged; nobody in it is judged here.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from importlib import resources

from answerable.cli.demo.asking import QUESTION, Said, StoryFailed
from answerable.cli.demo.house import ACCOUNT, ACCOUNT_EMAIL, ACCOUNT_PHONE, LARGE, SMALL, WORK
from answerable.cli.demo.processes import until
from answerable.cli.demo.telling import Telling
from answerable.cli.demo.wire import Answer, Stream
from answerable.edge import parse_time, rfc3339
from answerable_gate import Level

FLAG_DAY = datetime(2025, 8, 12, 9, 0, tzinfo=UTC)
NEXT_DAY = datetime(2025, 8, 13, 10, 0, tzinfo=UTC)
THREE_DAYS = datetime(2025, 8, 16, 11, 0, tzinfo=UTC)
NOTICE_DAY = datetime(2025, 11, 10, 9, 0, tzinfo=UTC)
PERSON_EMAIL, PERSON_NAME = "mara.ellison@example.org", "Mara Ellison"
NOTICE = (
    "My former partner has been writing about me with your chatbot for months. It writes reports about me, and he "
    "sends them to people around me. I am afraid. Please stop this."
)
LOOK_BACK_S = 60.0
LONG_BEFORE, BEFORE, AFTER = timedelta(minutes=5), timedelta(seconds=5), timedelta(seconds=2)
EVERY_S = 0.4
STREAM_WORDS = 300
SPOKEN_S, CUT_WITHIN_S = 60.0, 20.0
FIRST = "reviewer-1"
HE = "Corvin Vale asks"


def flag(story: Telling) -> None:
    """12 August: the gravest flag, and the account is limited at once."""
    stage = story.stage
    stage.chapter(FLAG_DAY, "A flag")
    stage.say(
        "For months Corvin Vale has been talking to a chatbot about a woman who left him. Nobody outside knows.",
        "What he writes goes through a gate, and the gate has no reason yet to say anything.",
    )
    story.send("billing-1", "/v1/accounts", account(ACCOUNT, FLAG_DAY), 201)
    story.shows(HE, "allow")
    stage.say("This morning the operator's own classifier raises its gravest flag.")
    body = {
        "id": "flag-1", "user": ACCOUNT, "model": "guard", "version": "4", "label": "mass_casualty_weapons",
        "hazard": "mass_casualty", "score": 0.97, "evidence": "(what he wrote that morning)",
    }
    taken = story.send("classifier-1", "/v1/signals", body, 201)
    story.case = taken.json["case"]
    stage.came("the classifier", taken, f"flag taken in, case {story.case[:12]}… has an owner: {owner(story)}")
    story.shows(HE, "limit")
    stage.say(
        "One case, one person answerable for it, one clock. Until somebody decides he is answered [b]with care[/b]: no",
        "memory, no tools, nothing about private people. (Had the operator's own systems switched the account off and",
        "reported it, it would be off at the gate too, and nobody alone could undo that. In this story they do not.)",
    )


def account(name: str, verified_at: datetime) -> dict[str, object]:
    """Return an account as the operator's directory reports it, with its two verified identifiers."""
    given = [{"kind": "email", "value": ACCOUNT_EMAIL}, {"kind": "phone", "value": ACCOUNT_PHONE}]
    return {"account": name, "identifiers": given, "verified_at": rfc3339(verified_at)}


def owner(story: Telling) -> str:
    """Return who is answerable for the case."""
    return str(story.row()["owner"])


def next_day(story: Telling) -> None:
    """13 August: one person, two people, and billing each try to give everything back; each is refused."""
    stage = story.stage
    stage.chapter(NEXT_DAY, "Give it back")
    story.jump(NEXT_DAY)
    stage.say("A reviewer thinks it was fiction and wants to switch him on again. Alone, he cannot.")
    story.open_file(FIRST)
    wanted = {"level": "none", "reason": "It was fiction.", "proportionality": "He has paid."}
    refused(story, "a reviewer, alone", story.on_case(FIRST, "decisions", wanted, 409, "below_the_armed_default"))
    stage.say("He asks for a second signature. Both read everything, both sign. Now they owe it three days of thought.")
    second = sign(story)
    both = {"proposal": story.proposal}
    refused(story, f"he and {second}", story.on_case(FIRST, "lifts", both, 409, "cooling_off"))
    stage.say("Support wants to give him the larger plan that he had ordered.")
    plan = {"account": ACCOUNT, "models": [SMALL, LARGE], "tools": ["files"]}
    refused(story, "billing", story.send("billing-1", "/v1/entitlements", plan, 409, "case_open"))
    large = story.asking.ask("Which model are you?", model=LARGE)
    story.demand(large.got == "refuse", f"the larger model was to be refused, and the gate answered {large.got}")
    story.show("he asks the larger one", large)


def refused(story: Telling, who: str, answer: Answer) -> None:
    """Show a refused restoration and count it."""
    story.refused_restores += 1
    story.stage.came(who, answer)


def sign(story: Telling) -> str:
    """Let the first answer the flag and propose, and whoever the system draws countersign; return who that was."""
    file = story.open_file(FIRST)
    for signal in file["signals"]:
        text = {"signal": signal["id"], "outcome": "harmless", "text": "Read it all. It is from a draft of a novel."}
        story.on_case(FIRST, "answers", text)
    wanted = {"kind": "lift", "reason": "The flag was about a novel.", "to": {"level": "watch"}}
    story.proposal = story.on_case(FIRST, "proposals", wanted).json["proposal"]
    file = story.open_file(FIRST)
    second = str(next(one["drawn"] for one in file["proposals"] if one["id"] == story.proposal))
    story.open_file(second, "countersign")
    story.on_case(second, "countersignatures", {"proposal": story.proposal})
    return second


def three_days(story: Telling) -> None:
    """16 August: the same two may now lift by one step; the gate believes it only with its proof."""
    stage = story.stage
    stage.chapter(THREE_DAYS, "Three days later")
    story.jump(THREE_DAYS)
    stage.say("The same two people, the same reasons. Now it counts: one step down, with a proof that the gate checks.")
    stage.came("the two reviewers", story.on_case(FIRST, "lifts", {"proposal": story.proposal}), "lifted to watch")
    story.shows(HE, "allow")


def notice(story: Telling) -> None:
    """10 November: her notice joins the flag, the look-back finds his own words, paused is armed; the worker dies."""
    stage = story.stage
    stage.chapter(NOTICE_DAY, "She writes")
    story.jump(NOTICE_DAY)
    with resources.as_file(resources.files("answerable.cli.demo") / "history.jsonl") as file:
        arguments = ("import", str(file), "--format", "jsonl", "--config", str(story.house.config))
        status, said = story.house.command(*arguments)
    story.demand(status == 0, f"the history could not be imported: {said}")
    stage.note("his conversations", said.splitlines()[-1])
    stage.say("Mara Ellison fills in a form. She is afraid. Her receipt comes once her notice can no longer be lost.")
    taken = story.send("portal-1", "/v1/notices", notice_body(), 201)
    story.notice_at = parse_time(taken.json["at"])
    story.demand(taken.json["case"] == story.case, "her notice did not find the case of the flag")
    stage.came("Mara Ellison", taken, f"receipt {taken.json['id'][:11]}…, received {story.notice_at:%H:%M:%S}")
    story.shows(HE, "limit")
    stage.say(
        "It is the same case, so the lift of August is void, and he is answered with care again. And a notice makes",
        "the system look at what he himself wrote. A claim alone could never pause him. His own words about her can.",
    )
    look_back(story)
    kill_worker(story)


def notice_body() -> dict[str, object]:
    """Return her notice as the form passes it on."""
    person = [{"kind": "email", "value": PERSON_EMAIL}, {"kind": "name", "value": PERSON_NAME}]
    return {
        "id": "notice-1", "text": NOTICE, "subject": [{"kind": "email", "value": ACCOUNT_EMAIL}], "person": person,
        "reporter_is_person": True, "hazard": "stalking",
    }


def look_back(story: Telling) -> None:
    """Wait until the worker has looked back and paused is armed."""
    found = until(lambda: story.row()["yardstick"] >= Level.PAUSED, LOOK_BACK_S)
    story.demand(found, f"the look-back armed nothing:\n{story.house.processes.tail(WORK)}")
    row = story.row()
    story.deadline = parse_time(row["decide_due"])
    story.stage.note("the look-back", f"found; {Level(row['yardstick']).word} is armed for {story.deadline:%H:%M:%S}")
    story.demand(story.house.heard(), "the gateway did not hear of what was armed")


def kill_worker(story: Telling) -> None:
    """Kill the worker the hard way: from here on nothing runs that could act at the deadline."""
    pid = story.house.processes.pid(WORK)
    ended = story.house.processes.kill(WORK)
    story.stage.say("And now every worker dies. Nothing is left that could do anything at ten o'clock.")
    story.stage.note("the worker", f"process {pid} ended by signal {-ended}")


def silence(story: Telling) -> None:
    """The hour passes; the last seconds run in real time, and nobody decides."""
    stage = story.stage
    for text in (QUESTION, "And with another one?"):
        story.demand(story.asking.ask(text).got == "limit", "an exchange before the deadline was not limited")
    stage.chapter(story.deadline, "Silence")
    stage.say("Nobody looks, nobody decides. The last seconds as they pass: [green]●[/] answered with care, ○ refused.")
    story.jump(story.deadline - LONG_BEFORE)
    stream = story.asking.stream("word " * STREAM_WORDS)
    story.demand(until(lambda: bool(stream.events), SPOKEN_S), "the long answer did not begin")
    story.house.shift(story.deadline - BEFORE)
    stage.begin_line(f"{story.house.now:%H:%M:%S}")
    count_down(story)
    stage.end_line()
    last = story.asking.all[-1]
    story.show(HE, last)
    cut(story, stream)
    story.demand(story.measured["workers_alive_at_deadline"] == 0, "a worker was alive at the deadline")
    stage.say("No job ran. Since her notice the gate had held this moment as a date; it only looked at its clock.")


def count_down(story: Telling) -> None:
    """Ask again and again across the deadline, and mark each answer as it came."""
    while story.house.now < story.deadline:
        mark(story, story.asking.ask(QUESTION))
        time.sleep(EVERY_S)
    story.measured["workers_alive_at_deadline"] = int(story.house.processes.is_alive(WORK))
    story.stage.mark(f" {story.deadline:%H:%M:%S} ", "cyan")
    mark(story, story.asking.ask(QUESTION))
    while story.house.now < story.deadline + AFTER:
        time.sleep(EVERY_S)
        mark(story, story.asking.ask(QUESTION))


def mark(story: Telling, said: Said) -> None:
    """Mark one answer."""
    signs = {"allow": ("! ", "bold red"), "limit": ("● ", "green"), "refuse": ("○ ", ""), "nothing": ("? ", "bold red")}
    if said.got == "nothing":
        raise StoryFailed(f"the gateway gave no answer: {said.answer.status} {said.answer.line}")
    story.stage.mark(*signs[said.got])


def cut(story: Telling, stream: Stream) -> None:
    """See that the answer that was running at the deadline was cut."""
    story.demand(stream.ended(CUT_WITHIN_S), "the running answer went on after the deadline")
    story.demand(bool(stream.events) and not stream.is_whole, "the running answer was not cut")
    story.stage.came("a running answer", stream.last, f"cut after {len(stream.events) - 1} words")
