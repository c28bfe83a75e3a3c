"""A tenant in the simulated world: flags speak of its traffic, now of an end user and now of nobody it names.

Law: its administrator's own account shares what links, and the tenant is linked to nobody (L2).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from answerable.app import AccountIn, Identifier, IdentifierKind, SignalIn, tenants
from answerable.core import facts as f
from answerable.simulation.chance import Chance
from answerable.simulation.people import User

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY = timedelta(days=20)
TENANT = "acme"
BOTH = (Identifier(IdentifierKind.EMAIL, "admin@acme.example"), Identifier(IdentifierKind.PHONE, "+49 151 99999999"))


class Tenancy:
    """One tenant, and how its administration answers."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that it belongs to."""
        self._world = world
        self._chance = chance
        self._count = 0

    def begin(self) -> None:
        """Let the directory report the tenant, and set the first flag."""
        now = self._world.house.now
        for account, party in ((TENANT, f.Party.ORGANISATION), (f"{TENANT}/admin", f.Party.UNKNOWN)):
            user = User(account=account, email=f"{party}@acme.example")
            came = AccountIn(account=account, identifiers=BOTH, verified_at=now, party=party)
            self._world.enter(user, came)
        self._world.recur(self.come, EVERY, self._chance)

    def come(self) -> None:
        """Let a flag come, and the tenant answer some time later, or never."""
        self._count += 1
        account = TENANT if self._chance.happens(0.6) else f"{TENANT}/admin"
        came = SignalIn(
            id=f"tenant-{self._count}", source="classifier-1", model="m", version="1", label="x",
            hazard=self._chance.pick((f.Hazard.THREAT, f.Hazard.STALKING)), user=account,
        )  # fmt: skip
        self._world.given.add(came.id)
        self._world.give_flag(came, User(account=account, email="admin@acme.example"))
        if self._chance.happens(0.7):
            self._world.after(self._chance.span(timedelta(hours=1), timedelta(days=20)), self._answer)

    def _answer(self) -> None:
        app = self._world.house.app
        asked = self._world.house.act("references", lambda: tenants.listed(app.acts, app.intake, TENANT)) or []
        for one in [one for one in asked if one.answered is None]:
            said, user = (f.Named.END_USER, "admin") if self._chance.happens(0.5) else (f.Named.NOT_KNOWN, None)
            verb = partial(tenants.answer, app.acts, app.intake, TENANT, one.reference, said, user)
            self._world.house.act("tenant answers", verb)
