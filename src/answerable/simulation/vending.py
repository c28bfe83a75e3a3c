"""Model vendors in the simulated world: they announce, tell, lose, repeat and mix up, and do not always answer.

Law: the vendors of this world give a notice's own reference as its reason, so that it is known again in the record.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from answerable.app import Announced, Answerable, Reported, Taken, read_event
from answerable.config import VendorKind, WebhookTable
from answerable.core import facts as f
from answerable.ports.unknown import NotKnown
from answerable.ports.vendor import VendorCase
from answerable.simulation.chance import Chance
from answerable.simulation.laws import Law
from answerable.simulation.people import User
from answerable.work.vendors import Vendor
from answerable.work.writer import Failed, attempt
from answerable_gate import alias

if TYPE_CHECKING:
    from answerable.simulation.house import House
    from answerable.simulation.world import World

ASKED, TOLD = "vendor-1", "vendor-2"
"""One announces references, and is asked what they are about; the other says all at once."""
FLAGGED, SUSPENDED = "user.flagged", "user.suspended"
WARNING, DEACTIVATION = "warning", "deactivation"
EVERY, AGAIN, LATE = timedelta(days=9), timedelta(minutes=10), timedelta(days=3)
REACHED = 0.6
UNUSED = "NOTHING_IS_SIGNED_HERE"


class Records:
    """What the vendors have written down, and how the operator has configured them."""

    def __init__(self) -> None:
        """Begin with nothing written down, and somebody there who answers."""
        self.is_away = False
        self._notices: dict[str, VendorCase] = {}
        self._means: dict[str, VendorKind] = {}

    def write(self, reference: str, identifier: str, hazard: f.Hazard, at: datetime) -> None:
        """Write a notice down; the operator knows which hazard its reason is."""
        self._notices[reference] = VendorCase(identifier=identifier, kind="", reason=reference, at=at)
        self._means[reference] = VendorKind(hazard=hazard)

    def fetch(self, reference: str) -> VendorCase | NotKnown:
        """Return the notice of a reference, or nothing while the vendor is away."""
        return NotKnown("the vendor is away") if self.is_away else self._notices[reference]

    def table(self, name: str) -> WebhookTable:
        """Return a vendor as it is configured by now."""
        kinds = self._means | {SUSPENDED: VendorKind(adopts=True)}
        if name == ASKED:
            return WebhookTable(name=name, secret_env=UNUSED, format="openai", identifier="alias", kinds=kinds)
        return WebhookTable(
            name=name, secret_env=UNUSED, account="/user", kind="/type", id="/id", reason="/why", at="/at", kinds=kinds
        )


class Vendors:
    """Two vendors."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they sell to."""
        self._world = world
        self._chance = chance
        self._about: dict[str, User] = {}
        self._reached = REACHED
        self._last: partial[None] | None = None
        self.records = Records()

    def begin(self) -> None:
        """Set the first of each."""
        self._world.recur(self.announce, EVERY, self._chance)
        self._world.recur(self.tell, EVERY, self._chance)

    def mend(self) -> None:
        """Let whoever is asked answer from now on."""
        self._reached, self.records.is_away = 1.0, False

    def fetch(self, reference: str) -> VendorCase | NotKnown:
        """Return the notice of a reference, or nothing: the vendor is often too busy."""
        return self.records.fetch(reference) if self._chance.happens(self._reached) else NotKnown("nobody answers")

    def asked(self) -> dict[str, Vendor]:
        """Return whom the worker asks."""
        return {ASKED: Vendor(self.records.table(ASKED), self)}

    # --- what they find

    def announce(self) -> None:
        """Let a vendor warn or switch somebody off, or first the one and then the other in the same notice."""
        user = self._chance.pick(self._world.people.users)
        reference = self._write(user, alias(self._world.house.keyring.gate, user.account).hex())
        kinds = self._chance.pick(((WARNING,), (DEACTIVATION,), (WARNING, DEACTIVATION)))
        for kind in kinds:
            came = {"type": f"safety.{kind}_issued", "created_at": self._created(), "data": {"id": reference}}
            self._send(ASKED, came)

    def tell(self) -> None:
        """Let the other vendor flag or suspend somebody, whom it knows by name or by address."""
        user = self._chance.pick(self._world.people.users)
        reference = self._write(user, "")
        kind = SUSPENDED if self._chance.happens(0.3) else FLAGGED
        name = self._chance.pick((user.account, user.email))
        came = {"id": reference, "user": name, "type": kind, "why": reference, "at": self._created()}
        self._send(TOLD, came)

    def _write(self, user: User, identifier: str) -> str:
        reference = f"C-{len(self._about)}"
        self._about[reference] = user
        self.records.write(reference, identifier, self._chance.pick(tuple(f.Hazard)), self._world.house.now)
        return reference

    def _created(self) -> int | None:
        """Return when a vendor's own clock says that it was, long ago or still to come, or nothing."""
        at = self._world.house.now + self._chance.span(-LATE, timedelta(hours=2))
        return int(at.timestamp()) if self._chance.happens(0.8) else None

    # --- how it gets here

    def _send(self, vendor: str, event: dict[str, Any]) -> None:
        """Deliver an event now or days later, and one in three times once more under another id."""
        for copy in range(2 if self._chance.happens(0.3) else 1):
            wait = self._chance.span(timedelta(0), LATE) if copy or self._chance.happens(0.3) else timedelta(0)
            # One that says all itself is the same by its own id alone.
            self._world.after(wait, partial(self._deliver, vendor, event, f"wh-{len(self._about)}-{copy}"))

    def _deliver(self, vendor: str, event: dict[str, Any], key: str) -> None:
        """Deliver an event until it is answered."""
        house = self._world.house
        self._last = partial(self._deliver, vendor, event, key)
        came = read_event(self.records.table(vendor), event, key)
        assert came is not None, "these vendors send nothing that is not for us"
        if isinstance(came, Announced):
            is_answered = announce(house, came) is not None
        else:
            taken = take(house, self.records.table(vendor), came, self._chance)
            is_answered = taken is not None
            if taken is not None:
                self._world.took(came.id, taken, self._about[came.id])
        if not is_answered:
            self._world.after(AGAIN, partial(self._deliver, vendor, event, key))

    def repeat(self) -> None:
        """Deliver what came last once more, at this very moment."""
        if self._last is not None:
            self._last()

    def at_rest(self) -> None:
        """Check that all was read, and taken to be about whom it was about (L17)."""
        house = self._world.house
        house.announcing.at_rest()
        for (vendor, kind, reference), subject in house.announcing.read.items():
            meant = self._about[reference].subject
            seen = f"{vendor} said {kind} of {meant}, and it stands in the file of {subject}"
            house.checks.that(Law.L17, meant in (None, subject), seen)


def announce(house: House, came: Announced) -> bool | None:
    """Let a server take an announcement; what it answers is kept by then (L17). None where it gave no answer."""
    again = house.act(f"{came.vendor} announces {came.kind}", lambda: house.app.announce_notice(came))
    kept = again is None or (came.vendor, came.kind, came.reference) in house.witness.announced
    house.checks.that(Law.L17, kept, f"{came.kind} {came.reference} was answered and is not kept")
    return again


def take(house: House, table: WebhookTable, came: Reported, chance: Chance) -> Taken | None:
    """Let a server take what a vendor says, as its writer does; None where it gave no answer."""
    server = chance.pick(house.free())
    found = server.app.whose(table, came.identifier)

    def alone() -> Taken | Failed:
        with server.store.batch():
            return attempt(server.app, partial(Answerable.take_notice, table=table, came=came, found=found))

    taken = house.act(f"{came.vendor} tells {came.kind}", alone)
    return taken if isinstance(taken, Taken) else None
