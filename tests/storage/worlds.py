"""A world of the core's tests whose acts go through a store, and the check that a store holds what its facts say.

Law: nothing here knows which store it runs on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from answerable.core import fold, lapses, standing
from answerable.core.cases import Case
from answerable.core.facts import (
    ActId,
    ActorId,
    DefaultTookEffect,
    Fact,
    PolicyAdopted,
    ProposalId,
    Role,
    StaffEnrolled,
    StaffId,
    SubjectId,
)
from answerable.core.journal import Journal
from answerable.edge import SeededMint
from answerable.ledger.notes import Checkpoint, checkpoint_text, sign_note, vkey
from answerable.ledger.tree import CompactRange, root_at
from answerable.ledger.verify import leaf_hash
from answerable.store.protocol import Checkpointed, Outgoing, Store
from answerable.store.rows import tables_of
from answerable_gate import Level, Standing
from tests.core.builders import EVA, LEON, PEOPLE, SECOND, STAFFED, SUBJECT, T, World

ORIGIN = "store.example/log"
MARK = "0" * 32
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = vkey(ORIGIN, PRIVATE.public_key())
THIRD = SubjectId("su_third")


@dataclass(slots=True, kw_only=True)
class Stored(World):
    """A world that keeps everything in a store; `locks` are the accounts that each act asks for."""

    store: Store
    locks: list[SubjectId] = field(default_factory=lambda: [SUBJECT, SECOND, THIRD])

    def act(self, verb: Callable[[Journal], T], by: str = "app") -> T:
        """Run one verb in one act of the store, after what is due; whatever took effect is told to the outside."""
        with self.store.act() as tx:
            journal = Journal(
                act=ActId(self.mint.token("act")),
                by=ActorId(by),
                now=self.now,
                files=tx.files(self.locks),
                roster=tx.roster(),
                policies=self.policies,
                mint=self.mint,
                sealed=tx.sealed_size(),
                effects_left=self.effects_left,
                plans=self.plans,
            )
            lapses.settle(journal)
            result = verb(journal)
            self.facts += tx.append(journal.written)
            for one in journal.written:
                if isinstance(one.fact, DefaultTookEffect):
                    tx.post(self.outgoing(f"fired:{one.fact.item}", case=one.fact.case))
        self.files, self.roster = journal.files, journal.roster
        if self.is_sealing and journal.written:
            self.seal()
        return result

    def outgoing(self, idem: str, **body: str) -> Outgoing:
        """Return a message to be sent from now on."""
        return Outgoing(idem=idem, topic="test", body=body, not_before=self.now)

    def seal(self) -> World:
        """Sign a checkpoint over everything."""
        seal(self.store)
        return self

    def case_level(self, by: int, number: int = 0) -> Standing:
        """Return the standing of a case, its level moved by so many steps."""
        held = standing.case_yardstick(self.case(number))
        return Standing(Level(held.level + by), held.limits, held.shields)

    def drawn(self, case: Case, proposal: ProposalId) -> StaffId:
        """Tell who was drawn, by the files of now: an act may have loaded them anew."""
        drawn = self.files.case(case.id).proposals[proposal].drawn
        assert drawn is not None
        return drawn

    def write(self, *facts: Fact) -> World:
        """Record facts as they are."""
        self.act(lambda journal: journal.write(*facts))
        return self


def a_stored_world(
    store: Store, people: Iterable[tuple[StaffId, Role, bool]] = PEOPLE, *, is_sealing: bool = False, seed: int = 7
) -> Stored:
    """Make a world with people, a policy and an account on an empty store."""
    world = Stored(store=store, policies={STAFFED.version: STAFFED}, mint=SeededMint(seed), is_sealing=is_sealing)
    world.write(PolicyAdopted(version=STAFFED.version, digest="00", signed_by=(LEON, EVA)))
    for staff, role, duty in people:
        world.write(StaffEnrolled(staff=staff, role=role, duty=duty, superior=None, commit="00"))
    world.see()
    return world


def checkpoint(store: Store, size: int | None = None, *, origin: str = ORIGIN) -> Checkpointed:
    """Sign the first `size` entries, all of them by default."""
    store.integrate()
    size = store.size() if size is None else size
    text = checkpoint_text(Checkpoint(origin=origin, size=size, root=root_at(size, store.node)))
    return Checkpointed(size=size, note=sign_note(text, origin, PRIVATE))


def seal(store: Store) -> None:
    """Sign and keep a checkpoint over everything."""
    store.put_checkpoint(checkpoint(store))


class Undone(Exception):
    """Nothing went wrong but this."""


@contextmanager
def undone(within: AbstractContextManager[T], by: type[Exception] = Undone) -> Iterator[T]:
    """Enter something and assert that it is left by an exception: the block's own, or else `Undone`."""
    with pytest.raises(by), within as entered:  # noqa: PT012
        yield entered
        raise Undone


def assert_sound(store: Store) -> None:
    """Assert that tree, tables, chains, folds and feed are what the facts make them (L7, L8)."""
    store.integrate()
    edge = CompactRange()
    for data in store.entries(0, store.size()):
        for level, index, node in edge.append(leaf_hash(data)):
            assert store.node(level, index) == node
    assert edge.size == store.size()
    assert store.root() == edge.root()
    recorded = list(store.all_recorded())
    assert store.tables() == tables_of(recorded)
    expected = fold.fold(recorded)
    with store.act() as tx:
        loaded = tx.files(sorted(expected.subjects))
        assert {one: loaded.subjects[one] for one in expected.subjects} == expected.subjects
    newest = store.newest_checkpoint()
    sealed = newest.size if newest else 0
    for line in store.feed(0, 1_000_000):
        subject, version, aliases = SubjectId(line.entry.subject), line.entry.version, line.entry.aliases
        assert line.entry == standing.entry(expected, subject, sealed=sealed, version=version, aliases=aliases)
