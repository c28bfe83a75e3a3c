"""One act over any store's rows: which files it holds, and what an append changes.

Law: an act folds each fact once, and gives back only folds that hold exactly what was stored (L7).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace

from answerable.core.cases import Files
from answerable.core.facts import CaseId, Recorded, SubjectFact, SubjectId, SystemFact
from answerable.core.fold import evolve
from answerable.core.roster import Roster
from answerable.errors import Conflict
from answerable.ledger.codec import write_entry
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable.store.folds import Fold, Folds, component, copied, tied
from answerable.store.protocol import CaseRow
from answerable.store.rows import QUIET, RELEASES, Delta, Leaf, case_row, note


class Act(ABC):
    """The part of `Tx` that is the same over every store. One object per act; a store makes it and closes it."""

    def __init__(self, origin: str, folds: Folds, edge: CompactRange) -> None:
        """Take the log's name, the folds to load from, and the tree's growing edge, its own until it ends."""
        self._origin = origin
        self._folds = folds
        self._edge = edge
        self._files = Files()
        self._held: dict[SubjectId, tuple[Fold, int]] = {}
        self._stale: set[SubjectId] = set()
        self._is_torn = False

    # --- what a store's rows have to offer ---

    @abstractmethod
    def end(self, subject: SubjectId | None) -> int:
        """Return the leaf index + 1 of a subject's last fact (`Rows`)."""

    @abstractmethod
    def facts(self, subject: SubjectId | None, since: int) -> Iterable[tuple[int, bytes]]:
        """Return a subject's facts from an index on (`Rows`)."""

    @abstractmethod
    def write(self, delta: Delta) -> None:
        """Write a delta down."""

    @abstractmethod
    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Keep everybody else from these subjects until the act ends, taking them in the order given."""

    # --- the verbs ---

    def roster(self) -> Roster:
        """Return the fold of the system stream; the caller owns it."""
        return copied(self._folds.system(self).roster)

    def files(self, subjects: Sequence[SubjectId]) -> Files:
        """Lock these subjects and everybody linked to them, and return the fold of all their streams."""
        asked = sorted(set(subjects))
        self._load(asked)
        # A weak link shares nothing, but whoever confirms or withdraws it writes to both ends: one step over it.
        ends = {link.other for one in asked for link in self._files.subjects[one].links.values()}
        self._load(sorted(ends))
        return self._files

    def append(self, written: Sequence[Recorded]) -> list[Recorded]:
        """Add facts to their streams and the tree, and bring everything along that follows from them."""
        if not written:
            return []
        assert not self._is_torn, "an act ends with an append that failed"
        self._is_torn = True
        touched = {one.fact.subject for one in written if not isinstance(one.fact, SystemFact)}
        self._load(sorted(touched))
        delta = Delta(high_water=max(one.at for one in written))
        placed = [self._place(delta, one) for one in written]
        facts = [one.fact for one in placed if not isinstance(one.fact, SystemFact)]
        delta.bumped = component(self._files, {fact.subject for fact in facts if type(fact) not in QUIET})
        cases = {fact.case: fact.subject for fact in facts if not isinstance(fact, SubjectFact)}
        delta.cases = [pair for case, owner in cases.items() if (pair := self._changed(case, owner)) is not None]
        self.write(delta)
        self._is_torn = False
        return placed

    def refuse_torn(self) -> None:
        """Raise Conflict where an append failed and the caller went on: half of it may have been written."""
        if self._is_torn:
            raise Conflict("an append of this act failed, so nothing of the act is kept")

    def close(self) -> None:
        """Give the folds back that are as their facts have them; the act has succeeded."""
        for subject, (fold, count) in self._held.items():
            # What the caller folded and did not append (a refusal after some writing) is not what the record says.
            if subject not in self._stale and fold.count == count:
                self._folds.give(fold)

    # --- inside ---

    def _load(self, subjects: Iterable[SubjectId]) -> None:
        """Load subjects and all whom strong or confirmed links tie to them."""
        waiting = [one for one in subjects if one not in self._held]
        while waiting:
            self.lock(sorted(set(waiting)))
            for one in sorted(set(waiting)):
                self._take(one)
            waiting = [other for one in waiting for other in tied(self._files.subjects[one]) if other not in self._held]

    def _take(self, subject: SubjectId) -> None:
        fold = self._folds.take(self, subject)
        own = self._files.subjects.get(subject)
        if own is not None and (own.seq or own.cases):
            # Facts were folded into a file that was never locked. For an account never seen before, that is its fold.
            if fold.end:
                raise Conflict(f"{subject} was written to without being locked")
            fold.subject = own
        self._files.subjects[subject] = fold.subject
        self._held[subject] = (fold, 0 if own is fold.subject else fold.count)

    def _changed(self, case: CaseId, owner: SubjectId) -> tuple[CaseRow, CaseRow | None] | None:
        """Return a case's row and the known one unless they are equal: many facts change nothing that lists show."""
        fold = self._held[owner][0]
        row, known = case_row(self._files.subjects[owner].cases[case]), fold.rows.get(case)
        if known == row:
            return None
        fold.rows[case] = row
        return row, known

    def _place(self, delta: Delta, recorded: Recorded) -> Recorded:
        stream = recorded.stream
        subject = None if isinstance(recorded.fact, SystemFact) else recorded.fact.subject
        heads = self._folds.system(self).heads if subject is None else self._held[subject][0].heads
        seq, leaf = heads.get(stream, (0, b""))
        if recorded.seq != seq + 1:
            raise Conflict(f"{stream} stands at {seq}, and fact {recorded.seq} was to follow")
        data = write_entry(recorded, prev=leaf.hex(), origin=self._origin)
        placed = replace(recorded, index=self._edge.size)
        leaf = leaf_hash(data)
        _, *inner = self._edge.append(leaf)
        delta.leaves.append(Leaf(self._edge.size - 1, subject, b"".join(node for _, _, node in inner), data))
        heads[stream] = (recorded.seq, leaf)
        if subject is None:
            self._folds.system(self).add(placed)
        else:
            self._fold(placed, subject)
            note(delta, placed)
        return placed

    def _fold(self, placed: Recorded, subject: SubjectId) -> None:
        """Fold a fact unless the caller's journal did; from here on it is among what was stored."""
        fold, count = self._held[subject]
        assert placed.index is not None, "a placed fact has its index"
        if self._seq(placed, subject) < placed.seq:
            evolve(self._files, placed)
        elif isinstance(placed.fact, RELEASES):
            # The journal folded it before it had a place in the tree, and its place decides when it counts (L4).
            self._stale.add(subject)
        fold.end = placed.index + 1
        self._held[subject] = (fold, count + 1)

    def _seq(self, recorded: Recorded, subject: SubjectId) -> int:
        file = self._files.subjects[subject]
        if isinstance(recorded.fact, SubjectFact):
            return file.seq
        assert not isinstance(recorded.fact, SystemFact), "the system stream folds into the roster"
        case = file.cases.get(CaseId(recorded.fact.case))
        return case.seq if case else 0
