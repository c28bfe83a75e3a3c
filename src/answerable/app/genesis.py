"""Genesis: staff, then a policy signed by two, enter the record first; every later change is a fact (R28).

Law: a signature in the record was given by the person whose name it bears; nothing here signs for anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from answerable.app.acts import Act, Acts
from answerable.app.identifying import Index
from answerable.core import policy as policies
from answerable.core.facts import AUTOMATIC, PolicyAdopted, Refused, Role, StaffEnrolled, StaffId, StaffLeft
from answerable.core.roster import Roster
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How the configured policy stands to the record: the version in force, and the configured one where it waits.

    `is_taken`: another text was adopted under its version before, so it can never be signed as it is. `is_former`: it
    was in force before, as a process sees it that was started before the newer one was signed.
    """

    in_force: str | None
    configured: str
    digest: str
    is_adopted: bool
    is_taken: bool
    is_former: bool

    @property
    def waiting(self) -> str | None:
        """Return in one sentence what the configured policy waits for, None where it is in force."""
        if self.is_adopted:
            return None
        if self.is_taken:
            return f"policy {self.configured} was adopted before with another text: a changed policy has a new version"
        again = f", again, after {self.in_force}; or start this with the policy in force" if self.is_former else ""
        return f"policy {self.configured} waits for two signatures{again}"


def establish(
    acts: Acts, index: Index, *, staff: Sequence[Person], policy: str, signers: tuple[StaffId, StaffId]
) -> None:
    """Enrol staff and adopt a policy, for whoever has both signers at hand; raise `ConfigError` if refused."""
    enrol(acts, index, staff=staff)
    refused = adopt(acts, policy=policy, signers=signers)
    if refused is not None:
        raise ConfigError(refused.reason)


def enrol(acts: Acts, index: Index, *, staff: Sequence[Person]) -> None:
    """Bring the record's roster to what the configuration says."""
    with acts.open(AUTOMATIC) as act:
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


def adoption(acts: Acts, policy: str) -> Adoption:
    """Return how a policy's text stands to the record; raise `ConfigError` where it does not load."""
    return _adoption(acts.store.roster(), policy)


def adopt(acts: Acts, *, policy: str, signers: tuple[StaffId, StaffId]) -> Refused | None:
    """Put a policy in force, signed by these two; whoever calls has seen to it that each of them agreed in person.

    Where it is in force already nothing is written. Raise `ConfigError` where it does not load.
    """
    with acts.open(signers[0]) as act:
        found = _adoption(act.journal.roster, policy)
        if found.is_adopted:
            return None
        if found.is_taken:
            return Refused("version_taken", str(found.waiting))
        refused = _unfit(act, *signers)
        if refused is None:
            address = act.tx.put_blob(policy.encode())
            act.journal.write(PolicyAdopted(version=found.configured, digest=address, signed_by=signers))
        return refused


def _adoption(roster: Roster, policy: str) -> Adoption:
    try:
        version = policies.load(policy).version
    except policies.PolicyError as error:
        raise ConfigError(str(error)) from error
    # The address of a blob (store/protocol.py), told here before anybody has signed anything.
    digest = hashlib.sha256(policy.encode()).hexdigest()
    in_force, known = roster.policies[-1] if roster.policies else None, roster.digests.get(version)
    is_adopted = in_force is not None and roster.digests[in_force] == digest
    return Adoption(
        in_force=in_force,
        configured=version,
        digest=digest,
        is_adopted=is_adopted,
        is_taken=known not in (None, digest),
        is_former=known == digest and not is_adopted,
    )


def _unfit(act: Act, first: StaffId, second: StaffId) -> Refused | None:
    roster = act.journal.roster
    for one in (first, second):
        if not roster.may_decide(one):
            return Refused("not_authorised", f"{one} may not decide, and so signs no policy.")
    if first == second:
        return Refused("not_two", "A policy is signed by two different people.")
    if roster.are_in_one_line(first, second):
        return Refused("one_line", f"One of {first} and {second} stands above the other; two sign who are in no line.")
    return None
