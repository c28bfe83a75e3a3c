"""Verbs per second with several clients, beside rows of equal size inserted raw in the same run.

A client submits to a process's writer and waits for its answer. Interleaved rounds, medians; CPU of all processes.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from _houses import DSN_VARIABLE, Crew, Site, cpu_s, site

from answerable.app import Answerable, Identifier, IdentifierKind, MeasureIn, NoticeIn, SignalIn
from answerable.cli.wiring import House, open_adopted
from answerable.core.facts import Hazard, Refused, StaffId
from answerable.work.writer import Writer
from answerable_gate import Level

SCRIPT = str(Path(__file__).resolve())
USERS, ROUNDS, ACTS = 500, 3, 192
SHAPES = {"sqlite": ((1, 1), (1, 4), (1, 16)), "postgres": ((1, 1), (1, 4), (1, 16), (4, 16))}
VERBS = ("signal", "notice", "decide")
LEAD = StaffId("lead-1")
WORKLOAD = (
    f"{USERS} accounts with an open case, {ACTS} acts a round, {ROUNDS} rounds, an account once a round; "
    "names are processes x clients"
)

Act = Callable[[Answerable], object]


# --- one process


class Hand:
    """One process of a house: its writer, and clients that are threads."""

    def __init__(self, house: House) -> None:
        """Take the house; the cases of its users are found once they are there."""
        self._house = house
        self._writer = Writer(house.answerable())
        self._groups, self._batch = 0, house.store.batch
        house.store.batch = self._counted  # type: ignore[method-assign]
        self._cases: dict[int, Any] = {}
        self._writer.start()

    def _counted(self) -> Any:
        self._groups += 1
        return self._batch()

    def close(self) -> None:
        """End the writer, then the house."""
        self._writer.close()
        self._house.close()

    def prepare(self, keys: list[int]) -> dict[str, Any]:
        """Open a case for each user, and open each case's file, so that it may be decided."""
        for key in keys:
            taken = self._writer.submit(_signal(key, f"first-{key}")).result()
            self._cases[key] = taken.case
            self._writer.submit(_view(taken.case)).result()
        return {"cases": self._cases}

    def run(self, verb: str, clients: int, keys: list[int], turn: str) -> dict[str, Any]:
        """Let so many clients do a verb, once for each key, and tell what it took."""
        acts = [self._act(verb, key, f"{turn}-{number}") for number, key in enumerate(keys)]
        self._groups = 0
        spent = _in_threads(clients, acts, lambda act: self._writer.submit(act).result())
        return spent | {"groups": self._groups}

    def ready(self, keys: list[int]) -> dict[str, Any]:
        """Open files again: who decides has read all there is."""
        for key in keys:
            self._writer.submit(_view(self._cases[key])).result()
        return {}

    def know(self, cases: dict[str, Any]) -> dict[str, Any]:
        """Take the cases that another process has opened."""
        self._cases = {int(key): case for key, case in cases.items()}
        return {}

    def size(self) -> dict[str, Any]:
        """Return how many facts there are, and their bytes."""
        store = self._house.store
        store.integrate()
        return {"facts": store.size(), "bytes": sum(map(len, store.entries(0, store.size())))}

    def _act(self, verb: str, key: int, name: str) -> Act:
        if verb == "signal":
            return _signal(key, name)
        return _notice(key, name) if verb == "notice" else _decide(self._cases[key])


def _signal(key: int, name: str) -> Act:
    came = SignalIn(
        id=name, source="classifier-1", model="moderation", version="3", label="violence/graphic", hazard=Hazard.THREAT,
        user=f"user-{key}", score=0.91, conversation=f"conversation-{key}",
    )  # fmt: skip
    return lambda answerable: answerable.raise_signal(came)


def _notice(key: int, name: str) -> Act:
    came = NoticeIn(
        id=name, source="classifier-1", text=f"He follows me and sends letters. {name}", reporter_is_person=True,
        subject=(Identifier(IdentifierKind.ACCOUNT, f"user-{key}"),), hazard=Hazard.STALKING,
        person=(Identifier(IdentifierKind.EMAIL, f"mara-{key}@example.org"),),
    )  # fmt: skip
    return lambda answerable: answerable.receive_notice(came)


def _view(case: Any) -> Act:
    return lambda answerable: answerable.view_case(case, staff=LEAD, purpose="review")


def _decide(case: Any) -> Act:
    wanted = MeasureIn(level=Level.PAUSED, reason="It was read and it is serious.", proportionality="Less did not do.")

    def act(answerable: Answerable) -> None:
        found = answerable.decide(case, wanted, staff=LEAD)
        assert not isinstance(found, Refused), found

    return act


def _in_threads(count: int, todo: list[Any], one: Callable[[Any], object]) -> dict[str, Any]:
    """Let threads share what is to be done, each one thing after another."""
    waiting, faults = iter(todo), []
    guard = threading.Lock()

    def work() -> None:
        try:
            while True:
                with guard:
                    item = next(waiting, None)
                if item is None:
                    return
                one(item)
        except Exception as error:  # noqa: BLE001 - raised below, where it is seen
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    wall, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


# --- the raw limit


def raw(home: Path, clients: int, rows: int, row_bytes: int, group: int) -> dict[str, Any]:
    """Insert rows of a size, so many a commit; each client has a connection of its own."""
    groups = [[os.urandom(row_bytes // 2).hex().encode()] * size for size in _sizes(rows, group)]
    clients = min(clients, len(groups))
    dsn, own = os.environ.get(DSN_VARIABLE), threading.local()
    made: list[Any] = []
    turn = threading.Lock()  # SQLite has one writer: whoever waits for it asleep would lose its turn

    def insert_sqlite(group: list[bytes]) -> None:
        if not hasattr(own, "link"):
            own.link = sqlite3.connect(home / "raw.db", isolation_level=None, check_same_thread=False)
            made.append(own.link)
            own.link.execute("PRAGMA synchronous=FULL")
        with turn:
            own.link.execute("BEGIN IMMEDIATE")
            own.link.executemany("INSERT INTO raw_line (body) VALUES (?)", [(body,) for body in group])
            own.link.execute("COMMIT")

    def insert_postgres(group: list[bytes]) -> None:
        if not hasattr(own, "link"):
            own.link = psycopg.connect(dsn, autocommit=True)
            made.append(own.link)
        with own.link.transaction():
            own.link.execute("INSERT INTO raw_line (body) SELECT unnest(%s::bytea[])", (group,))

    try:
        return _in_threads(clients, groups, insert_postgres if dsn else insert_sqlite)
    finally:
        for link in made:
            link.close()


def _sizes(rows: int, group: int) -> list[int]:
    return [min(group, rows - start) for start in range(0, rows, group)]


def make_raw(found: Site) -> None:
    """Make the table for raw rows, beside the record."""
    if found.dsn:
        with psycopg.connect(found.dsn) as link:
            link.execute("CREATE TABLE raw_line (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea)")
        return
    with closing(sqlite3.connect(found.home / "raw.db")) as link:
        link.execute("PRAGMA journal_mode=WAL")
        link.execute("CREATE TABLE raw_line (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")


def main() -> None:
    """Be one process: do what each line of the input says."""
    config = Path(sys.argv[1])
    hand = Hand(open_adopted(config))
    orders: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": hand.prepare, "run": hand.run, "ready": hand.ready, "know": hand.know, "size": hand.size,
        "raw": lambda **order: raw(config.parent, **order),
    }  # fmt: skip
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(orders[order.pop("do")](**order)), flush=True)
    hand.close()


# --- all of them


def measure(kind: str) -> dict[str, Any]:
    """Measure one kind of store with every number of processes and clients, beside the raw limit."""
    with site(kind) as found:
        make_raw(found)
        shapes = SHAPES[kind]
        crews = {count: Crew(SCRIPT, [str(found.config)], found, count) for count in {count for count, _ in shapes}}
        try:
            (told,) = crews[1].tell({"do": "prepare", "keys": list(range(USERS))})
            for crew in crews.values():
                crew.tell(*[{"do": "know", "cases": told["cases"]}] * len(crew))
            return {verb: _measure_verb(verb, shapes, crews, found) for verb in VERBS}
        finally:
            for crew in crews.values():
                crew.close()


def _measure_verb(verb: str, shapes: Any, crews: dict[int, Crew], found: Site) -> dict[str, Any]:
    rounds: dict[str, list[dict[str, float]]] = {}
    wrote = {"facts": 0, "bytes": 1000 * ACTS}
    for turn in range(-1, ROUNDS):  # the first warms up, and tells how much an act writes once a case is some acts old
        for processes, clients in shapes:
            keys = [(ACTS * (turn + 1) + number) % USERS for number in range(ACTS)]
            if verb == "decide":
                crews[1].tell({"do": "ready", "keys": keys})
            (begin,) = crews[1].tell({"do": "size"}) if turn < 0 else ({},)
            row_bytes = wrote["bytes"] // ACTS
            name = f"{verb}-{processes}-{clients}-{turn}"
            spent = _round(crews[processes], verb, clients, keys, name, row_bytes, found)
            if turn < 0:
                (end,) = crews[1].tell({"do": "size"})
                wrote = {name: end[name] - begin[name] for name in wrote}
            else:
                rounds.setdefault(f"{processes}x{clients}", []).append(spent)
    told = {"row_bytes": wrote["bytes"] // ACTS, "facts": round(wrote["facts"] / ACTS, 2)}
    return told | {shape: _medians(each) for shape, each in rounds.items()}


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: _rounded(median(one[key] for one in rounds)) for key in rounds[0]}


def _rounded(value: float) -> float:
    return round(value, 4) if value < 1 else round(value, 2) if value < 10 else round(value)


def _round(
    crew: Crew, verb: str, clients: int, keys: list[int], name: str, row_bytes: int, found: Site
) -> dict[str, float]:
    """Do a verb, then insert as many rows raw: one a commit, and as many a commit as the writer reached."""
    count = len(crew)
    shares = [{"clients": clients // count, "keys": keys[place::count]} for place in range(count)]
    orders = [{"do": "run", "verb": verb, "turn": f"{name}-{place}"} | one for place, one in enumerate(shares)]
    ours = _spent(crew, orders, found)
    group = max(1, round(ACTS / ours["groups"]))
    order = {"do": "raw", "clients": clients // count, "rows": ACTS // count, "row_bytes": row_bytes}
    single = _spent(crew, [order | {"group": 1}] * count, found)
    grouped = _spent(crew, [order | {"group": group, "clients": 1}] * count, found)
    return {
        "per_s": ACTS / ours["wall"],
        "acts_a_commit": ACTS / ours["groups"],
        "raw_per_s": ACTS / single["wall"],
        "raw_grouped_per_s": ACTS / grouped["wall"],
        "share_of_raw": single["wall"] / ours["wall"],
        "share_of_grouped": grouped["wall"] / ours["wall"],
        "cpu_us": ours["cpu"] / ACTS * 1e6,
        "server_cpu_us": ours["server"] / ACTS * 1e6,
        "raw_cpu_us": (single["cpu"] + single["server"]) / ACTS * 1e6,
        "raw_grouped_cpu_us": (grouped["cpu"] + grouped["server"]) / ACTS * 1e6,
    }


def _spent(crew: Crew, orders: list[dict[str, Any]], found: Site) -> dict[str, float]:
    """Let all processes do their part at once, and add up what it took."""
    before = cpu_s(found.servers)
    told = crew.tell(*orders)
    server = cpu_s(found.servers) - before
    return {
        "wall": max(one["wall"] for one in told),
        "cpu": sum(one["cpu"] for one in told),
        "groups": sum(one.get("groups", 0) for one in told),
        "server": server,
    }


if __name__ == "__main__":
    main()
