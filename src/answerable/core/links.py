"""Links: accounts that share identifiers become one holder by few facts; nothing is merged (L2, F19, F23).

Law: whom the links join is whom all pairs that share identifiers would join, but for those that two people took apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from answerable.core import signals
from answerable.core.cases import Link, Subject
from answerable.core.facts import AccountsLinked, LinkId, LinkWithdrawn, ProposalId, SubjectId, Tier
from answerable.core.journal import Journal
from answerable.core.standing import carried_over, case_yardstick

VERIFIED_WITHIN = timedelta(days=365)
STRONG_AT = 2
LIFTS_MAX = 256
"""How many items one withdrawal names; what a link carried beyond these, further ones name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An identifier that two accounts share: its kind, when the operator verified it, and whether it may link at all.

    `is_protected` says that it belongs to a protected person or a reporter: such an identifier never links.
    """

    kind: str
    verified_at: datetime | None
    is_protected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Two accounts and what they share."""

    one: SubjectId
    other: SubjectId
    matches: tuple[Match, ...]


def is_strong(matches: Sequence[Match], *, now: datetime) -> bool:
    """Tell whether two accounts share two exact, independent identifiers, verified within 12 months."""
    kinds = {
        match.kind
        for match in matches
        if not match.is_protected and match.verified_at is not None and now - match.verified_at <= VERIFIED_WITHIN
    }
    return len(kinds) >= STRONG_AT


def link(journal: Journal, one: SubjectId, other: SubjectId, matches: Sequence[Match]) -> LinkId | None:
    """Link two accounts in both their streams; None where nothing may link them or they are linked already."""
    strong = is_strong(matches, now=journal.now)
    usable = _usable(matches)
    if one == other or not usable or _is_settled(journal, one, other, usable, strong=strong):
        return None
    # Many people stand behind a key or an organisation: what one of them shares with it makes nobody one person.
    if any(journal.files.subject(end).is_tenant for end in (one, other)):
        return None
    link_id = LinkId(journal.mint.token("ln"))
    for here, there in ((one, other), (other, one)):
        journal.write(AccountsLinked(subject=here, other=there, link=link_id, strong=strong, identifiers=usable))
    signals.meet(journal, one)
    return link_id


def _usable(matches: Sequence[Match]) -> tuple[str, ...]:
    return tuple(sorted({match.kind for match in matches if not match.is_protected}))


def _is_settled(
    journal: Journal, one: SubjectId, other: SubjectId, usable: tuple[str, ...], *, strong: bool
) -> bool:
    """Tell whether the two are linked as well already, or two people took them apart for these very identifiers.

    What people took apart, no machine puts together again (L4).
    """
    known = [link for link in journal.files.subject(one).links.values() if link.other == other]
    return any(
        link.strong >= strong and (link.withdrawal is None or set(usable) <= set(link.identifiers)) for link in known
    )


def tie(journal: Journal, one: SubjectId, shared: Mapping[SubjectId, Sequence[Match]]) -> list[LinkId]:
    """Link an account to those with whom it shares identifiers, the riskiest first, once for each holder among them.

    The 200th account of one person needs one link, not 199: whoever is of its holder already gets no further one.
    """
    order = sorted(
        shared, key=lambda other: (not is_strong(shared[other], now=journal.now), *risk(journal.files.subject(other)))
    )
    made: list[LinkId] = []
    joined = _joined(journal, one)
    for other in order:
        if other in joined or _is_seen(journal, one, other, shared[other]):
            continue
        found = link(journal, one, other, shared[other])
        if found is not None:
            made.append(found)
            joined = _joined(journal, one)
    return made


def risk(account: Subject) -> tuple[int, int, str]:
    """Return where an account stands among others, the riskiest first: by what its cases hold, then by their tier."""
    level = max((case_yardstick(case).level for case in account.cases.values()), default=0)
    tier = min((case.tier for case in account.cases.values() if case.is_open), default=max(Tier) + 1)
    return -level, tier, account.id


def _joined(journal: Journal, one: SubjectId) -> frozenset[SubjectId]:
    return frozenset(account.id for account in journal.files.holder(one))


def _is_seen(journal: Journal, one: SubjectId, other: SubjectId, matches: Sequence[Match]) -> bool:
    """Tell whether a weak link would show people nothing new: one for the same identifiers leads there already."""
    if is_strong(matches, now=journal.now):
        return False
    usable = set(_usable(matches))
    near = {
        link.other
        for link in _standing(journal.files.subject(one).links.values())
        if usable <= set(link.identifiers)
    }
    reached, waiting = {one, other}, [other]
    while waiting and not near & reached:
        links = _standing(journal.files.subject(waiting.pop()).links.values())
        fresh = {link.other for link in links if usable <= set(link.identifiers)} - reached
        reached |= fresh
        waiting += sorted(fresh)
    return bool(near & reached)


def _standing(links: Iterable[Link]) -> Iterator[Link]:
    return (link for link in links if link.withdrawal is None)


def withdraw(
    journal: Journal, subject: SubjectId, gone: LinkId, proposal: ProposalId, shared: Iterable[Shared]
) -> None:
    """Withdraw a link in both streams, as two people agreed; `shared` is what the accounts of the holder share."""
    rejoin(journal, subject, gone, shared)
    other = journal.files.subject(subject).links[gone].other
    ends = ((subject, other), (other, subject))
    carried = [carried_over(journal.files, here, gone) for here, _ in ends]
    for (here, there), items in zip(ends, carried, strict=True):
        # An entry has 16 KiB: one fact cannot name everything that a flooded account holds.
        for start in range(0, max(len(items), 1), LIFTS_MAX):
            lifts = items[start : start + LIFTS_MAX]
            journal.write(LinkWithdrawn(subject=here, other=there, link=gone, proposal=proposal, lifts=lifts))


def rejoin(journal: Journal, subject: SubjectId, gone: LinkId, shared: Iterable[Shared]) -> LinkId | None:
    """Link anew those who stay one holder although one link among them goes, before it goes.

    Two people took two accounts apart, and nobody else: where any other pair across the gap shares what makes a strong
    link, that pair is linked in its place, so that a withdrawal frees exactly what it names (L4).
    """
    here = {subject}
    waiting = [subject]
    while waiting:
        links = _standing(journal.files.subject(waiting.pop()).links.values())
        fresh = {link.other for link in links if link.id != gone and (link.strong or link.confirmed)} - here
        here |= fresh
        waiting += sorted(fresh)
    ends = {subject, journal.files.subject(subject).links[gone].other}
    if ends <= here:
        return None
    across = (
        pair
        for pair in shared
        if (pair.one in here) is not (pair.other in here)
        and {pair.one, pair.other} != ends
        and is_strong(pair.matches, now=journal.now)
    )
    riskiest = sorted(
        across, key=lambda pair: tuple(sorted(risk(journal.files.subject(end)) for end in (pair.one, pair.other)))
    )
    tried = (link(journal, pair.one, pair.other, pair.matches) for pair in riskiest)
    return next((made for made in tried if made is not None), None)
