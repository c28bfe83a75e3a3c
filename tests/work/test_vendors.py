"""Announced notices, read by the worker: not yet is never nothing, and nobody is left to wonder (L10, L17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from answerable.app import Announced
from answerable.config import VendorKind, WebhookTable
from answerable.core.facts import DeadlineSet, DefaultArmed, Hazard, SignalRaised, VendorNoticeUnread
from answerable.ports.notifier import Delivery, DeliveryState, Letter
from answerable.ports.unknown import NotKnown
from answerable.ports.vendor import VendorCase
from answerable.work import vendors
from answerable.work.outbox import deliver
from answerable.work.vendors import UNREAD_AT, Vendor
from tests.work.memory import START, InMemory, in_memory

TABLE = WebhookTable(name="openai", secret_env="S", format="openai", key_env="K")
CASE = VendorCase(identifier="user-7", kind="warning", reason=None, at=datetime(2026, 4, 30, tzinfo=UTC))
WARNING = Announced(vendor="openai", key="wh_1", reference="C-1", kind="warning", at=None)


class Cases:
    """A vendor that is away until it is not."""

    def __init__(self) -> None:
        self.is_away = True
        self.read = 0

    def fetch(self, reference: str) -> VendorCase | NotKnown:
        """Return the one case."""
        if self.is_away:
            return NotKnown("away")
        self.read += 1
        return CASE


class Mail:
    """A carrier that keeps what it takes."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def send(self, letter: Letter) -> Delivery:
        """Take a letter."""
        self.subjects.append(letter.subject)
        return Delivery(letter=letter.id, state=DeliveryState.ACCEPTED)


def signals(house: InMemory) -> int:
    """Return how many flags there are."""
    return sum(isinstance(one.fact, SignalRaised) for one in house.store.all_recorded())


def _the_vendor_is_away(house: InMemory, tries: int) -> tuple[Cases, Mail]:
    """Announce a notice that nobody can read, and let the worker try."""
    cases, mail = Cases(), Mail()
    house.answerable.announce_notice(WARNING)
    for _ in range(tries):
        deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, cases)})
        house.clock.advance(timedelta(minutes=16))
    cases.is_away = False
    deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, cases)})
    assert signals(house) == 1, "an announced notice was given up"
    return cases, mail


def test_a_notice_is_read_however_long_that_takes(tmp_path: Path) -> None:
    """And once: what was read is not read again; the lead is told once that it takes long."""
    house = in_memory(tmp_path)
    cases, mail = _the_vendor_is_away(house, UNREAD_AT + 6)
    unread = [one for one in house.store.all_recorded() if isinstance(one.fact, VendorNoticeUnread)]
    assert len(unread) == 1
    deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, cases)})
    assert mail.subjects.count("Answerable: vendor notice unread") == 1
    house.clock.advance(timedelta(days=1))
    deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, cases)})
    assert cases.read == 1


def _clocks(home: Path, table: WebhookTable, kind: str, away: timedelta) -> dict[str, datetime]:
    """Let a notice be read after a while; return what its case owes, and when its defaults fall due."""
    home.mkdir()
    house, cases = in_memory(home), Cases()
    house.answerable.announce_notice(replace(WARNING, kind=kind))
    until = house.clock.now() + away
    while house.clock.now() < until:
        deliver(house.answerable, [Mail()], None, {"openai": Vendor(table, cases)})
        house.clock.advance(timedelta(minutes=15))
    cases.is_away = False
    deliver(house.answerable, [Mail()], None, {"openai": Vendor(table, cases)})
    assert signals(house) == 1
    facts = [one.fact for one in house.store.all_recorded()]
    clocks = {one.kind.value: one.due for one in facts if isinstance(one, DeadlineSet)}
    clocks.pop("default_review", None)  # it is of what took effect, from then on
    return clocks | {one.standing.level.word: one.due for one in facts if isinstance(one, DefaultArmed)}


@pytest.mark.parametrize("adopts", [False, True])
@pytest.mark.parametrize("hazard", [Hazard.THREAT, Hazard.MASS_CASUALTY])
def test_clocks_run_from_the_announcement_however_long_reading_takes(
    tmp_path: Path, adopts: bool, hazard: Hazard
) -> None:
    """The vendor is away for an hour and a half: what is owed is due as if it had been read at once, or now (L3)."""
    kind = "deactivation" if adopts else "warning"
    kinds = {kind: VendorKind(hazard=hazard, adopts=adopts)}
    table = WebhookTable(name="openai", secret_env="S", format="openai", key_env="K", kinds=kinds)
    away = timedelta(minutes=90)
    at_once = _clocks(tmp_path / "at_once", table, kind, timedelta(0))
    late = _clocks(tmp_path / "late", table, kind, away)
    assert "decide" in at_once
    looks = [clocks.pop("look") for clocks in (at_once, late)]
    assert looks[1] - looks[0] == away, "nobody could look before it was read"
    assert late == {name: max(due, START + away) for name, due in at_once.items()}


def test_a_short_absence_pages_nobody(tmp_path: Path) -> None:
    """The vendor has a bad minute."""
    _, mail = _the_vendor_is_away(in_memory(tmp_path), UNREAD_AT - 1)
    assert "Answerable: vendor notice unread" not in mail.subjects


def test_a_worker_that_takes_away_for_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted fault: what the vendor does not answer to does not exist."""
    fetch = vendors.fetch
    monkeypatch.setattr("answerable.work.outbox.fetch", lambda *given: fetch(*given) or True)
    with pytest.raises(AssertionError, match="an announced notice was given up"):
        _the_vendor_is_away(in_memory(tmp_path), 3)


def test_a_vendor_that_is_configured_no_more_loses_nothing(tmp_path: Path) -> None:
    """The notice waits until somebody puts the vendor back."""
    house, mail = in_memory(tmp_path), Mail()
    house.answerable.announce_notice(WARNING)
    deliver(house.answerable, [mail])
    house.clock.advance(timedelta(seconds=2))
    cases = Cases()
    cases.is_away = False
    deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, cases)})
    assert signals(house) == 1


def test_a_notice_that_names_no_account_is_for_a_person(tmp_path: Path) -> None:
    """What the vendor names cannot be anybody's name here; it is not dropped, and the lead hears of it."""
    house, mail = in_memory(tmp_path), Mail()
    house.answerable.announce_notice(WARNING)

    class Odd(Cases):
        """A vendor whose answer names nobody that could be."""

        def fetch(self, reference: str) -> VendorCase | NotKnown:
            return replace(CASE, identifier="\x07" * 300)

    for _ in range(UNREAD_AT + 2):
        deliver(house.answerable, [mail], None, {"openai": Vendor(TABLE, Odd())})
        house.clock.advance(timedelta(minutes=16))
    assert signals(house) == 0
    assert mail.subjects.count("Answerable: vendor notice unread") == 1
