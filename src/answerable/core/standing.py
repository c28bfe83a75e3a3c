"""Standing on the server: the join over all in force for a holder; a release counts only when sealed (L2, L4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from answerable.core.cases import Case, Files, Held, Link, Subject
from answerable.core.facts import ItemId, LinkId, LinkWithdrawn, Recorded, SubjectId
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
    """Return every item that counts for an account: its own, and its holder's over strong links (L2).

    Over a withdrawn link that is not sealed yet goes on only what its withdrawal names, so that its proof frees it all.
    """
    found = [held.item for case in files.subject(subject).cases.values() for held in held_items(case, sealed)]
    full, part = (_ids(_reached(files, subject, _stands, full=full)) for full in (True, False))
    still_full = _ids(component(files, subject, sealed=sealed, confirmed_only=True))
    still_part = component(files, subject, sealed=sealed, confirmed_only=False)
    named = _named(still_part, sealed)
    for other in still_part[1:]:
        for held in (held for case in other.cases.values() for held in held_items(case, sealed)):
            goes_on = held.item.id in named
            if other.id in full or (goes_on and other.id in still_full):
                found.append(held.item)
            elif other.id in part or goes_on:
                found.append(_capped(held.item))
    return tuple(found) if len(found) <= ITEMS_TOLD else needed(found)


def carried_over(files: Files, subject: SubjectId, link: LinkId) -> tuple[ItemId, ...]:
    """Return the items that an account and those on its side of a link have, or have in full, only because of it.

    Settled ones too: a gate that missed the line in which a decision took a default's place still holds the default.
    """
    found: dict[ItemId, None] = {}
    for full in (True, False):
        without = _ids(_reached(files, subject, lambda one: _stands(one) and one.id != link, full=full))
        for other in _reached(files, subject, _stands, full=full):
            if other.id not in without:
                found |= {ItemId(held.item.id): None for case in other.cases.values() for held in case.held.values()}
    return tuple(found)


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


def _capped(item: Item) -> Item:
    return replace(item, id=item.id + CAPPED, standing=cap(item.standing, Level.GUARDED))


def _named(accounts: Iterable[Subject], sealed: int) -> frozenset[str]:
    """Return the ids that withdrawals name which are not sealed yet."""
    links = (link for account in accounts for link in account.links.values() if not is_sealed(link.withdrawal, sealed))
    facts = (one.fact for link in links for one in link.withdrawals)
    return frozenset(item for fact in facts if isinstance(fact, LinkWithdrawn) for item in fact.lifts)


def component(files: Files, subject: SubjectId, *, sealed: int, confirmed_only: bool) -> list[Subject]:
    """Return the accounts that share standing with one, itself first; a withdrawn link holds until sealed."""
    return _reached(files, subject, lambda link: not is_sealed(link.withdrawal, sealed), full=confirmed_only)


def _reached(files: Files, subject: SubjectId, holds: Callable[[Link], bool], *, full: bool) -> list[Subject]:
    """Return the accounts that one reaches over the links that hold, itself first; with `full` over confirmed ones."""
    found, seen = [files.subject(subject)], {subject}
    for account in found:
        for link in account.links.values():
            ties = link.confirmed or (link.strong and not full)
            if ties and link.other not in seen and holds(link):
                seen.add(link.other)
                found.append(files.subject(link.other))
    return found


def _stands(link: Link) -> bool:
    return link.withdrawal is None


def _ids(accounts: Iterable[Subject]) -> frozenset[SubjectId]:
    return frozenset(account.id for account in accounts)


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
    frozen = account.frozen if account.is_frozen else None
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
