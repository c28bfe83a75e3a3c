"""One act over any store's rows: which files it holds, and what an append changes.

Law: an act folds each fact once, and gives back only folds that hold exactly what was stored (L7).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from answerable.core.cases import Files
from answerable.core.facts import CaseId, Recorded, SubjectFact, SubjectId, SystemFact
from answerable.core.fold import evolve
from answerable.core.roster import Roster
from answerable.errors import Busy, Conflict, NewerVersion
from answerable.ledger.codec import write_entry
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable.store.folds import Fold, Folds, Row, System, component, tied
from answerable.store.protocol import CaseRow
from answerable.store.rows import ASIDE, QUIET, RELEASES, Delta, Leaf, case_row, note


class Act(ABC):
    """The part of `Tx` that is the same over every store. One object per act; a store makes it and closes it."""

    def __init__(self, origin: str, folds: Folds, edge: CompactRange | None) -> None:
        """Take the log's name, the folds to load from, and the tree's growing edge, its own until it ends.

        None where the tree is grown after the commit.
        """
        self._origin = origin
        self._folds = folds
        self._edge = edge
        self._files = Files()
        self._held: dict[SubjectId, tuple[Fold, int]] = {}
        self._is_torn = False

    # --- what a store's rows have to offer ---

    @abstractmethod
    def end(self, subject: SubjectId | None) -> int:
        """Return where a subject's facts end (`Rows`)."""

    @abstractmethod
    def facts(self, subject: SubjectId | None, since: int) -> Iterable[Row]:
        """Return a subject's facts beyond an end (`Rows`)."""

    @abstractmethod
    def write(self, delta: Delta) -> None:
        """Write a delta down."""

    @abstractmethod
    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Keep everybody else from these subjects until the act ends, taking them in the order given."""

    def reach(self, subjects: Sequence[SubjectId]) -> Collection[SubjectId]:
        """Lock those of these subjects, in the order given, whom nobody else holds, and return them."""
        self.lock(subjects)
        return subjects

    # --- the verbs ---

    def roster(self) -> Roster:
        """Return the fold of the system stream; others have it too, so nobody changes it."""
        return self._folds.system(self).roster

    def files(self, subjects: Sequence[SubjectId]) -> Files:
        """Lock these subjects and everybody linked to them, and return the fold of all their streams."""
        asked = sorted(set(subjects))
        self._load(asked)
        # A weak link shares nothing, but whoever confirms or withdraws it writes to both ends: one step over it.
        ends = {link.other for one in asked for link in self._files.subjects[one].links.values()}
        self._load(sorted(ends))
        return self._files

    def apart(self, subjects: Sequence[SubjectId]) -> dict[SubjectId, Files | Busy | NewerVersion]:
        """Lock those of these subjects whom nobody else holds, and return for each what an act about it alone has."""
        asked = sorted(set(subjects))
        free = self.reach(asked)
        return {one: self._alone(one) if one in free else Busy("somebody else is writing there") for one in asked}

    def _alone(self, subject: SubjectId) -> Files | Busy | NewerVersion:
        try:
            self.files([subject])
        except (Busy, NewerVersion) as fault:
            return fault
        own = self._files.subjects
        around = component(self._files, [subject, *(link.other for link in own[subject].links.values())])
        return Files({one: own[one] for one in around})

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
        for fold, count in self._held.values():
            # What the caller folded and did not append (a refusal after some writing) is not what the record says.
            if fold.count == count:
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
        fold = self._folds.system(self) if subject is None else self._held[subject][0]
        seq, before = fold.heads.get(stream, (0, b""))
        if recorded.seq != seq + 1:
            raise Conflict(f"{stream} stands at {seq}, and fact {recorded.seq} was to follow")
        data = write_entry(recorded, prev=before.hex(), origin=self._origin)
        leaf = self._leaf(recorded, subject, fold.end, data, hashed := leaf_hash(data))
        placed = replace(recorded, index=leaf.index)
        delta.leaves.append(leaf)
        fold.heads[stream] = (recorded.seq, hashed)
        if isinstance(fold, System):
            fold.add(placed, leaf.end)
            delta.rules |= not isinstance(placed.fact, ASIDE)
        else:
            self._fold(placed, fold.subject.id, leaf.end)
            note(delta, placed, leaf)
        return placed

    def _leaf(self, recorded: Recorded, subject: SubjectId | None, end: int, data: bytes, hashed: bytes) -> Leaf:
        """Return an entry with its place in the tree, or with none where the tree is grown after the commit."""
        index, nodes = None, b""
        if self._edge is not None:
            index = self._edge.size
            _, *inner = self._edge.append(hashed)
            nodes = b"".join(node for _, _, node in inner)
        return Leaf(
            index=index,
            subject=subject,
            stream=recorded.stream,
            seq=recorded.seq,
            end=end + 1 if index is None else index + 1,
            at=recorded.at,
            nodes=nodes,
            data=data,
        )

    def _fold(self, placed: Recorded, subject: SubjectId, end: int) -> None:
        """Fold a fact unless the caller's journal did; from here on it is among what was stored."""
        fold, count = self._held[subject]
        if self._seq(placed, subject) < placed.seq:
            evolve(self._files, placed)
            fold.is_tentative |= placed.index is None and isinstance(placed.fact, RELEASES)
        elif isinstance(placed.fact, RELEASES):
            # The journal folded it before it had a place in the tree, and its place decides when it counts (L4).
            fold.is_tentative = True
        fold.end = end
        self._held[subject] = (fold, count + 1)

    def _seq(self, recorded: Recorded, subject: SubjectId) -> int:
        file = self._files.subjects[subject]
        if isinstance(recorded.fact, SubjectFact):
            return file.seq
        assert not isinstance(recorded.fact, SystemFact), "the system stream folds into the roster"
        case = file.cases.get(CaseId(recorded.fact.case))
        return case.seq if case else 0
