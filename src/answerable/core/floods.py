"""Floods: a source beyond its learned rate is taken in, and raises nobody by itself until a person has looked (L13)."""

from __future__ import annotations

from answerable.core import defaults
from answerable.core.cases import Case
from answerable.core.facts import (
    Refused,
    SignalId,
    SignalKind,
    SourceConfirmed,
    SourceFlooded,
    StaffId,
    SubjectId,
    Tier,
)
from answerable.core.journal import Journal

CONFIRMED = "source_confirmed"
WEBHOOK = "webhook"
"""Before the name of a vendor who announces by himself: each is configured, and nobody forwards for another."""


def counted(source: str) -> tuple[str, ...]:
    """Return under which names a signal counts: its source's, then that of the key which forwards it for a vendor.

    Whoever has a key names the vendors as he likes, so a bound that each name has for itself would bind nobody.
    """
    key, names_vendor, _ = source.partition(":")
    return (source, key) if names_vendor and key != WEBHOOK else (source,)


def note(journal: Journal, source: str, *, count: int, bound: int) -> None:
    """Record that a source has spoken more often in this hour than it ever learned to; once in each hour that it does.

    Somebody is paged each time. What a person confirmed in this hour is no flood again before the next.
    """
    hour = journal.now.replace(minute=0, second=0, microsecond=0)
    said = (journal.roster.floods.get(source), journal.roster.confirmed.get(source))
    if count > bound and all(at is None or at < hour for at in said):
        journal.write(SourceFlooded(source=source, bound=bound))


def holds_back(journal: Journal, subject: SubjectId, source: str) -> bool:
    """Tell whether a signal raises nobody for now: its source floods, and nothing else speaks of the account.

    A signal that two people found untrue speaks of nobody any more.
    """
    if not _floods(journal, source):
        return False
    return all(
        set(case.evidence) - (case.refuted & case.signals.keys()) <= _waiting(journal, case)
        and not (case.decisions or case.adopted or case.acts_recorded)
        for case in journal.files.holder_cases(subject)
    )


def _floods(journal: Journal, source: str) -> bool:
    """Tell whether a source floods; or the key that forwards it, unless a person found this very source meant since."""
    floods, meant_at = journal.roster.floods, journal.roster.confirmed.get(source)
    if source in floods:
        return True
    return any(key in floods and (meant_at is None or meant_at < floods[key]) for key in counted(source)[1:])


def meant(*, gravest: bool, kind: SignalKind, after_notice: bool) -> Tier:
    """Return how urgent a signal is by itself."""
    if gravest:
        return Tier.CRITICAL
    return Tier.SERIOUS if kind is SignalKind.TRAJECTORY or after_notice else Tier.CONCERN


def confirm(journal: Journal, source: str, *, staff: StaffId) -> Refused | None:
    """Record that a person finds a flood to be meant; a case that was held back is raised when next settled."""
    if not journal.roster.may_decide(staff):
        return Refused("not_authorised", "You cannot confirm a source.")
    if not _floods(journal, source):
        return Refused("not_found", "This source does not flood.")
    journal.write(SourceConfirmed(source=source, staff=staff))
    return None


def settle(journal: Journal, case: Case) -> None:
    """Raise a case to what its signals mean, once a person has confirmed the source that was held back."""
    waiting = _waiting(journal, case)
    counted = [case.signals[signal].fact for signal in case.beyond - waiting]
    tiers = [meant(gravest=fact.gravest, kind=fact.kind, after_notice=False) for fact in counted]
    if min(tiers, default=case.tier) < case.tier:
        defaults.raise_tier(journal, case, min(tiers), CONFIRMED)
        defaults.arm(journal, case, notice=None)


def _waiting(journal: Journal, case: Case) -> set[SignalId]:
    """Return the signals that came in a flood which nobody has confirmed since."""
    if not journal.roster.confirmed:
        return case.beyond
    return {one for one in case.beyond if not _is_confirmed(journal, case.signals[one].fact.source, case, one)}


def _is_confirmed(journal: Journal, source: str, case: Case, signal: SignalId) -> bool:
    confirmed = [journal.roster.confirmed.get(name) for name in counted(source)]
    return any(at is not None and at >= case.signals[signal].at for at in confirmed)
