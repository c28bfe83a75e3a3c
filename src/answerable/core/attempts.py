"""Attempts: an account that is shut out under an order tries all the same, and the protected person is told of it.

Law: she is told once a day, in the hours of her own clock, that there were attempts, and of nothing else (L12).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from answerable.core.cases import Case
from answerable.core.claims import APART
from answerable.core.facts import (
    AttemptNoticesAsked,
    AttemptNoticesEnded,
    AttemptsRefused,
    CaseId,
    Clause,
    DigestPlanned,
    DigestSent,
    ExposureSealed,
    NoticeId,
    Refused,
)
from answerable.core.journal import Journal
from answerable.core.standing import component

DAY = timedelta(days=1)
Zones = Callable[[str], tzinfo | None]
"""Returns the time zone of a name, None where nobody here knows it."""


def ask(
    journal: Journal, case_id: CaseId, notice: NoticeId, *, from_hour: int, to_hour: int, zone: str
) -> Refused | None:
    """Record that the protected person wants to be told of attempts, between these hours of a zone that is known."""
    case = journal.files.case(case_id)
    found = case.notices.get(notice)
    if found is None or found.fact.reporter != case.person:
        return Refused("not_found", "There is no such notice of the protected person.")
    if from_hour == to_hour or not {from_hour, to_hour} <= set(range(24)):
        return Refused("bad_input", "Hours are two different numbers from 0 to 23.")
    journal.write(
        AttemptNoticesAsked(
            subject=case.subject, case=case.id, notice=notice, from_hour=from_hour, to_hour=to_hour, zone=zone
        )
    )
    return None


def ask_no_more(journal: Journal, case_id: CaseId, notice: NoticeId) -> Refused | None:
    """Record that the protected person does not want to be told any more; what is planned is not sent."""
    case = journal.files.case(case_id)
    if case.telling.asked is None or case.telling.asked.notice != notice:
        return Refused("not_found", "Nobody is told of attempts under this notice.")
    journal.write(AttemptNoticesEnded(subject=case.subject, case=case.id, notice=notice))
    return None


def attempted(journal: Journal, block: ExposureSealed, *, shut_out: int, zone_of: Zones) -> None:
    """Note, in every case whose order binds the account, how often a sealed block says that it tried to come in.

    `shut_out` are the exchanges that were refused because nothing at all was to be served: an upload that a limit
    keeps back is none, and where nothing shuts the account out there is no attempt either.
    """
    if not shut_out:
        return
    bound = component(journal.files, block.subject, sealed=journal.sealed, confirmed_only=True)
    for case in [case for account in bound for case in account.cases.values()]:
        for order in case.binding():
            bars = set(order.fact.clauses) != {Clause.PRESERVE}
            if bars and order.verified_at is not None and block.since >= order.verified_at:
                journal.write(
                    AttemptsRefused(
                        subject=case.subject,
                        case=case.id,
                        order=order.fact.order,
                        account=block.subject,
                        root=block.root,
                        exchanges=shut_out,
                        since=block.since,
                        until=block.until,
                    )
                )
                if Clause.NOTIFY in order.fact.clauses:
                    _plan(journal, case, zone_of)


def _plan(journal: Journal, case: Case, zone_of: Zones) -> None:
    """Plan the digest of the day in which her hours next begin, unless that day has one."""
    asked, planned = case.telling.asked, case.telling.planned
    if asked is None or (planned is not None and planned > journal.now):
        return
    # A zone that this machine has lost is no reason to forget the attempt: what goes out waits for her hours anyway.
    zone = zone_of(asked.zone) or UTC
    send = next_start(asked.from_hour, zone, now=max(journal.now, planned + APART) if planned else journal.now)
    if planned is not None and send.astimezone(zone).date() <= planned.astimezone(zone).date():
        send = next_start(asked.from_hour, zone, now=send)
    journal.write(DigestPlanned(subject=case.subject, case=case.id, notice=asked.notice, send=send))


def next_start(hour: int, zone: tzinfo, *, now: datetime) -> datetime:
    """Return when an hour of the day in a zone next begins, after now, in UTC.

    An hour that the clocks skip begins when they were put forward; one that comes twice, the first time.
    """
    today = now.astimezone(zone).date()
    start = _start(today, hour, zone)
    return start if start > now else _start(today + DAY, hour, zone)


def _start(day: date, hour: int, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


def is_within(asked: AttemptNoticesAsked, zone: tzinfo, *, now: datetime) -> bool:
    """Tell whether now lies in her hours, which may wrap midnight."""
    return (now.astimezone(zone).hour - asked.from_hour) % 24 < (asked.to_hour - asked.from_hour) % 24


def is_wanted(case: Case, notice: NoticeId, send: datetime, *, now: datetime) -> bool:
    """Tell whether a planned digest is still to be sent: she asks, an order says so, and no later one is due."""
    asked, planned = case.telling.asked, case.telling.planned
    is_overtaken = planned is not None and send < planned <= now
    return asked is not None and asked.notice == notice and bool(case.binding(Clause.NOTIFY)) and not is_overtaken


def sent(journal: Journal, case_id: CaseId, send: datetime) -> None:
    """Record that a carrier took the planned digest; a second word of it changes nothing."""
    case = journal.files.case(case_id)
    asked = case.telling.asked
    if asked is not None and case.telling.sent != send:
        journal.write(DigestSent(subject=case.subject, case=case.id, notice=asked.notice, send=send))
