"""The simulated world: events in true time, jumping from one to the next; people, machines, gates and faults.

Law: what happens and when is drawn from the seed alone (L16); what must hold is checked at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush

from answerable.app import AccountIn, Identifier, IdentifierKind, NoticeIn, SignalIn, Taken
from answerable.core import facts as f
from answerable.ports.entitlements import Plan as PortPlan
from answerable.simulation.chance import Chance
from answerable.simulation.crossing import Crossing
from answerable.simulation.desk import Desk
from answerable.simulation.evasion import Evasion
from answerable.simulation.faults import Faults
from answerable.simulation.grounds import Ground
from answerable.simulation.groups import Groups
from answerable.simulation.house import House
from answerable.simulation.laws import Law
from answerable.simulation.offices import Offices
from answerable.simulation.ordering import Courts
from answerable.simulation.outside import History, Mail
from answerable.simulation.people import Notice, Size, User, named, population, staff, words
from answerable.simulation.sourcing import SMALL_BOUND, Noise
from answerable.simulation.switches import Switches
from answerable.simulation.tenancy import Tenancy
from answerable.simulation.vending import Vendors
from answerable.simulation.wires import LINE_DELAY_MAX, Site
from answerable.work.look_back import look
from answerable.work.outbox import deliver
from answerable.work.ticker import sweep

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AGAIN = 10 * MINUTE
FLUSH = 4 * DAY
SERVERS = 2


class World:
    """One run. `step` takes the next event; `end` brings everything to rest and checks what must hold then."""

    def __init__(
        self, seed: int, policy: str, size: Size, *, then: str | None = None, ground: Ground, crossed: bool = False
    ) -> None:
        """Found the house; `then` is a policy that is adopted later.

        With `crossed` acts happen in the middle of others, where the ground has room for two at once.
        """
        policy, then = policy.replace(*SMALL_BOUND), then and then.replace(*SMALL_BOUND)
        self.colleagues = staff()
        self.crossing = Crossing(Chance(seed, 6))
        between = self.crossing.between if crossed else None
        people = tuple(one.person for one in self.colleagues)
        self.house = House(seed, policy, people, servers=SERVERS, ground=ground, between=between)
        self.people = population(size.quiet, size.dangerous, size.crossed)
        self.mail = Mail()
        self.history = History(self.people, self.house.worker)
        self.taken: dict[str, str] = {}
        self.given: set[str] = set()
        self._size = size
        self._policy = policy
        self._events: list[tuple[timedelta, int, Callable[[], None]]] = []
        self._count = 0
        self._unsent = 0
        self._seal_waits = False
        self._confirm: set[str] = set()
        self._users, self._comes, self._roads = Chance(seed, 1), Chance(seed, 2), Chance(seed, 3)
        self._words = words(seed)
        self.faults, self.groups = Faults(self, Chance(seed, 4)), Groups(self, Chance(seed, 7))
        self.evasion, self.noise = Evasion(self, Chance(seed, 8)), Noise(self, Chance(seed, 9))
        self.tenancy, self.offices = Tenancy(self, Chance(seed, 10)), Offices(self, Chance(seed, 12))
        self.courts, self.switches = Courts(self, Chance(seed, 11)), Switches(self, Chance(seed, 13))
        self.vendors = Vendors(self, Chance(seed, 14))
        self._desks: list[Desk] = []
        self._seed, self._then = seed, then

    def _adopt(self, policy: str) -> None:
        self._policy = policy
        if not self.house.adopt(policy, tuple(one.person for one in self.colleagues)):
            self.after(AGAIN, lambda: self._adopt(policy))

    def begin(self) -> None:
        """Let everybody in, and set the first events."""
        for user in self.people.users:
            plan = PortPlan(plan="paid", models=("large", "small"), tools=("search", "code"))
            self.house.accounts.add(user.account, plan, *named(user.email))
            self.house.shielding.wrote(user.account, *user.writes[:1])  # what the history has
            self.after(self._users.span(timedelta(0), DAY), self.exchange(user))
            came = AccountIn(account=user.account, identifiers=named(user.email), verified_at=self.house.now)
            self.enter(user, came)
        for number, colleague in enumerate(self.colleagues):
            chance = Chance(self._seed, 100 + number)
            desk = Desk(self.house, colleague.person.id, colleague.manner, chance, self.people.is_dangerous)
            self._desks.append(desk)
            self.after(chance.span(timedelta(0), colleague.every), self._works(desk, chance, colleague.every))
        for event, every in (
            (self._signal, self._size.signals),
            (self._notice, self._size.notices),
            (self._flood, 60 * DAY),
            (self._cross, 30 * DAY),
        ):
            self.recur(event, every, self._comes)
        self.after(HOUR, self._sweep)
        self.after(FLUSH, self._flush)
        self.faults.begin()
        self.groups.begin()
        self.evasion.begin()
        self.noise.begin()
        self.tenancy.begin()
        self.offices.begin()
        self.courts.begin()
        self.switches.begin()
        self.vendors.begin()
        self.crossing.begin(self)
        if (then := self._then) is not None:
            self.after(30 * DAY, lambda: self._adopt(then))

    # --- time

    def after(self, wait: timedelta, event: Callable[[], None]) -> None:
        """Set an event."""
        self._count += 1
        heappush(self._events, (self.house.true.elapsed + wait, self._count, event))

    def recur(self, event: Callable[[], None], every: timedelta, chance: Chance) -> None:
        """Set an event that comes again and again, by somebody's chance."""

        def again() -> None:
            event()
            self.after(chance.wait(every), again)

        self.after(chance.wait(every), again)

    def step(self) -> timedelta:
        """Take the next event and return the true time it came at."""
        at, _, event = heappop(self._events)
        self.house.true.elapsed = max(at, self.house.true.elapsed)
        event()
        self._follow_up()
        return at

    def crossings(self) -> list[Callable[[], None]]:
        """Return what may happen while one of the programs is in the middle of an act."""
        house = self.house
        found = [
            self._signal, self._notice, self._cross, self.evasion.come, self.offices.confirm_notice,
            self.offices.confirm_link, self.offices.take_back, self.vendors.repeat, house.seal, self.groups.come,
            *(desk.work for desk in self._desks),
        ]  # fmt: skip
        if not house.worker.store.is_writing:
            found += [self.tick, self._look]
        return found + [site.hear for site in house.sites if site.is_connected and house.may_hear(site)]

    def _follow_up(self) -> None:
        """After any event: seal soon, and let the feed carry what is new to each gate, late."""
        house = self.house
        if len(house.facts) > house.sealed and not self._seal_waits:
            self._seal_waits = True
            self.after(timedelta(milliseconds=250), self._seal)
        head = house.store.feed_head()
        if head > self._unsent:
            self._unsent = head
            for site in house.sites:
                self.after(self._roads.span(timedelta(0), timedelta(seconds=1)), self._send(site))

    def _seal(self) -> None:
        self._seal_waits = False
        self.house.seal()
        if self.house.signer.is_down or self.house.disk.is_late:
            self._seal_waits = True
            self.after(AGAIN, self._seal)

    def _send(self, site: Site) -> Callable[[], None]:
        def event() -> None:
            if not site.is_connected and not self.faults.is_cut(site):
                self.house.connect(site)
            site.send()
            self.after(self._roads.span(timedelta(0), LINE_DELAY_MAX), self._arrive(site))

        return event

    def _arrive(self, site: Site) -> Callable[[], None]:
        def event() -> None:
            site.arrive()
            if self._roads.happens(0.1):
                site.echo()
            if site is self.house.sites[0] and site.is_connected:
                self._confirm_items(site)

        return event

    def _confirm_items(self, site: Site) -> None:
        """Let a gate say what it holds, as the gateway does (L9)."""
        for subject in sorted(self._confirm):
            held = site.gate.held(subject)
            items = [f.ItemId(item.id) for item in held.entry.items if item.of == subject] if held else []
            account = f.SubjectId(subject)
            if items:
                self.house.act("confirm", partial(self.house.app.confirm_measure, account, items, gate=site.name))
        self._confirm.clear()

    # --- who uses

    def exchange(self, user: User) -> Callable[[], None]:
        """Return the event by which a user asks, and asks again."""

        def event() -> None:
            site = self._users.pick(self.house.sites)
            if not site.is_connected and not self.faults.is_cut(site):
                self.house.connect(site)
                site.arrive()
            tenant, _, below = user.account.partition("/")
            self.house.exchange(
                site, user.account, user.subject, user.model, user.tools, tenant=tenant if below else None
            )
            self.after(self._users.wait(self._size.exchanges), event)

        return event

    # --- who warns

    def _signal(self) -> None:
        self.give_flag(*self.flag())

    def flag(self) -> tuple[SignalIn, User]:
        """Return a flag that nobody has seen yet, and whom it is about."""
        about = self._comes.pick(self.people.dangerous if self._comes.happens(0.75) else self.people.harmless)
        hazard = about.hazard if about.is_dangerous else self._comes.pick(tuple(f.Hazard))
        kind = self._comes.pick((f.SignalKind.FLAG, f.SignalKind.FLAG, f.SignalKind.RULE, f.SignalKind.TRAJECTORY))
        name = about.writes[len(self.given) % len(about.writes)] if about.writes else "nobody"
        self.house.shielding.wrote(about.account, name)
        came = SignalIn(
            id=f"sig-{len(self.given)}",
            source="classifier-1",
            model="m",
            version="1",
            label=hazard.value,
            hazard=hazard,
            user=about.account,
            score=round(self._comes.between(0.5, 1.0), 3),
            person=named(about.harms) if about.harms and self._comes.happens(0.3) else (),
            evidence=f"What was written of {name}.",
            kind=kind,
        )
        self.given.add(came.id)
        return came, about

    def give_flag(self, came: SignalIn, about: User) -> None:
        """Give a flag in until it is taken."""
        self._give(came.id, f"signal {about.account}", lambda: self.house.app.raise_signal(came), about)

    def _notice(self) -> None:
        if self._comes.happens(0.7):
            about = self._comes.pick(self.people.dangerous)
            text = next(self._words) if self._comes.happens(0.8) else "He writes to me every day."
            self._warn(about, text, about.harms or "", danger_now=self._comes.happens(0.2))
        else:
            self._warn(self._comes.pick(self.people.harmless), next(self._words), "liar@mail.example", danger_now=True)

    def _flood(self) -> None:
        """One malicious person sends many notices in other words, about somebody harmless."""
        about = self._comes.pick(self.people.harmless)
        for number in range(self._comes.below(self._size.flood)):
            reporter = f"friend{number}.of.liar@mail.example"
            self.after(number * MINUTE, partial(self._warn_anew, about, reporter))

    def _warn_anew(self, about: User, reporter: str) -> None:
        self._warn(about, next(self._words), reporter, danger_now=False)

    def _cross(self) -> None:
        """Two people warn of each other; who was first means nothing (L13)."""
        for one, other in self.people.crossed:
            pair = [(one, other), (other, one)]
            for about, reporter in pair if self._comes.happens(0.5) else reversed(pair):
                self._warn(about, next(self._words), reporter.email, danger_now=False)

    def _warn(self, about: User, text: str, reporter: str, *, danger_now: bool) -> None:
        wanted = Notice(
            id=f"not-{len(self.given)}", text=text, about=about, reporter=reporter, hazard=about.hazard,
            danger_now=danger_now, named_staff=("reviewer-1",) if self._comes.happens(0.05) else (),
            names_person=self._comes.happens(0.8),
        )  # fmt: skip
        account = Identifier(IdentifierKind.ACCOUNT, about.account)
        came = NoticeIn(
            id=wanted.id,
            source="portal",
            text=wanted.text,
            subject=named(about.email) if self._comes.happens(0.4) else (account,),
            reporter=named(reporter) + (about.known_as if reporter == about.harms else ()),
            reporter_is_person=wanted.names_person,
            hazard=wanted.hazard,
            danger_now=wanted.danger_now,
            named_staff=wanted.named_staff,
        )
        self._give(came.id, f"notice {about.account}", lambda: self.house.app.receive_notice(came), about)
        self.after(MINUTE, self._look)

    def _give(self, key: str, name: str, verb: Callable[[], Taken], about: User) -> None:
        """Give something in until it is taken, and now and then once more; what was taken stays taken (L17)."""
        self.given.add(key)
        taken = self.house.act(name, verb)
        if taken is None:
            self.after(AGAIN, lambda: self._give(key, name, verb, about))
            return
        self.took(key, taken, about)
        if self._comes.happens(0.1):
            self.after(self._comes.span(MINUTE, DAY), lambda: self._give(key, name, verb, about))

    def took(self, key: str, taken: Taken, about: User) -> None:
        """Check what was answered to something that was given in (L17)."""
        about.subject = self.house.witness.cases[taken.case or ""].subject
        self._confirm.add(about.subject)
        kept = taken.id in self.house.witness.intake and self.taken.setdefault(key, taken.id) == taken.id
        self.house.checks.that(Law.L17, kept, f"{key} was taken as {taken.id} and is not in the record under it alone")

    def enter(self, user: User, came: AccountIn, then: Callable[[], None] = lambda: None) -> None:
        """Let the directory report an account until it is taken."""
        taken = self.house.act(f"account {user.account}", lambda: self.house.app.see_account(came))
        if taken is None:
            self.after(AGAIN, lambda: self.enter(user, came, then))
        else:
            user.subject = taken.id
            then()

    # --- who works

    def _works(self, desk: Desk, chance: Chance, every: timedelta) -> Callable[[], None]:
        def event() -> None:
            desk.work()
            self.after(chance.wait(every), event)

        return event

    # --- what machines do

    def _sweep(self) -> None:
        if not self.faults.worker_is_dead:
            self.tick()
        self.after(self._users.span(self._size.sweeps / 2, self._size.sweeps * 3 / 2), self._sweep)

    def tick(self) -> None:
        """Let the worker do everything once."""
        worker, asked = self.house.worker, self.vendors.asked()
        self.house.act("sweep", lambda: sweep(worker.app))
        for _ in range(20):
            if not self.house.act("deliver", lambda: deliver(worker.app, (self.mail,), self.house.stores, asked)):
                break

    def _look(self) -> None:
        if not self.faults.worker_is_dead:
            worker = self.house.worker
            self.house.act("look back", lambda: look(worker.app, self.history))

    def _flush(self) -> None:
        self.flush()
        self.after(FLUSH, self._flush)

    def flush(self) -> None:
        """Let the gates hand in what they recorded, and the blocks be sealed."""
        house = self.house
        house.act("exchanges", lambda: house.app.record_exchanges(house.log))
        house.act("blocks", house.worker.app.seal_exposures)
