"""Letters: the words around an outgoing message; tokens and times, and of a person only what staff wrote (L11, L12)."""

from __future__ import annotations

from datetime import date, datetime

from answerable.app.briefs import Brief
from answerable.ports.notifier import Letter
from answerable.store.protocol import Outgoing

PAGER, REPORTER = "pager", "reporter"

_WHY = {
    "case_assigned": "You answer for this case from now on.",
    "nobody_looked": "Nobody has looked at this case in time. It is now yours to look at.",
    "default_took_effect": "The limit passed without a decision, so the default took effect by itself. Review it.",
    "default_stepped": "Nobody has reviewed this default, so it fell one level, as the policy's signers had agreed.",
    "deadline_missed": "A deadline of this case was missed.",
    "countersign": "You were drawn to countersign a proposal. Open the case before you sign.",
    "effects_bounded": "The hourly bound of automatic effects was reached. Cases and clocks stand; look at them.",
    "adoption_undone": "An account that is held switched off was switched on elsewhere. It stays refused here.",
    "event_reported": "Somebody reported an event outside. It counts once you have called an independent number.",
    "order_received": "An order came in. Call its issuer back under an independent number; then it is in force.",
    "account_under_order": "A further account seems to be under an order. Confirm that it is the same person, or not.",
    "hold_unconfirmed": "The operator's stores have not confirmed that they keep this account's data. Ask there.",
    "tenant_answered": "A tenant has answered what it was asked in this case. Open it.",
    "source_flooded": "A source says more than it ever did. Nobody unknown is raised by it until you confirm it.",
    "gravest_waits": "A flag of the gravest class came in a flood and waits in tier 3. Look at this case first.",
    "recall_to_sign": "You were drawn to sign the recall of a source. Read the sampled cases before you sign.",
    "vendor_notice_unread": "A vendor announced a notice that cannot be read there. It is tried again; see the log.",
    "record_altered": "The record is not what its own entries and signatures make it: somebody may have changed it.",
    "clock_suspected": "A clock is more than five minutes off. Look at the machine's time.",
}
_NAMED = (
    "case", "proposal", "item", "hold", "deadline", "rung", "found", "event", "order", "link", "source", "recall",
)  # fmt: skip
_ROLES = {"reviewer": "a reviewer", "lead": "a duty lead", "executive": "an executive", "partner": "an outside partner"}


def page(outgoing: Outgoing) -> Letter:
    """Return the letter that pages a member of staff; whoever is paged opens the case to learn more."""
    body = outgoing.body
    lines = [_WHY[body["why"]]]
    lines += [f"{name}: {body[name]}" for name in _NAMED if name in body]
    subject = f"Answerable: {body['why'].replace('_', ' ')}"
    return Letter(id=outgoing.idem, channel=PAGER, to=body["to"], subject=subject, body="\n".join(lines))


def receipt(outgoing: Outgoing, brief: Brief) -> Letter:
    """Return the letter that tells a reporter that the notice is kept, and by when it will be answered."""
    lines = [f"We received what you told us at {_time(brief.received_at)}.", _reference(brief)]
    lines.append(f"You will have an answer by {_time(brief.promised)}.")
    return _to_reporter(outgoing, brief, "We received your notice", lines)


def answer(outgoing: Outgoing, brief: Brief) -> Letter:
    """Return the letter that answers a reporter in the words of the staff member who answered."""
    lines = [f"You told us something at {_time(brief.received_at)}.", _reference(brief), ""]
    lines.append(brief.answer if brief.answer is not None else "The words of this answer were erased.")
    lines += ["", _OBJECT]
    return _to_reporter(outgoing, brief, "There is an answer to your notice", lines)


def lapse(outgoing: Outgoing, brief: Brief) -> Letter:
    """Return the letter that says by itself that the limit was missed (L5): when, whose duty, how to contest."""
    whose = _ROLES.get(brief.role.value, "a member of staff") if brief.role is not None else "nobody"
    lines = [
        f"You told us something at {_time(brief.received_at)}.",
        _reference(brief),
        f"It was the duty of {whose} to answer you by {_time(brief.promised)}.",
        "That limit was missed, and this letter goes out by itself to say so. Your notice stays open.",
        _OBJECT,
        "If somebody is in danger now, call the emergency number.",
    ]
    return _to_reporter(outgoing, brief, "Your notice was not answered in time", lines)


def attempt(outgoing: Outgoing, day: date) -> Letter:
    """Return the letter that tells a protected person of attempts: that there were some, and up to which day (L12).

    Never how many, by which account, of what, or at what time.
    """
    lines = [
        "An account under the order that protects you tried to connect, and was refused.",
        f"This covers the time up to {day:%Y-%m-%d}. You are told at most once a day, in the hours you gave.",
        f"Reference: {outgoing.body['notice']}",
        "If you do not want to be told any more, say so where you gave your notice.",
        "If you are in danger now, call the emergency number.",
    ]
    to = outgoing.body["notice"]
    return Letter(id=outgoing.idem, channel=REPORTER, to=to, subject="About the order", body="\n".join(lines))


_OBJECT = (
    "You can object by replying with the reference; somebody who has not decided will look at it. You can also turn to"
    " the police, a lawyer, or the authority that oversees online services where you live."
)


def _to_reporter(outgoing: Outgoing, brief: Brief, subject: str, lines: list[str]) -> Letter:
    # Addressed to the notice: who that is, and how it is safe to reach that person, only the inlet knows.
    return Letter(id=outgoing.idem, channel=REPORTER, to=brief.notice, subject=subject, body="\n".join(lines))


def _reference(brief: Brief) -> str:
    return f"Reference: {brief.notice}"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
