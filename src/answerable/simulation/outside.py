"""What the operator has around the house: a mail that carries letters, and a history of what was said.

Law: what was carried is kept by its letter's id, so that each can be asked for afterwards (L5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from answerable.ports.history import Message, Speaker
from answerable.ports.notifier import Delivery, DeliveryState, Letter
from answerable.simulation.ordering import TOLD
from answerable.simulation.parts import Program
from answerable.simulation.people import Population

DAY = timedelta(days=1)


class Mail:
    """The carrier of letters, which can be down; it keeps what it carried."""

    def __init__(self) -> None:
        """Begin with nothing carried."""
        self.is_down = False
        self.carried: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.told: list[Letter] = []

    def send(self, letter: Letter) -> Delivery:
        """Carry a letter, or say that it is not known whether it was carried."""
        if self.is_down:
            return Delivery(letter=letter.id, state=DeliveryState.NOT_KNOWN)
        self.carried[letter.id] += 1
        if letter.channel == "pager" and self.carried[letter.id] == 1:
            self.pages[letter.subject.removeprefix("Answerable: ")] += 1
        if letter.channel == "reporter" and letter.subject == TOLD:
            self.told.append(letter)
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)


class History:
    """What the operator retained: the dangerous said what they do, the others did not."""

    def __init__(self, people: Population, reader: Program) -> None:
        """Take everybody, and the program that reads: its clock says when they wrote."""
        self._users = {user.account: user for user in people.users}
        self._reader = reader

    def fetch(self, account: str, *, since: datetime | None = None) -> Iterator[Message]:
        """Return the account's messages."""
        del since
        user = self._users.get(account)
        harmed = user.harms if user else None
        text = f"I will kill {harmed} tonight." if harmed else "What is the capital of France?"
        at = self._reader.clock.now()
        yield Message(account=account, conversation="c1", id="m1", role=Speaker.USER, text=text, at=at - DAY)
