"""The lists with a million cases beside a thousand: how each is planned, and what it takes.

Both stores of a kind are asked in turn; milliseconds are medians of one question, ratios medians over the rounds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import _houses  # noqa: F401 - knows where the tests lie

from answerable.store import postgres, sqlite
from tests.postgres import own_server
from tests.storage import crowds

FEW, WARM, ROUNDS, ASKED = 1_000, 12, 15, 10
ORIGIN, MARK = "bench.example/log", "0" * 32
GOALS = {"queue": 1.2, "queue_deep": 1.2, "due": 2.0}

Store = sqlite.SqliteStore | postgres.PostgresStore


@contextmanager
def filled(kind: str, count: int) -> Iterator[Store]:
    """Give a store with so many cases."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (home / "keys").mkdir()
        given: dict[str, Any] = {"keys": home / "keys", "origin": ORIGIN, "mark": MARK}
        if kind == "sqlite":
            store: Store = sqlite.create_store(home / "record", **given)
        else:
            store = postgres.create_store(stack.enter_context(own_server()).dsn(), **given)
        stack.callback(store.close)
        crowds.fill(store, count)
        yield store


def measure(kind: str, many: int) -> dict[str, Any]:
    """Measure one kind of store."""
    begins = time.perf_counter()
    with filled(kind, FEW) as small, filled(kind, many) as large:
        built = time.perf_counter() - begins
        wrong = _faults(large) if isinstance(large, postgres.PostgresStore) else {}
        crowd = crowds.lists(large)
        asked = {name: _compare(ask, crowd[name]) for name, ask in crowds.lists(small).items()}
        steps = _steps(small, large)
    missed = {name: asked[name]["ratio"] for name, most in GOALS.items() if asked[name]["ratio"] > most}
    return {"built_s": round(built), "wrong_plans": wrong, "lists": asked, "beyond_goal": missed} | steps


def _faults(store: postgres.PostgresStore) -> dict[str, list[str]]:
    found = {}
    for name, (asked, values, indexes) in crowds.questions(store).items():
        if wrong := [fault for plan in crowds.plans(store, asked, values) for fault in crowds.faults(plan, indexes)]:
            found[name] = wrong
    return found


def _steps(small: Store, large: Store) -> dict[str, Any]:
    if not isinstance(small, sqlite.SqliteStore) or not isinstance(large, sqlite.SqliteStore):
        return {}
    few, crowd = crowds.lists(small), crowds.lists(large)
    ratios = {name: crowds.vm_steps(large, crowd[name]) / crowds.vm_steps(small, ask) for name, ask in few.items()}
    return {"most_machine_steps_to_few": round(max(ratios.values()), 2)}


def _compare(few: Callable[[], object], many: Callable[[], object]) -> dict[str, float]:
    for ask in (few, many):
        for _ in range(WARM):
            ask()
    rounds = [(_timed(few), _timed(many)) for _ in range(ROUNDS)]
    return {
        "few_ms": round(median(one for one, _ in rounds), 3),
        "many_ms": round(median(one for _, one in rounds), 3),
        "ratio": round(median(many / few for few, many in rounds), 2),
    }


def _timed(ask: Callable[[], object]) -> float:
    spent = []
    for _ in range(ASKED):
        begins = time.perf_counter()
        ask()
        spent.append(time.perf_counter() - begins)
    return median(spent) * 1e3
