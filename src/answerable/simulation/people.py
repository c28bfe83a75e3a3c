"""The people of the simulated world: who uses, who warns, who reviews and how well, who tries every shortcut.

Law: nobody here reaches past a verb of the application; what a person must not do, the house must refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from answerable.app import Identifier, IdentifierKind
from answerable.app.genesis import Person
from answerable.core.facts import Hazard, Role


class Manner(StrEnum):
    """How a member of staff works."""

    GOOD = "good"
    SLOW = "slow"
    TIRED = "tired"
    ABSENT = "absent"
    COLLUDING = "colluding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A member of staff, how that person works, and how often."""

    person: Person
    manner: Manner
    every: timedelta


@dataclass(slots=True, kw_only=True)
class User:
    """Somebody with an account; `harms` is whom, in truth, and by what.

    `writes` is how this person names them, `known_as` is what only they and their friends say.
    """

    account: str
    email: str
    model: str = "large"
    tools: tuple[str, ...] = ("search",)
    harms: str | None = None
    hazard: Hazard = Hazard.OTHER
    subject: str | None = None
    writes: tuple[str, ...] = ()
    known_as: tuple[Identifier, ...] = ()

    @property
    def is_dangerous(self) -> bool:
        """Tell whether this person in truth endangers somebody."""
        return self.harms is not None


@dataclass(slots=True, kw_only=True)
class Notice:
    """A notice that somebody wants to give, until it has been taken."""

    id: str
    text: str
    about: User
    reporter: str
    hazard: Hazard
    danger_now: bool = False
    named_staff: tuple[str, ...] = ()
    names_person: bool = True


@dataclass(slots=True, kw_only=True)
class Population:
    """Everybody outside the house."""

    users: list[User] = field(default_factory=list)
    crossed: list[tuple[User, User]] = field(default_factory=list)

    @property
    def dangerous(self) -> list[User]:
        """Those who endanger somebody."""
        return [user for user in self.users if user.is_dangerous]

    @property
    def harmless(self) -> list[User]:
        """Those who do not."""
        return [user for user in self.users if not user.is_dangerous]

    def is_dangerous(self, subject: str) -> bool:
        """Tell whether an account's token is that of somebody who endangers somebody."""
        return any(user.is_dangerous for user in self.users if user.subject == subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a world is: people, and how often what comes in."""

    quiet: int = 8
    dangerous: int = 5
    crossed: int = 1
    flood: int = 30
    exchanges: timedelta = timedelta(hours=26)
    signals: timedelta = timedelta(hours=44)
    notices: timedelta = timedelta(hours=60)
    sweeps: timedelta = timedelta(minutes=110)


HANDLE = "@at.home"
"""What somebody in danger is called by friends alone."""
HAZARDS = (Hazard.STALKING, Hazard.THREAT, Hazard.SELF_HARM, Hazard.MASS_CASUALTY, Hazard.IMPERSONATION, Hazard.CRISIS)


def population(quiet: int, dangerous: int, crossed: int) -> Population:
    """Return a population: quiet users, dangerous ones of every hazard in turn, and pairs who warn of each other."""
    people = Population()
    for number in range(quiet):
        people.users.append(User(account=f"quiet-{number}", email=f"quiet{number}@mail.example"))
    for number in range(dangerous):
        hazard = HAZARDS[number % len(HAZARDS)]
        harmed = f"person{number}@mail.example"
        account, email = f"danger-{number}", f"danger{number}@mail.example"
        letter = chr(ord("a") + number % 26)
        names = (f"Ann{letter} Ex{letter}", f"Ann{letter} Later{letter}", f"{HANDLE}.{letter}")
        writes = (harmed, names[0]) if number % 2 == 0 else (harmed,)
        kinds = (IdentifierKind.NAME, IdentifierKind.NAME, IdentifierKind.HANDLE)
        known_as = tuple(map(Identifier, kinds, names))
        user = User(account=account, email=email, harms=harmed, hazard=hazard, writes=writes, known_as=known_as)
        people.users.append(user)
    for number in range(crossed):
        pair = [User(account=f"crossed-{number}-{side}", email=f"crossed{number}{side}@mail.example") for side in "ab"]
        people.users += pair
        people.crossed.append((pair[0], pair[1]))
    return people


def named(email: str) -> tuple[Identifier, ...]:
    """Return the identifiers by which somebody is named."""
    return (Identifier(IdentifierKind.EMAIL, email),)


def staff() -> tuple[Colleague, ...]:
    """Return the staff: two lines of command, an outside partner, one from sales, and every manner of working."""

    def one(name: str, role: Role, manner: Manner, hours: float, above: str | None, *, duty: bool = False) -> Colleague:
        person = Person(id=name, name=name.title(), role=role, duty=duty, superior=above)
        return Colleague(person=person, manner=manner, every=timedelta(hours=hours))

    return (
        one("chief-1", Role.EXECUTIVE, Manner.ABSENT, 96, None),
        one("lead-1", Role.LEAD, Manner.GOOD, 30, "chief-1"),
        one("lead-2", Role.LEAD, Manner.SLOW, 50, None),
        one("reviewer-1", Role.REVIEWER, Manner.GOOD, 16, "lead-1", duty=True),
        one("reviewer-2", Role.REVIEWER, Manner.TIRED, 28, "lead-1", duty=True),
        one("reviewer-3", Role.REVIEWER, Manner.COLLUDING, 30, "lead-2"),
        one("reviewer-4", Role.REVIEWER, Manner.COLLUDING, 36, "lead-1"),
        one("partner-1", Role.PARTNER, Manner.GOOD, 40, None),
        one("sales-1", Role.COMMERCIAL, Manner.COLLUDING, 72, "chief-1"),
    )


def words(number: int) -> Iterator[str]:
    """Yield ever new texts about the same thing, as a flood of paraphrases has them."""
    openings = ("He", "This man", "Your user", "That person", "The account", "Somebody there")
    middles = ("follows me", "keeps writing to me", "will not leave me alone", "knows where I live", "threatens me")
    while True:
        yield f"{openings[number % 6]} {middles[number // 6 % 5]} ({number})."
        number += 1
