"""Genesis: staff and policy enter the record before anything else, and every later change of either is a fact (R28)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from answerable.app.acts import Act, Acts
from answerable.app.identifying import Index
from answerable.core import policy as policies
from answerable.core.facts import AUTOMATIC, PolicyAdopted, Role, StaffEnrolled, StaffId, StaffLeft
from answerable.core.roster import DECIDING
from answerable.errors import ConfigError
from answerable.vault.identifiers import Identifier, IdentifierKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member of staff as the operator's configuration names one."""

    id: str
    name: str
    role: Role
    duty: bool
    superior: str | None
    emails: tuple[str, ...] = ()


def establish(acts: Acts, index: Index, *, staff: Sequence[Person], policy: str) -> None:
    """Bring the record's roster and policy to what the configuration says; the first time, this is genesis.

    Raise `ConfigError` where the policy does not load, or no two people could sign it.
    """
    try:
        version = policies.load(policy).version
    except policies.PolicyError as error:
        raise ConfigError(str(error)) from error
    with acts.open(AUTOMATIC) as act:
        _enrol(act, index, staff)
        _adopt(act, version, policy)


def _enrol(act: Act, index: Index, staff: Sequence[Person]) -> None:
    known = act.journal.roster.staff
    for person in staff:
        enrolled = known.get(StaffId(person.id))
        wanted = _enrolment(index, person, enrolled.commit if enrolled else "")
        if enrolled != wanted or not act.journal.roster.is_active(wanted.staff):
            _, commit = act.seal(person.name, subject="system", author=person.id, slot="name")
            act.journal.write(_enrolment(index, person, commit))
    present = {person.id for person in staff}
    for gone in sorted(known.keys() - present):
        if act.journal.roster.is_active(gone):
            act.journal.write(StaffLeft(staff=gone))


def _enrolment(index: Index, person: Person, commit: str) -> StaffEnrolled:
    emails = [Identifier(IdentifierKind.EMAIL, email) for email in person.emails]
    return StaffEnrolled(
        staff=StaffId(person.id),
        role=person.role,
        duty=person.duty,
        superior=StaffId(person.superior) if person.superior else None,
        commit=commit,
        identifiers=tuple(sorted(one.key for one in index.blinds(emails))),
    )


def _adopt(act: Act, version: str, policy: str) -> None:
    roster = act.journal.roster
    address = act.tx.put_blob(policy.encode())
    if roster.policies and roster.digests[roster.policy] == address:
        return
    if version in roster.digests and roster.digests[version] != address:
        raise ConfigError(
            f"policy version {version!r} was adopted before with another text",
            hint="give the changed policy a new version",
        )
    signers = _signers(act)
    act.journal.write(PolicyAdopted(version=version, digest=address, signed_by=signers))


def _signers(act: Act) -> tuple[StaffId, ...]:
    """Return the two who answer for a policy: the first pair on the roster of whom neither is above the other."""
    roster = act.journal.roster
    able = [one for one in roster.deciders() if roster.staff[one].role in DECIDING]
    for one in able:
        for other in able:
            if one < other and not roster.are_in_one_line(one, other):
                return one, other
    raise ConfigError("no two people could sign the policy: every two stand above and below each other")
