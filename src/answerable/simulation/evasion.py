"""People who come back under further names; and the check that they stay one, but for whom people took apart (L4).

Law: the check goes through all pairs, where the house writes as few links as it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

from answerable.app import AccountIn, Identifier, IdentifierKind
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Checks, Law
from answerable.simulation.people import User, named
from answerable.simulation.witness import Witness

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY = timedelta(days=40)
AGAIN_MAX = 3


class Evasion:
    """Dangerous users and their further accounts; `same` holds the tokens of each one's accounts."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they come to."""
        self._world = world
        self._chance = chance
        self.same: dict[str, set[str]] = {}

    def begin(self) -> None:
        """Set the first."""
        self._world.recur(self.come, EVERY, self._chance)

    def come(self) -> None:
        """Let a dangerous user come back under another name, with the same e-mail address and telephone."""
        world, people = self._world, self._world.people
        users = [user for user in people.dangerous if "-again" not in user.account]
        user = self._chance.pick(users)
        times = sum(one.account.startswith(f"{user.account}-again") for one in people.users) + 1
        if times > AGAIN_MAX:
            return
        account, email = f"{user.account}-again-{times}", f"again{times}.{user.email}"
        other = replace(user, account=account, email=email, subject=None)
        people.users.append(other)
        world.house.accounts.add(other.account, world.house.accounts.of(user.account), *named(other.email))
        own = Identifier(IdentifierKind.EMAIL, f"own.{user.account}@mail.example")
        shared = (own, Identifier(IdentifierKind.PHONE, f"+49 151 {users.index(user):08d}"))
        for one in (user, other):
            came = AccountIn(account=one.account, identifiers=shared, verified_at=world.house.now)
            world.enter(one, came, partial(self._entered, user.account, one))
        world.after(timedelta(hours=1), world.exchange(other))

    def _entered(self, whose: str, user: User) -> None:
        assert user.subject is not None, "the directory's word was taken"
        self.same.setdefault(whose, set()).add(user.subject)


def check_holders(checks: Checks, witness: Witness, same: Mapping[str, set[str]]) -> None:
    """Check that the accounts of one person are one holder; `same` names them by whose they are.

    Two stay together while any third does not let go of either: only a withdrawal that names both takes them apart.
    """
    apart = {frozenset(link.ends) for link in witness.links.values() if link.withdrawn is not None}
    for whose, accounts in same.items():
        edges = [pair for pair in combinations(sorted(accounts), 2) if frozenset(pair) not in apart]
        for account in accounts:
            reached, waiting = {account}, [account]
            while waiting:
                here = waiting.pop()
                fresh = {one for pair in edges if here in pair for one in pair} - reached
                reached |= fresh
                waiting += sorted(fresh)
            lost = reached - witness.holder(account)
            checks.that(Law.L4, not lost, f"{account} of {whose} is no longer tied to {len(lost)} others")
