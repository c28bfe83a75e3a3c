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
from answerable.errors import Busy, Conflict, StoreUnavailable
from answerable.store import postgres_links
from answerable.work.ticker import sweep
from answerable.work.writer import Failed, Writer
from answerable_gate import Level
from tests.storage.worlds import assert_sound
from tests.storms.conftest import Enter
from tests.storms.deadly import hurry
from tests.storms.ground import FORKED, LEAD, Ground, prepare

ROUNDS = 6
LEASE_S, PATIENT_S = 2.0, 600.0
ANSWER_S = 120
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


def answer(writer: Writer, verb: Verb) -> Any:
    """Let a writer do a verb, and again where it met somebody for too long, as its caller would; return its answer."""
    while True:
        with suppress(Busy, StoreUnavailable):
            return writer.submit(verb).result(ANSWER_S)


def at_once(writers: list[Writer], verbs: list[Verb]) -> list[Any]:
    """Let each writer do its verb at the same moment, and return what each caller was told."""
    told: list[Any] = [None] * len(verbs)
    barrier = threading.Barrier(len(verbs))

    def submit(place: int) -> None:
        barrier.wait(ANSWER_S)
        told[place] = answer(writers[place], verbs[place])

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
        told = [answer(desk, partial(decide, case)) for case in cases.values()]
        for ticker in tickers:
            ticker.join()
    assert told == [None] * 30
    sweep(enter().answerable())
    assert set(Counter(fact.item for fact in said(enter, f.DefaultTookEffect)).values()) == {1}
    assert set(Counter(fact.deadline for fact in said(enter, f.DeadlineMissed)).values()) == {1}
    assert len(said(enter, f.DefaultTookEffect)) == 30


def test_groups_in_opposite_order_never_hang(enter: Enter) -> None:
    """Two groups that take the same accounts from both ends both come through; who met somebody comes again."""
    users = [f"user-{n}" for n in range(8)]
    with writers(enter, 2) as two:
        at_once(two[:1], [lambda answerable: [flag(f"first-{user}", user)(answerable) for user in users]])
        for number in range(ROUNDS):
            verbs = [
                [flag(f"a{number}-{user}", user) for user in users],
                [flag(f"b{number}-{user}", user) for user in reversed(users)],
            ]
            groups = [writer.submit_all(some) for writer, some in zip(two, verbs, strict=True)]
            for writer, some, group in zip(two, verbs, groups, strict=True):
                for verb, one in zip(some, group.result(ANSWER_S), strict=True):
                    met = isinstance(one, Failed) and isinstance(one.error, Busy | StoreUnavailable)
                    assert isinstance(answer(writer, verb) if met else one, Taken)
    assert len(said(enter, f.SignalRaised)) == len(users) * (2 * ROUNDS + 1)


def test_the_hourly_bound_holds_exactly_for_four_writers(enter: Enter) -> None:
    """However many write at once, the automatic effects of notices alone stay at the bound, and reach it (L13)."""
    with writers(enter, 4) as four:
        for number in range(FLOOR // 4 + 3):
            at_once(four, [warn(f"n{number}-{n}", f"user-{number}-{n}", danger_now=True) for n in range(4)])
    assert len(enter().store.tables()["effects"]) == FLOOR
    assert len(said(enter, f.NoticeReceived)) == FLOOR + 12
    assert len(said(enter, f.EffectsBounded)) == 12


def lead(config: str, environment: dict[str, str], says: Any, stands: Any) -> None:
    """Be a process that wants to lead, and say all the while whether it does; stand still once that is wanted.

    It does so by itself, in no transaction: whoever is stopped in one keeps its row for as long as its session lasts.
    """
    os.environ.update(environment)
    hurry(PATIENT_S)
    house = open_house(load(Path(config)))
    while True:
        if stands.value:
            stands.value = says.value = 0
            os.kill(os.getpid(), signal.SIGSTOP)
        says.value = 1 + house.store.leads("test")
        time.sleep(0.03)


@contextmanager
def leader(ground: Ground) -> Iterator[tuple[Any, Any, Any]]:
    """Give a process that leads, what it says (1 that it does not, 2 that it does), and what makes it stand still."""
    says, stands = FORKED.Value("i", 0, lock=False), FORKED.Value("i", 0, lock=False)
    process = FORKED.Process(target=lead, args=(str(ground.config), ground.environment, says, stands), daemon=True)
    process.start()
    try:
        until(lambda: says.value == 2, "it leads")
        yield process, says, stands
    finally:
        process.kill()
        process.join()


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + ANSWER_S
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


Patience = Callable[[float], None]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Tell how long this process waits for a leader that is silent: on a busy machine anybody is, for a while."""

    def wait(seconds: float) -> None:
        monkeypatch.setattr(postgres_links, "PATIENCE_S", seconds)

    monkeypatch.setattr(postgres_links, "RENEWED_S", 0.1)
    wait(PATIENT_S)
    return wait


def test_a_leader_that_is_killed_is_followed(enter: Enter, ground: Ground, patience: Patience) -> None:
    """Of two processes one leads; when it dies the other does, and until then it does not."""
    store = enter().store
    with leader(ground) as (process, _, _):
        for _ in range(20):
            assert not store.leads("test")
            time.sleep(0.02)
        process.kill()
        process.join()
        patience(LEASE_S)
        until(lambda: store.leads("test"), "the other one leads")


def test_of_one_that_stood_still_and_its_follower_one_leads(enter: Enter, ground: Ground, patience: Patience) -> None:
    """A leader that was stopped and goes on leads no more if another does by then; there are never two.

    In files it leads for as long as its process is there.
    """
    store, is_followed = enter().store, bool(ground.environment)
    with leader(ground) as (process, says, stands):
        assert not store.leads("test")
        stands.value = 1
        until(lambda: says.value == 0, "it stands still")
        patience(LEASE_S)
        if is_followed:
            until(lambda: store.leads("test"), "the other one leads")
        patience(PATIENT_S)
        for _ in range(20):
            assert store.leads("test") == is_followed
            time.sleep(0.02)
        until(lambda: _stands(process.pid), "it stands still")
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: says.value, "it says again whether it leads")
        for _ in range(20):
            assert says.value == (1 if is_followed else 2)
            assert store.leads("test") == is_followed
            time.sleep(0.02)


def _stands(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
