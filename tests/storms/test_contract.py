"""What several processes at once may rely on, in files as in PostgreSQL: one token, one case, one effect.

Law: whoever meets somebody else waits or tries again, and in the end everybody has an answer and each act counts once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from answerable.app import AccountIn, Answerable, Identifier, IdentifierKind, MeasureIn, NoticeIn, SignalIn, Taken
from answerable.cli.wiring import open_house
from answerable.config import load
from answerable.core import facts as f
from answerable.core.facts import CaseId, Hazard, Refused
from answerable.edge import SystemClock
from answerable.errors import Conflict, StoreUnavailable
from answerable.store import postgres_links
from answerable.work.ticker import sweep
from answerable.work.writer import Writer
from answerable_gate import Level
from tests.storage.worlds import assert_sound
from tests.storms.conftest import Enter
from tests.storms.deadly import hurry
from tests.storms.ground import FORKED, LEAD, Ground, prepare

ROUNDS = 6
LEASE_S = 2.0
FLOOR = 20
"""Automatic effects on notices alone that the shipped policy allows in an hour."""

Verb = Callable[[Answerable], Any]


def flag(key: str, user: str) -> Verb:
    """Return the verb that raises a flag."""
    came = SignalIn(id=key, source="c", model="m", version="1", label="x", hazard=Hazard.THREAT, user=user)
    return lambda answerable: answerable.raise_signal(came)


def warn(key: str, about: str, by: str | None = None, *, danger_now: bool = False) -> Verb:
    """Return the verb that gives notice."""
    reporter = Identifier(IdentifierKind.EMAIL, f"{key}@example.org")
    if by is not None:
        reporter = Identifier(IdentifierKind.ACCOUNT, by)
    came = NoticeIn(
        id=key, source="desk", text=f"He follows me ({key}).", subject=(Identifier(IdentifierKind.ACCOUNT, about),),
        reporter=(reporter,), reporter_is_person=True, hazard=Hazard.STALKING, danger_now=danger_now,
    )  # fmt: skip
    return lambda answerable: answerable.receive_notice(came)


@contextmanager
def writers(enter: Enter, number: int) -> Iterator[list[Writer]]:
    """Give the writers of so many processes."""
    found = [Writer(enter().answerable()) for _ in range(number)]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            one.close()


def at_once(writers: list[Writer], verbs: list[Verb]) -> list[Any]:
    """Let each writer do its verb at the same moment, and return what each caller was told."""
    told: list[Any] = [None] * len(verbs)
    barrier = threading.Barrier(len(verbs))

    def submit(place: int) -> None:
        barrier.wait(20)
        told[place] = writers[place].submit(verbs[place]).result(30)

    threads = [threading.Thread(target=submit, args=(place,)) for place in range(len(verbs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def said(enter: Enter, *kinds: type) -> list[Any]:
    """Return the facts of these kinds, after the record was found sound."""
    store = enter().store
    assert_sound(store)
    return [one.fact for one in store.all_recorded() if isinstance(one.fact, kinds)]


def test_four_who_flag_a_new_account_at_once_make_one_case(enter: Enter) -> None:
    """One token, one case, and all four flags are in it."""
    with writers(enter, 4) as four:
        for number in range(ROUNDS):
            told = at_once(four, [flag(f"s{number}-{n}", f"new-{number}") for n in range(4)])
            assert len({taken.case for taken in told}) == 1
    assert len(said(enter, f.CaseOpened)) == ROUNDS
    assert len(said(enter, f.SubjectSeen)) == ROUNDS
    assert len(said(enter, f.SignalRaised)) == 4 * ROUNDS


def test_a_key_raced_by_four_has_one_answer(enter: Enter) -> None:
    """A delivery that comes by four ways at once is taken once, and all four hear the same."""
    with writers(enter, 4) as four:
        for number in range(ROUNDS):
            told = at_once(four, [warn(f"n{number}", f"user-{number}")] * 4)
            assert len({(taken.id, taken.case) for taken in told}) == 1
            assert sorted(taken.again for taken in told) == [False, True, True, True]
    assert len(said(enter, f.NoticeReceived)) == ROUNDS


def test_notices_that_cross_are_both_marked(enter: Enter) -> None:
    """Two who warn of each other at the same moment are found to cross, whoever was first."""
    with writers(enter, 2) as two:
        for number in range(ROUNDS):
            one, other = f"one-{number}", f"other-{number}"
            at_once(two, [flag(f"a{number}", one), flag(f"b{number}", other)])
            at_once(two, [warn(f"x{number}", one, by=other), warn(f"y{number}", other, by=one)])
    crossed = said(enter, f.NoticesCrossed)
    assert len({fact.notice for fact in crossed}) == len(crossed) == 2 * ROUNDS


def test_two_new_accounts_with_one_address_are_linked_once(enter: Enter) -> None:
    """Accounts that come in at the same moment and share a verified address find each other."""
    now = SystemClock().now()

    def account(name: str, number: int) -> Verb:
        came = AccountIn(
            account=f"{name}-{number}", identifiers=(Identifier(IdentifierKind.EMAIL, f"m{number}@example.org"),),
            verified_at=now,
        )  # fmt: skip
        return lambda answerable: answerable.see_account(came)

    with writers(enter, 2) as two:
        for number in range(ROUNDS):
            at_once(two, [account("one", number), account("other", number)])
    linked = said(enter, f.AccountsLinked)
    assert len({frozenset((fact.subject, fact.other)) for fact in linked}) == ROUNDS
    assert len({(fact.subject, fact.link) for fact in linked}) == len(linked)


def test_two_lifts_at_once_are_one(enter: Enter, ground: Ground) -> None:
    """What two people signed is carried out once, and the second hears that it was."""
    prepare(ground, dues=0, lifts=3)
    ground.forward(timedelta(days=1))
    with writers(enter, 2) as two:
        for case, proposal in ground.lifts:

            def lift(answerable: Answerable, case: Any = case, proposal: Any = proposal) -> Any:
                return answerable.lift(case, proposal, staff=LEAD)

            told = at_once(two, [lift, lift])
            assert told.count(None) == 1 and sum(isinstance(one, Refused) for one in told) == 1
    lifted = Counter(fact.proposal for fact in said(enter, f.MeasureLifted))
    assert lifted == dict.fromkeys((proposal for _, proposal in ground.lifts), 1)


def test_a_decision_and_two_tickers_find_each_default_once(enter: Enter, ground: Ground) -> None:
    """A person decides while two workers write down what is due about the same case: each falls once, nobody fails."""
    prepare(ground, dues=30, lifts=0)
    ground.forward_to(ground.dues[-1] + timedelta(hours=1))
    cases = {fact.subject: fact.case for fact in said(enter, f.CaseOpened)}
    wanted = MeasureIn(level=Level.GUARDED, reason="As the flag says.", proportionality="The least that helps.")

    def decide(case: CaseId, answerable: Answerable) -> Any:
        assert not isinstance(answerable.view_case(case, staff=LEAD, purpose="review"), Refused)
        return answerable.decide(case, wanted, staff=LEAD)

    def tick(answerable: Answerable) -> None:
        while True:
            with suppress(Conflict, StoreUnavailable):  # as the worker, which tries again where it met somebody
                sweep(answerable)
                return

    tickers = [threading.Thread(target=tick, args=(enter().answerable(),)) for _ in range(2)]
    with writers(enter, 1) as (desk,):
        for ticker in tickers:
            ticker.start()
        told = [desk.submit(partial(decide, case)).result(30) for case in cases.values()]
        for ticker in tickers:
            ticker.join()
    assert told == [None] * 30
    sweep(enter().answerable())
    assert set(Counter(fact.item for fact in said(enter, f.DefaultTookEffect)).values()) == {1}
    assert set(Counter(fact.deadline for fact in said(enter, f.DeadlineMissed)).values()) == {1}
    assert len(said(enter, f.DefaultTookEffect)) == 30


def test_groups_in_opposite_order_never_hang(enter: Enter) -> None:
    """Two groups that take the same accounts from both ends both come through, and soon."""
    users = [f"user-{n}" for n in range(8)]
    began = time.monotonic()
    with writers(enter, 2) as two:
        at_once(two[:1], [lambda answerable: [flag(f"first-{user}", user)(answerable) for user in users]])
        for number in range(ROUNDS):
            groups = [
                two[0].submit_all([flag(f"a{number}-{user}", user) for user in users]),
                two[1].submit_all([flag(f"b{number}-{user}", user) for user in reversed(users)]),
            ]
            told = [one for group in groups for one in group.result(30)]
            assert all(isinstance(one, Taken) for one in told)
    assert time.monotonic() - began < 60
    assert len(said(enter, f.SignalRaised)) == len(users) * (2 * ROUNDS + 1)


def test_the_hourly_bound_holds_exactly_for_four_writers(enter: Enter) -> None:
    """However many write at once, the automatic effects of notices alone stay at the bound, and reach it (L13)."""
    with writers(enter, 4) as four:
        for number in range(FLOOR // 4 + 3):
            at_once(four, [warn(f"n{number}-{n}", f"user-{number}-{n}", danger_now=True) for n in range(4)])
    assert len(enter().store.tables()["effects"]) == FLOOR
    assert len(said(enter, f.NoticeReceived)) == FLOOR + 12
    assert len(said(enter, f.EffectsBounded)) == 12


def lead(config: str, environment: dict[str, str], says: Any) -> None:
    """Be a process that wants to lead, and say all the while whether it does."""
    os.environ.update(environment)
    hurry(LEASE_S)
    house = open_house(load(Path(config)))
    while True:
        says.value = 1 + house.store.leads("test")
        time.sleep(0.03)


@contextmanager
def leader(ground: Ground) -> Iterator[tuple[Any, Any]]:
    """Give a process that leads, and what it says: 1 that it does not, 2 that it does."""
    says = FORKED.Value("i", 0, lock=False)
    process = FORKED.Process(target=lead, args=(str(ground.config), ground.environment, says), daemon=True)
    process.start()
    try:
        until(lambda: says.value == 2, "it leads")
        yield process, says
    finally:
        process.kill()
        process.join()


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever is silent be followed soon."""
    monkeypatch.setattr(postgres_links, "RENEWED_S", 0.1)
    monkeypatch.setattr(postgres_links, "PATIENCE_S", LEASE_S)


@pytest.mark.usefixtures("short_leases")
def test_a_leader_that_is_killed_is_followed(enter: Enter, ground: Ground) -> None:
    """Of two processes one leads; when it dies the other does, and until then it does not."""
    store = enter().store
    with leader(ground) as (process, _):
        for _ in range(20):
            assert not store.leads("test")
            time.sleep(0.02)
        process.kill()
        process.join()
        until(lambda: store.leads("test"), "the other one leads")


@pytest.mark.usefixtures("short_leases")
def test_of_one_that_stood_still_and_its_follower_one_leads(enter: Enter, ground: Ground) -> None:
    """A leader that was stopped and goes on leads no more if another does by then; there are never two."""
    store = enter().store
    with leader(ground) as (process, says):
        assert not store.leads("test")
        os.kill(process.pid, signal.SIGSTOP)
        deadline = time.monotonic() + LEASE_S + 1
        while time.monotonic() < deadline:
            is_followed = store.leads("test")
            time.sleep(0.02)
        says.value = 0
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: (store.leads("test"), says.value)[1], "it says again whether it leads")
        for _ in range(20):
            assert says.value == (1 if is_followed else 2)
            assert store.leads("test") == is_followed
            time.sleep(0.02)
