"""Standing on the server: the join over all in force for a holder; a release counts only when sealed (L2, L4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from answerable.core.cases import Case, Files, Held, Subject
from answerable.core.facts import Recorded, SubjectId
from answerable_gate import NOTHING, Entry, Frozen, Item, Level, Standing, cap, covers, join
from answerable_gate import standing as join_items

CAPPED = "^guarded"
"""Suffix of an item's id where an automatic link carries it, capped: an id stands for one content for ever."""


ITEMS_TOLD = 128
"""Above this number an entry leaves out what the others cover: one case for each of a thousand names floods no gate."""


def is_sealed(recorded: Recorded | None, sealed: int) -> bool:
    """Tell whether a releasing entry is inside a signed checkpoint of `sealed` leaves."""
    return recorded is not None and recorded.index is not None and recorded.index < sealed


def held_items(case: Case, sealed: int) -> Iterator[Held]:
    """Yield the items of a case that no decision settled and no sealed lift released."""
    return (held for held in case.held.values() if not held.settled and not is_sealed(held.lift, sealed))


def items(files: Files, subject: SubjectId, *, sealed: int) -> tuple[Item, ...]:
    """Return every item that counts for an account: its own, and its holder's over strong links (L2)."""
    found = [held.item for case in files.subject(subject).cases.values() for held in held_items(case, sealed)]
    full = {account.id for account in component(files, subject, sealed=sealed, confirmed_only=True)}
    for other in component(files, subject, sealed=sealed, confirmed_only=False):
        if other.id == subject:
            continue
        for case in other.cases.values():
            found += [_shared(held.item, full=other.id in full) for held in held_items(case, sealed)]
    return tuple(found) if len(found) <= ITEMS_TOLD else needed(found)


def needed(found: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items without which standing would be less at some moment: what earlier ones join to covers the rest.

    A gate takes no line beyond its limits, and one such line would cut every gate off from everybody behind it.
    """
    kept: list[Item] = []
    reached = NOTHING
    for item in sorted(found, key=lambda one: (one.effective, one.id)):
        if not covers(reached, item.standing):
            kept.append(item)
            reached = join(reached, item.standing)
    return tuple(kept)


def _shared(item: Item, *, full: bool) -> Item:
    return item if full else replace(item, id=item.id + CAPPED, standing=cap(item.standing, Level.GUARDED))


def component(files: Files, subject: SubjectId, *, sealed: int, confirmed_only: bool) -> list[Subject]:
    """Return the accounts that share standing with one, itself first; a withdrawn link holds until sealed."""
    found, seen = [files.subject(subject)], {subject}
    for account in found:
        for link in account.links.values():
            if link.other in seen or is_sealed(link.withdrawal, sealed):
                continue
            if link.confirmed or (link.strong and not confirmed_only):
                seen.add(link.other)
                found.append(files.subject(link.other))
    return found


def fallen(files: Files, subject: SubjectId) -> frozenset[str]:
    """Return the ids of defaults recorded as fallen due anywhere in the holder: once due, for ever due (L1)."""
    ids = {held.item.id for case in files.holder_cases(subject) for held in case.held.values() if held.fell}
    return frozenset(ids | {one + CAPPED for one in ids})


def standing(files: Files, subject: SubjectId, *, sealed: int, now: datetime) -> Standing:
    """Return what is in force for an account at `now`."""
    return join_items(items(files, subject, sealed=sealed), now, fallen(files, subject))


def yardstick(files: Files, subject: SubjectId, *, sealed: int, now: datetime) -> Standing:
    """Return the join of standing now and every armed default of the holder: below it is a lowering (L4).

    What an automatic link shares counts as it would count for this account: at most guarded (L2).
    """
    armed = (item.standing for item in items(files, subject, sealed=sealed) if item.kind == "default")
    return join(standing(files, subject, sealed=sealed, now=now), *armed)


def case_yardstick(case: Case) -> Standing:
    """Return the join of everything this one case holds, due or not."""
    return join(*(held.item.standing for held in case.live()))


def entry(files: Files, subject: SubjectId, *, sealed: int, version: int, aliases: tuple[str, ...]) -> Entry:
    """Return the whole entry of an account as the gates hold it."""
    account = files.subject(subject)
    sharing = component(files, subject, sealed=sealed, confirmed_only=False)
    is_open = any(one.has_open_case for one in sharing)
    frozen = account.frozen if account.has_open_case else None
    return Entry(
        subject=subject,
        version=version,
        items=items(files, subject, sealed=sealed),
        aliases=aliases,
        frozen=Frozen(models=frozen.models, tools=frozen.tools) if frozen else None,
        open=is_open,
        reason_ref=_reason_ref(sharing),
    )


def _reason_ref(sharing: list[Subject]) -> str | None:
    """Return what a refused user may quote: the account's token and nothing of any case or reporter (L11)."""
    return sharing[0].id if any(account.cases for account in sharing) else None


def next_due(files: Files, subject: SubjectId, *, now: datetime) -> datetime | None:
    """Return when the next default of the holder falls due, or None."""
    due = [
        held.item.effective
        for case in files.holder_cases(subject)
        for held in case.live_defaults()
        if held.item.effective > now
    ]
    return min(due, default=None)
