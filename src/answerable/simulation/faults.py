"""The faults of the simulated world: deaths, full disks, wrong clocks, cut feeds, what is down.

Law: a fault may cost time and never a law; each ends by itself, so that what must hold afterwards can be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from answerable.simulation.chance import Chance
from answerable.simulation.parts import OwnClock
from answerable.simulation.wires import Site

if TYPE_CHECKING:
    from answerable.simulation.world import World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Faults:
    """What goes wrong, and until when."""

    def __init__(self, world: World, chance: Chance) -> None:
        """Take the world that they happen to."""
        self._world = world
        self._chance = chance
        self._cut: set[str] = set()
        self._over = False
        self.worker_is_dead = False

    def begin(self) -> None:
        """Set every first fault."""
        for fault, every in (
            (self._worker_dies, 18 * DAY),
            (self._server_dies, 20 * DAY),
            (self._disk_is_full, 25 * DAY),
            (self._signer_is_down, 20 * DAY),
            (self._tree_is_late, 15 * DAY),
            (self._mail_is_down, 20 * DAY),
            (self._stores_are_away, 20 * DAY),
            (self._vendor_is_away, 15 * DAY),
            (self._dies_beside_a_commit, 7 * DAY),
            (self._feed_is_cut, 4 * DAY),
            (self._gate_dies, 9 * DAY),
            (self._clock_is_wrong, 6 * DAY),
        ):
            self._recur(fault, every)

    def is_cut(self, site: Site) -> bool:
        """Tell whether a gate cannot reach the store."""
        return site.name in self._cut

    def mend(self) -> None:
        """End everything that is wrong, for good."""
        self._over = True
        self._cut.clear()
        self.worker_is_dead = False
        self._world.vendors.mend()
        house = self._world.house
        house.disk.is_full = house.disk.dies_before = house.disk.dies_after = house.disk.is_late = False
        house.signer.is_down = self._world.mail.is_down = house.stores.is_down = False

    def _recur(self, fault: Callable[[], None], every: timedelta) -> None:
        def again() -> None:
            if not self._over:
                fault()
                self._world.after(self._chance.wait(every), again)

        self._world.after(self._chance.wait(every), again)

    # --- one each

    def _worker_dies(self) -> None:
        self.worker_is_dead = True
        self._world.after(self._chance.span(HOUR, 72 * HOUR), self._worker_lives)

    def _worker_lives(self) -> None:
        if self.worker_is_dead:
            self.worker_is_dead = False
            self._world.house.restart(self._world.house.worker)

    def _server_dies(self) -> None:
        self._world.house.restart(self._chance.pick(self._world.house.servers))

    def _disk_is_full(self) -> None:
        store = self._world.house.disk
        store.is_full = True
        self._world.after(self._chance.span(MINUTE, HOUR), lambda: setattr(store, "is_full", False))

    def _signer_is_down(self) -> None:
        signer = self._world.house.signer
        signer.is_down = True
        self._world.after(self._chance.span(10 * MINUTE, 12 * HOUR), lambda: setattr(signer, "is_down", False))

    def _tree_is_late(self) -> None:
        """Nobody gives facts their places in the tree; no lift counts until somebody does."""
        disk = self._world.house.disk
        disk.is_late = True
        self._world.after(self._chance.span(10 * MINUTE, 12 * HOUR), lambda: setattr(disk, "is_late", False))

    def _mail_is_down(self) -> None:
        mail = self._world.mail
        mail.is_down = True
        self._world.after(self._chance.span(10 * MINUTE, DAY), lambda: setattr(mail, "is_down", False))

    def _stores_are_away(self) -> None:
        """The operator's stores take no order to keep anything."""
        stores = self._world.house.stores
        stores.is_down = True
        self._world.after(self._chance.span(10 * MINUTE, DAY), lambda: setattr(stores, "is_down", False))

    def _vendor_is_away(self) -> None:
        """A model vendor answers nobody who asks for what it announced."""
        records = self._world.vendors.records
        records.is_away = True
        self._world.after(self._chance.span(10 * MINUTE, 2 * DAY), lambda: setattr(records, "is_away", False))

    def _dies_beside_a_commit(self) -> None:
        """The next commit is the last thing, or the thing after the last, that a process does."""
        store = self._world.house.disk
        if self._chance.happens(0.5):
            store.dies_before = True
        else:
            store.dies_after = True

    def _feed_is_cut(self) -> None:
        site = self._chance.pick(self._world.house.sites)
        self._cut.add(site.name)
        site.cut()
        self._world.after(self._chance.span(MINUTE, DAY), lambda: self._cut.discard(site.name))

    def _gate_dies(self) -> None:
        self._chance.pick(self._world.house.sites).restart(keeps_snapshot=self._chance.happens(0.7))

    def _clock_is_wrong(self) -> None:
        """A wall clock steps forward or back, and some time later is put right."""
        house = self._world.house
        clocks = [*(one.clock for one in house.programs), *(site.clock for site in house.sites)]
        clock = self._chance.pick(clocks)
        size = self._chance.span(MINUTE, 3 * HOUR if self._chance.happens(0.3) else 4 * MINUTE)
        clock.offset += size if self._chance.happens(0.5) else -size
        self._world.after(self._chance.span(MINUTE, DAY), lambda: _put_right(clock))


def _put_right(clock: OwnClock) -> None:
    clock.offset = timedelta(0)
