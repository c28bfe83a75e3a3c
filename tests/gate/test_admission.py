"""Admission: loss, order and repetition of lines never lower, and the newest line with its proofs is the truth."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerable_gate import (
    NOTHING,
    Entry,
    Frozen,
    Held,
    Item,
    Level,
    Limit,
    Release,
    Standing,
    admit,
    covers,
    standing,
)
from answerable_gate.admission import mark, meet, stricter, withhold
from tests.gate.build import START, Log, a_withheld, after, an_entry, an_item, standings


@dataclass
class Store:
    """A subject's truth: measures, defaults, and a log of the lifts; each change is one line of the feed."""

    log: Log = field(default_factory=Log)
    items: dict[str, Item] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    lifts: list[int] = field(default_factory=list)
    lines: list[tuple[Entry, tuple[Release, ...]]] = field(default_factory=list)

    def set(self, number: int, there: Standing, effective: float) -> None:
        """Add an item, and drop those that it covers from now on."""
        item = replace(an_item(f"item_{number}", effective=effective), standing=there)
        if effective <= 0:
            self.items = {name: one for name, one in self.items.items() if not covers(there, one.standing)}
        self.items[item.id] = item
        self.named.add(item.id)
        self._line()

    def lift(self) -> None:
        """Lift everything, and name also what had been covered away."""
        self.lifts.append(self.log.append("MeasureLifted", subject="subject_a", lifts=sorted(self.named)))
        self.items, self.named = {}, set()
        self._line()

    def _line(self) -> None:
        entry = an_entry(*self.items.values(), version=len(self.lines) + 1)
        self.lines.append((entry, tuple(self.log.release(index) for index in self.lifts)))


changes = st.lists(
    st.none() | st.tuples(standings, st.sampled_from([0.0, 0.0, 30.0, 90.0])), min_size=1, max_size=6
)


def history(steps: list) -> Store:
    """Run a store through its changes."""
    store = Store()
    for number, step in enumerate(steps):
        store.lift() if step is None else store.set(number, *step)
    return store


@given(changes, st.data())
def test_any_feed_ends_at_the_truth_once_its_newest_line_came(steps: list, data: st.DataObject) -> None:
    """Lines lost, doubled and out of order: never below the newest line seen, and equal to it once proven."""
    store = history(steps)
    arrivals = data.draw(st.lists(st.sampled_from(range(len(store.lines))), max_size=10))
    proofs = data.draw(st.lists(st.booleans(), min_size=len(arrivals), max_size=len(arrivals)))
    verify = store.log.pinned.verify
    held, newest, now = None, -1, START
    for step, (number, is_proven) in enumerate(zip(arrivals, proofs, strict=True)):
        now = after(step)
        entry, releases = store.lines[number]
        held = admit(held, entry, releases if is_proven else (), verify, now=now).held
        newest = max(newest, number)
        for later in (now, after(45), after(120)):
            truth = standing(store.lines[newest][0].items, later)
            assert covers(standing(held.entry.items, later, held.fallen), truth)
    final, releases = store.lines[-1]
    held = admit(held, final, releases, verify, now=now).held
    assert held.entry == final
    assert standing(held.entry.items, after(120), held.fallen) == standing(final.items, after(120))


@given(changes, st.data())
def test_withheld_lines_never_lower_and_end_with_the_newer_entry(steps: list, data: st.DataObject) -> None:
    """Mixed in anywhere, lost or twice: nothing goes, and withheld is what is newer than every entry that came."""
    store = history(steps)
    line = st.tuples(st.booleans(), st.integers(1, len(store.lines)))
    verify = store.log.pinned.verify
    held, told, withheld = None, 0, 0
    for step, (is_withheld, version) in enumerate(data.draw(st.lists(line, max_size=10))):
        now, before = after(step), held
        if is_withheld:
            held = withhold(held, a_withheld(version, known_as=f"name_{version}"), now=now)
            assert withhold(held, a_withheld(version, known_as=f"name_{version}"), now=now) == held
            if before is not None:
                assert held.entry.items == before.entry.items
                assert set(held.entry.aliases) >= set(before.entry.aliases)
            withheld = max(withheld, version)
        else:
            held = admit(held, *store.lines[version - 1], verify, now=now).held
            told = max(told, version)
        assert held.withheld == (withheld if withheld > told else 0)
        assert held.entry.version == told
        truth = standing(store.lines[told - 1][0].items if told else (), now)
        assert covers(standing(held.entry.items, now, held.fallen), truth)
    final, releases = store.lines[-1]
    held = admit(held, final, releases, verify, now=START).held
    assert (held.withheld, held.entry.items) == (0, final.items)


@given(st.lists(st.integers(1, 5), min_size=1), st.randoms())
def test_withheld_lines_are_a_set(versions: list[int], chance: random.Random) -> None:
    """In any order, twice or once, they leave the same."""

    def all_of(told: list[int]) -> Held | None:
        held = None
        for version in told:
            held = withhold(held, a_withheld(version, known_as=f"name_{version}"), now=START)
        return held

    turned = versions + versions[:2]
    chance.shuffle(turned)
    assert all_of(turned) == all_of(versions)


def test_what_is_withheld_keeps_its_aliases_until_it_is_told() -> None:
    """An older entry that nothing stands in does not let the bearer of a withheld one go; the newer one does."""
    told = a_withheld(3, known_as="another")
    held = withhold(Held(entry=an_entry()), told, now=START)
    second = admit(held, an_entry(version=2), (), None, now=START).held
    assert set(second.entry.aliases) == {*an_entry().aliases, *told.aliases}
    assert admit(second, an_entry(version=3), (), None, now=START).held == Held(entry=an_entry(version=3))


def test_time_goes_on_while_something_is_withheld() -> None:
    """What is held falls due as ever, also with the very line that says so."""
    held = Held(entry=an_entry(an_item(effective=30)))
    assert withhold(held, a_withheld(), now=after(30)).fallen == {"item_a"}


@given(changes, st.data())
def test_nothing_held_is_lost_without_proof(steps: list, data: st.DataObject) -> None:
    """Without proofs standing never falls, whatever lines come, at that moment or any later one."""
    store = history(steps)
    held = Held(entry=replace(an_entry(), version=1))
    for step, number in enumerate(data.draw(st.lists(st.sampled_from(range(len(store.lines))), max_size=8))):
        before, now = held, after(step)
        held = admit(held, store.lines[number][0], store.lines[number][1], None, now=now).held
        for later in (now, after(45), after(120)):
            assert covers(
                standing(held.entry.items, later, held.fallen), standing(before.entry.items, later, before.fallen)
            )


@given(changes)
def test_admission_is_idempotent(steps: list) -> None:
    """The same line twice is the same line once."""
    store = history(steps)
    held = None
    for entry, releases in store.lines:
        once = admit(held, entry, releases, store.log.pinned.verify, now=START)
        held = once.held
        assert admit(held, entry, releases, store.log.pinned.verify, now=START).held == held


def test_an_item_without_proof_stays_and_is_named() -> None:
    """What is kept against the store's word is reported, keeps the entry open and its aliases known."""
    first = admit(None, an_entry(an_item(level=Level.PAUSED)), (), None, now=START).held
    received = replace(an_entry(version=2), open=False, aliases=(), reason_ref=None)
    admitted = admit(first, received, (), None, now=START)
    assert [item.id for item in admitted.refused] == ["item_a"]
    assert admitted.held == Held(entry=replace(first.entry, version=2), fallen=first.fallen, unproven=True)


def test_everything_leaves_with_proof() -> None:
    """Lifted with proof, the entry is the one received, and forgets aliases and marks."""
    log = Log()
    first = admit(None, an_entry(an_item()), (), log.pinned.verify, now=START).held
    received = replace(an_entry(version=2), open=False, aliases=(), reason_ref=None)
    admitted = admit(first, received, [log.lift("item_a")], log.pinned.verify, now=START)
    assert admitted.held == Held(entry=received)


def test_a_lift_of_another_subject_frees_nothing_here() -> None:
    """A proof is good for its own subject only."""
    log = Log()
    first = admit(None, an_entry(an_item()), (), log.pinned.verify, now=START).held
    stolen = [log.lift("item_a", subject="subject_b"), log.lift("item_b")]
    assert admit(first, an_entry(version=2), stolen, log.pinned.verify, now=START).refused == (an_item(),)


def test_an_older_version_changes_nothing_but_marks() -> None:
    """A late line is ignored; time goes on all the same."""
    held = Held(entry=an_entry(an_item(effective=30), version=2))
    admitted = admit(held, an_entry(version=1), (), None, now=after(30))
    assert admitted.held == Held(entry=held.entry, fallen=frozenset({"item_a"}))


def test_a_mark_outlives_newer_versions_and_earlier_times() -> None:
    """A default that fell stays fallen when a newer line comes at an earlier time; only its leaving ends the mark."""
    log = Log()
    held = Held(entry=an_entry(an_item(effective=30)), fallen=frozenset({"item_a"}))
    second = admit(held, an_entry(an_item(effective=30), version=2), (), None, now=START).held
    assert second.fallen == {"item_a"}
    gone = admit(second, an_entry(version=3), [log.lift("item_a")], log.pinned.verify, now=START).held
    assert gone.fallen == frozenset()


def test_a_changed_item_is_the_stricter_of_both() -> None:
    """Items do not change; a store that changes one all the same cannot weaken or delay it."""
    held = an_item(level=Level.PAUSED, effective=30)
    received = replace(an_item(level=Level.GUARDED, effective=90), review_by=None)
    assert stricter(held, received) == replace(held, review_by=None)
    assert stricter(held, held) is held
    first = admit(None, an_entry(held), (), None, now=START).held
    second = admit(first, an_entry(received, version=2), (), None, now=START).held
    assert standing(second.entry.items, after(30)) == Standing(Level.PAUSED)


def test_marks_are_kept_and_only_added() -> None:
    """What counted once is marked, and stays so at an earlier time."""
    held = mark(Held(entry=an_entry(an_item(effective=30))), now=after(30))
    assert held.fallen == {"item_a"}
    assert mark(held, now=START) is held


SOME = Frozen(models=("a", "b"), tools=None)
FEW = Frozen(models=("a",), tools=None)
OTHER = Frozen(models=None, tools=())


@pytest.mark.parametrize(
    ("held", "received", "result"),
    [
        (None, SOME, SOME),
        (SOME, None, SOME),
        (SOME, FEW, FEW),
        (FEW, SOME, FEW),
        (SOME, OTHER, Frozen(models=("a", "b"), tools=())),
        (OTHER, SOME, Frozen(models=("a", "b"), tools=())),
    ],
)
def test_a_freeze_only_narrows_while_a_case_is_open(
    held: Frozen | None, received: Frozen | None, result: Frozen | None
) -> None:
    """No upgrade reaches the gate while a case is open; once nothing stands the freeze ends."""
    first = admit(None, an_entry(frozen=held), (), None, now=START).held
    assert admit(first, an_entry(frozen=received, version=2), (), None, now=START).held.entry.frozen == result
    closed = replace(an_entry(version=2), open=False)
    assert admit(first, closed, (), None, now=START).held.entry.frozen is None
    assert meet(held, received) == result


def test_shields_and_limits_are_held_like_levels() -> None:
    """A lower level does not cover a limit."""
    care = replace(an_item("item_c"), standing=Standing(Level.NONE, frozenset({Limit.CARE})))
    first = admit(None, an_entry(care), (), None, now=START).held
    second = admit(first, an_entry(an_item(level=Level.TERMINATED), version=2), (), None, now=START)
    assert second.refused == (care,)
    assert standing((), START) == NOTHING
