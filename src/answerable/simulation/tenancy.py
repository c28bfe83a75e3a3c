"""Tenants in the simulated world and their end users: what is said of them, and what their administrations are asked.

Law: an administrator's own account shares what links, and the tenant is linked to nobody (L2); another's question is
not there (L11).
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from answerable.app import AccountIn, Identifier, IdentifierKind, SignalIn, tenants
from answerable.core import facts as f
from answerable.ports.entitlements import Plan
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Law
from answerable.simulation.people import User, named

if TYPE_CHECKING:
    from answerable.simulation.world import World

EVERY, LOOKS = timedelta(days=20), timedelta(days=12)
LAST = timedelta(days=45)
TENANT, KEY = "acme", "key-9"
BOTH = (Identifier(IdentifierKind.EMAIL, "admin@acme.example"), Identifier(IdentifierKind.PHONE, "+49 151 99999999"))


class Tenancy:
    """An organisation and a key, with an end user or two below each."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they belong to."""
        self._world = world
        self._chance = chance
        self._count = 0
        self._tenants = {name: User(account=name, email=f"admin@{name}.example") for name in (TENANT, KEY)}

    def begin(self) -> None:
        """Let the directory report the tenants, let end users come by and by, and set the first flag."""
        now, admin = self._world.house.now, User(account=f"{TENANT}/admin", email="admin@acme.example")
        for user, identifiers, party in (
            (self._tenants[TENANT], BOTH, f.Party.ORGANISATION),
            (self._tenants[KEY], (), f.Party.API_KEY),
            (admin, BOTH, f.Party.UNKNOWN),
        ):
            came = AccountIn(account=user.account, identifiers=identifiers, verified_at=now, party=party)
            self._world.enter(user, came)
        for account, harms, hazard in (
            (f"{TENANT}/ann", "mara@mail.example", f.Hazard.STALKING),
            (f"{TENANT}/bo", None, f.Hazard.OTHER),
            (f"{KEY}/cy", "nina@mail.example", f.Hazard.THREAT),
        ):
            email, writes = f"{account.replace('/', '.')}@mail.example", () if harms is None else (harms,)
            user = User(account=account, email=email, harms=harms, hazard=hazard, writes=writes)
            self._world.after(self._chance.span(timedelta(0), LAST), partial(self._comes, user))
        self._world.recur(self.come, EVERY, self._chance)
        self._world.recur(self._look, LOOKS, self._chance)

    def _comes(self, user: User) -> None:
        """Let an end user ask for the first time; no directory has ever reported one."""
        plan = Plan(plan="paid", models=("large", "small"), tools=("search",))
        self._world.house.accounts.add(user.account, plan, *named(user.email))
        self._world.people.users.append(user)
        self._world.exchange(user)()

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
        for one in [one for one in self._listed(TENANT) if one.answered is None]:
            said, user = (f.Named.END_USER, "admin") if self._chance.happens(0.5) else (f.Named.NOT_KNOWN, None)
            verb = partial(tenants.answer, app.acts, app.intake, TENANT, one.reference, said, user)
            self._world.house.act("tenant answers", verb)

    def _listed(self, tenant: str) -> list[tenants.Reference]:
        """Let a tenant see what it is asked."""
        house = self._world.house
        app = house.app
        listed = house.act("references", lambda: tenants.listed(app.acts, app.intake, tenant))
        if listed is not None:
            house.widening.shown(self._tenants[tenant].subject, listed)
        return listed or []

    def _read_as_another(self, reference: f.AskId) -> None:
        app = self._world.house.app
        said = tenants.receive(app.acts, app.intake, KEY, reference)
        kept = said is not None and said.code == "not_found"
        self._world.house.checks.that(Law.L11, kept, f"{KEY} read a question to {TENANT}")

    def _look(self) -> None:
        """Let one tenant read its questions, and the other try the same references."""
        house = self._world.house
        app = house.app
        self._listed(KEY)
        for one in self._listed(TENANT):
            house.act("reads", partial(tenants.receive, app.acts, app.intake, TENANT, one.reference))
            house.act("reads another's", partial(self._read_as_another, one.reference))
