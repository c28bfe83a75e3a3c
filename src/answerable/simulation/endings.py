"""Checks at the end of a run, once every fault is mended and everything has come to rest (L5, L7, L8, L9, L17, L18).

Law: the record is read again from its bytes, and nothing remembered in the run is taken for granted.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from answerable.core import facts as f
from answerable.ledger.verify import (
    CompactRange,
    leaf_hash,
    note_signers,
    parse_checkpoint,
    parse_note,
    parse_vkey,
)
from answerable.simulation import evasion
from answerable.simulation.house import House
from answerable.simulation.laws import Law
from answerable.simulation.world import World
from answerable.store.rows import tables_of
from answerable_gate import Level


def bring_to_rest(world: World) -> None:
    """Mend every fault, let what waits be done, and let every gate hear everything."""
    house = world.house
    world.faults.mend()
    world.crossing.end()
    for _ in range(4):
        house.true.elapsed += timedelta(minutes=20)
        world.tick()
        world.flush()
        house.seal()
    for site in house.sites:
        site.cut()
        house.connect(site)
        site.arrive()


def check(world: World) -> None:
    """Check everything that must hold at rest."""
    house = world.house
    _answers(house)
    check_letters(house, world.mail.carried)
    house.ordering.told(world.mail.told)
    check_tables(house)
    _ledger(house)
    _gates(house)
    _intake(world)
    house.sourcing.at_rest()
    world.vendors.at_rest()
    evasion.check_holders(house.checks, house.witness, world.evasion.same)
    check_coverage(house)
    _holds(house)


def _answers(house: House) -> None:
    """Every notice was answered in time, or the lapse was written (L5): by the time of the worker, which swept last.

    Two programs whose clocks differ are not at one time, and the record has only what somebody wrote.
    """
    now = house.worker.acts.now(house.store.high_water())
    for case in house.witness.cases.values():
        for name, notice in case.notices.items():
            done = notice.answered or notice.lapsed or notice.by > now
            house.checks.that(Law.L5, done, f"{name} was to be answered by {notice.by}")


def check_letters(house: House, carried: Counter[str]) -> None:
    """Check that every receipt, answer and lapse was sent (L5), and no lapse before the day that was promised (L11)."""
    now = house.worker.acts.now(house.store.high_water())
    for recorded in house.facts:
        fact, letter = recorded.fact, f"{recorded.stream}:{recorded.seq}"
        if isinstance(fact, f.AnswerLapsed):
            notice = house.witness.cases[fact.case].notices[fact.notice]
            promised = notice.fact.promised
            is_early = promised > now
            house.checks.that(Law.L11, not (is_early and carried[letter]), f"{letter} left before {promised}")
            if is_early or notice.answered:
                continue
        if isinstance(fact, f.NoticeReceived | f.NoticeAnswered | f.AnswerLapsed):
            kind = type(fact).__name__
            house.checks.that(Law.L5, carried[letter] > 0, f"no letter left for {kind} {letter}")


def check_tables(house: House) -> None:
    """Check that the read tables, and the folds kept in memory, are what the facts make (L7)."""
    folded, tables = tables_of(house.store.all_recorded()), house.store.tables()
    for name, rows in folded.items():
        house.checks.that(Law.L7, tables.get(name) == rows, f"the table {name} is not the fold of the facts")
    for program in house.programs:
        kept = {line.entry.subject: line.entry for line in program.store.feed(0, 100_000)}
        house.restart(program)
        fresh = {line.entry.subject: line.entry for line in program.store.feed(0, 100_000)}
        house.checks.that(Law.L7, kept == fresh, f"the entries in {program.name}'s memory are not those of the facts")


def _ledger(house: House) -> None:
    """Every byte that was seen is there still, and every checkpoint is signed over what was written by then (L8)."""
    edge, roots = CompactRange(), {0: CompactRange().root()}
    checkpoints = {one.size: one for one in house.store.checkpoints()}
    for data in house.store.entries(0, house.store.size()):
        edge.append(leaf_hash(data))
        if edge.size in checkpoints:
            roots[edge.size] = edge.root()
    house.checks.that(Law.L8, edge.root() == house.witness.edge.root(), "the ledger is not what was seen of it")
    left = len(house.witness.unplaced)
    house.checks.that(Law.L8, not left, f"{left} committed facts never came into the tree")
    key = parse_vkey(house.signer.vkey)
    for size, one in checkpoints.items():
        signed = parse_note(one.note.encode())
        checkpoint = parse_checkpoint(signed.text)
        good = bool(note_signers(signed, [key])) and (checkpoint.size, checkpoint.root) == (size, roots.get(size))
        house.checks.that(Law.L8, good, f"the checkpoint of {size} does not hold")
        kept = house.sealed_roots.get(size, roots.get(size)) == roots.get(size)
        house.checks.that(Law.L8, kept, f"what was sealed at {size} was rewritten")


def _gates(house: House) -> None:
    """At rest every gate holds exactly what the store holds: a lift arrives as surely as a default (L9)."""
    for site in house.sites:
        for subject, entry in house.entries.items():
            held = site.gate.held(subject)
            same = held is not None and {item.id for item in held.entry.items} == {item.id for item in entry.items}
            house.checks.that(Law.L9, same, f"{site.name} does not hold what the store holds of {subject}")


def _intake(world: World) -> None:
    """Everything given in was taken, once (L17)."""
    house = world.house
    lost = [key for key in world.taken if world.taken[key] not in house.witness.intake]
    twice = [token for token, count in Counter(world.taken.values()).items() if count > 1]
    house.checks.that(Law.L17, not lost and not twice, f"lost {lost[:3]}, taken twice {twice[:3]}")


def _holds(house: House) -> None:
    """At rest the operator's stores keep what every standing hold asks for, and nothing for one that lapsed (L14)."""
    lapsed = {one.fact.hold for one in house.facts if isinstance(one.fact, f.HoldLapsed)}
    ordered = {one.fact.hold for one in house.facts if isinstance(one.fact, f.HoldOrdered)}
    same = house.stores.kept == ordered - lapsed
    house.checks.that(Law.L14, same, "the stores do not keep what the standing holds ask for")


def check_coverage(house: House) -> None:
    """Check that what the sealed blocks say was served is what the gates served (L18)."""
    sealed: Counter[str] = Counter()
    served: Counter[str] = Counter()
    for recorded in house.facts:
        if isinstance(recorded.fact, f.ExposureSealed):
            sealed[recorded.fact.subject] += recorded.fact.served
    for one in house.log:
        served[one.subject] += one.answer != "refuse"
    for subject in {*sealed, *served}:
        seen = f"{subject}: sealed {sealed[subject]}, served {served[subject]}"
        house.checks.that(Law.L18, sealed[subject] == served[subject], seen)
    looser = [one for one in house.log if one.level >= Level.PAUSED and one.answer != "refuse"]
    house.checks.that(Law.L18, not looser, f"{len(looser)} exchanges were served while paused")
