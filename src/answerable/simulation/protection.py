"""What must be in force, worked out plainly from the facts, and compared with the store and with every gate (L1, L2).

Law: at a gate it is real time that counts: a limit is over when it has lasted, whatever any clock says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

from answerable.simulation.laws import Checks, Law
from answerable.simulation.witness import SeenItem, Witness
from answerable_gate import NOTHING, Entry, Item, Level, Standing, Verdict, cap, covers, join
from answerable_gate import standing as join_items

ON_THE_WAY = timedelta(seconds=6)
"""What a line may take from the store to a gate while they are in contact; `left` counts from its arrival."""


def weighing(
    witness: Witness, subject: str, sealed: int, *, by: timedelta | None = None
) -> Iterator[tuple[SeenItem, Standing]]:
    """Yield what counts or will count for an account: its own and its holder's, without what a sealed lift let go.

    With `by` over the links that were known at that true time. Over a link that was withdrawn, and not sealed yet, goes
    on what was there when it was withdrawn.
    """
    full, part = (witness.sharing(subject, None, full=one, by=by) for one in (True, False))
    still_full, still = (witness.sharing(subject, sealed, full=one, by=by) for one in (True, False))
    before = witness.withdrawn_at(still, sealed)
    for case in witness.cases_of(still):
        for item in case.items.values():
            if witness.is_sealed(item.lift, sealed):
                continue
            goes_on = item.index < before
            if case.subject in full or (goes_on and case.subject in still_full):
                yield item, item.standing
            elif case.subject in part or goes_on:
                yield item, cap(item.standing, Level.GUARDED)


def by_record(witness: Witness, subject: str, sealed: int, now: datetime | None) -> Standing:
    """Return what is in force by the record's own time; with None, what will be once everything armed is due."""
    return join(
        *(
            standing
            for item, standing in weighing(witness, subject, sealed)
            if not item.settled and (now is None or item.fell or item.due <= now)
        )
    )


def by_nature(
    witness: Witness,
    subject: str,
    sealed: int,
    true: timedelta,
    *,
    contact: timedelta,
    lowest: Callable[[timedelta], timedelta],
) -> list[tuple[SeenItem, Standing]]:
    """Return the least that a gate holds: all that was written before its last contact and whose limit has lasted.

    `lowest` tells how little ahead of true time anybody who could tell a gate has been since some moment; a gate that
    had to ask again was told so much later.
    """
    return [
        (item, standing)
        for item, standing in weighing(witness, subject, sealed, by=contact)
        if item.known <= contact and item.known + item.limit + _told_later(item, lowest) + ON_THE_WAY <= true
    ]


def ever(witness: Witness, subject: str) -> Iterator[SeenItem]:
    """Yield all that a gate, whatever it missed, may hold of an account: its own and of whom it was ever linked to."""
    for case in witness.cases_of(witness.sharing(subject, 0, full=False)):
        yield from case.items.values()


def _told_later(item: SeenItem, lowest: Callable[[timedelta], timedelta]) -> timedelta:
    return max(timedelta(0), item.ahead - lowest(item.known))


def check_entry(
    checks: Checks, witness: Witness, entry: Entry, sealed: int, now: datetime, fallen: frozenset[str]
) -> None:
    """Check that the entry the store sends out is the join over everything, now and in the end (L2)."""
    subject = entry.subject
    for moment, seen in ((now, join_items(entry.items, now, fallen)), (None, join_items(entry.items, _END, fallen))):
        due = by_record(witness, subject, sealed, moment)
        when = "now" if moment else "once all is due"
        checks.that(
            Law.L2,
            seen == due,
            f"{subject} has {_words(seen)} {when}, the facts say {_words(due)}",
        )
    for item in entry.items:
        _check_item(checks, witness, item)


def _check_item(checks: Checks, witness: Witness, item: Item) -> None:
    name = item.id.split("^")[0]
    for case in witness.accounts.get(item.of, ()):
        seen = witness.cases[case].items.get(name)
        if seen is not None:
            whole = item.effective == seen.due and item.standing in (seen.standing, cap(seen.standing, Level.GUARDED))
            checks.that(Law.L3, whole, f"{name} was armed for {seen.due} and is sent out for {item.effective}")
            same = item.review_by == seen.review
            checks.that(Law.L3, same, f"{name} is reviewed by {seen.review} and is sent out with {item.review_by}")
            return
    checks.that(Law.L7, False, f"{name} is sent out and stands in no fact")


def check_verdict(
    checks: Checks, verdict: Verdict, owed: Standing, possible: Iterable[SeenItem], unknown: Level, *, where: str
) -> None:
    """Check that an exchange was judged by no less than what is owed (L1), and by nothing that is not there (L2).

    `unknown` is what the gate gives at this moment to whom it may not know.
    """
    found = Standing(verdict.level, verdict.limits, verdict.shields)
    most = max((unknown, *(item.standing.level for item in possible)))
    checks.that(Law.L2, found.level <= most, f"{where} judged by {_words(found)}, and nothing there is above {most}")
    seen = f"{where} judged by {_words(found)} and owed {_words(owed)}"
    checks.that(Law.L1, covers(found, owed), seen)
    if owed.refuses:
        checks.that(Law.L1, verdict.answer == "refuse", f"{where} served what it had to refuse")
    elif owed.limits_anything:
        checks.that(Law.L1, verdict.answer != "allow", f"{where} served without a limit")


def _words(standing: Standing) -> str:
    return "nothing" if standing == NOTHING else " ".join((standing.level.word, *sorted(standing.limits)))


_END = datetime.max.replace(tzinfo=UTC)
