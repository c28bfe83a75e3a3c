"""The fold's arms for accounts: what each fact of a subject stream changes in the account's file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from answerable.core import facts as f
from answerable.core.cases import Link, Subject

SubjectArm = Callable[[Subject, Any, f.Recorded], None]


def _nothing(_subject: Subject, _fact: f.SubjectFact, _: f.Recorded) -> None:
    """The fact is for the record; no later verb reads it from the file."""


def _subject_seen(subject: Subject, fact: f.SubjectSeen, _: f.Recorded) -> None:
    subject.found = subject.found or fact.found


def _party_known(subject: Subject, fact: f.PartyKnown, _: f.Recorded) -> None:
    subject.party, subject.tenant = fact.party, fact.tenant


def _entitlements_frozen(subject: Subject, fact: f.EntitlementsFrozen, _: f.Recorded) -> None:
    subject.frozen = fact


def _raise_refused(subject: Subject, _: f.EntitlementRaiseRefused, recorded: f.Recorded) -> None:
    subject.raise_refused_by.append(recorded.by)


def _linked(subject: Subject, fact: f.AccountsLinked, recorded: f.Recorded) -> None:
    subject.links[fact.link] = Link(
        id=fact.link, other=fact.other, strong=fact.strong, at=recorded.at, identifiers=fact.identifiers
    )


def _link_confirmed(subject: Subject, fact: f.LinkConfirmed, _: f.Recorded) -> None:
    subject.links[fact.link].confirmed = True


def _link_withdrawn(subject: Subject, fact: f.LinkWithdrawn, recorded: f.Recorded) -> None:
    subject.links[fact.link].withdrawals.append(recorded)


def _exposure_sealed(subject: Subject, fact: f.ExposureSealed, recorded: f.Recorded) -> None:
    subject.exposures.append((recorded.at, fact))


def _exposure_gap(subject: Subject, fact: f.ExposureGap, _: f.Recorded) -> None:
    subject.gaps.append(fact)


ARMS: dict[type, SubjectArm] = {
    f.SubjectSeen: _subject_seen,
    f.PartyKnown: _party_known,
    f.EntitlementsFrozen: _entitlements_frozen,
    f.EntitlementRaiseRefused: _raise_refused,
    f.HelpdeskRefused: _nothing,
    f.AccountsLinked: _linked,
    f.LinkConfirmed: _link_confirmed,
    f.LinkWithdrawn: _link_withdrawn,
    f.ExposureSealed: _exposure_sealed,
    f.ExposureGap: _exposure_gap,
}
assert set(ARMS) == set(get_args(f.SubjectFact)), "a subject fact has no arm"
