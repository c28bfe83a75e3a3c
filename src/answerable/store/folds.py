"""Folded subjects: loaded from their facts, kept between acts, and never handed to two at once.

Law: a kept fold is used only where its facts still end where the fold ends; whoever fails gives nothing back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from answerable.core.cases import Files, Subject
from answerable.core.facts import CaseId, Recorded, StreamId, SubjectId
from answerable.core.fold import evolve
from answerable.core.roster import Roster
from answerable.core.roster import evolve as evolve_roster
from answerable.errors import Corrupt
from answerable.ledger.codec import read_entry
from answerable.ledger.verify import leaf_hash
from answerable.store.protocol import CaseRow
from answerable.store.rows import RELEASES

KEPT = 4096

Heads = dict[StreamId, tuple[int, bytes]]

Row = tuple[int, int | None, bytes]
"""A fact as it is stored: where its subject's facts end with it, its leaf index once it is in the tree, its bytes."""


class Rows(Protocol):
    """What a fold is loaded from."""

    def end(self, subject: SubjectId | None) -> int:
        """Return where a subject's facts end, a number that grows with each; 0 where there is none. None: the system.
        """
        ...

    def facts(self, subject: SubjectId | None, since: int) -> Iterable[Row]:
        """Return a subject's facts beyond an end, in their order."""
        ...


@dataclass(slots=True, kw_only=True)
class Fold:
    """One subject's fold, where its facts end, each stream's seq and last leaf hash, and rows known to be stored.

    It is tentative where a release in it is not in the tree yet: its place decides when it counts (L4).
    """

    subject: Subject
    end: int = 0
    heads: Heads = field(default_factory=dict)
    rows: dict[CaseId, CaseRow] = field(default_factory=dict)
    epoch: int = -1
    is_tentative: bool = False

    @property
    def count(self) -> int:
        """How many facts went into it."""
        return self.subject.seq + sum(case.seq for case in self.subject.cases.values())


@dataclass(slots=True, kw_only=True)
class System:
    """The fold of the system stream, where its facts end, and its head. A roster once handed out is never changed."""

    roster: Roster = field(default_factory=Roster)
    end: int = 0
    heads: Heads = field(default_factory=dict)
    epoch: int = -1

    def add(self, recorded: Recorded, end: int) -> None:
        """Fold one more fact, with which the stream ends there."""
        self.roster = self.roster.copied()
        evolve_roster(self.roster, recorded)
        self.end = end


@dataclass(slots=True)
class Folds:
    """The folds that nobody has in hand, the least used leaving first.

    An epoch is a time in which nobody else has appended: within it a fold once compared with the rows stays current.
    """

    limit: int = KEPT
    _kept: OrderedDict[SubjectId, Fold] = field(default_factory=OrderedDict)
    _system: System = field(default_factory=System)
    _epoch: int = 0

    def begin_epoch(self) -> None:
        """Compare each fold with the rows before it is used again: somebody else may have appended."""
        self._epoch += 1

    def take(self, rows: Rows, subject: SubjectId) -> Fold:
        """Return a subject's fold as of now; it is the caller's until given back."""
        fold = self._kept.pop(subject, None) or Fold(subject=Subject(id=subject))
        if fold.epoch == self._epoch:
            return fold
        end = rows.end(subject)
        if end < fold.end:  # the file was put back to an earlier state under a running program
            raise Corrupt(f"the facts of {subject} have become fewer")
        if end > fold.end:
            _catch_up(rows, fold)
        fold.epoch = self._epoch
        return fold

    def end_of(self, subject: SubjectId) -> int:
        """Return where the fold ends that is kept of a subject, 0 where none is."""
        kept = self._kept.get(subject)
        return 0 if kept is None else kept.end

    def give(self, fold: Fold) -> None:
        """Take a fold back, to be kept unless it is tentative."""
        if fold.is_tentative:
            return
        self._kept[fold.subject.id] = fold
        if len(self._kept) > self.limit:
            self._kept.popitem(last=False)

    def system(self, rows: Rows) -> System:
        """Return the fold of the system stream as of now."""
        system = self._system
        if system.epoch != self._epoch:
            system = replace(system, roster=system.roster.copied(), heads=dict(system.heads), epoch=self._epoch)
            for end, index, data in rows.facts(None, system.end):
                recorded = read_entry(data, index)
                evolve_roster(system.roster, recorded)
                system.end = end
                system.heads[recorded.stream] = recorded.seq, leaf_hash(data)
            self._system = system
        return system

    def clear(self) -> None:
        """Forget everything, as after a rollback."""
        self._kept.clear()
        self._system = System()


def _catch_up(rows: Rows, fold: Fold) -> None:
    files = Files({fold.subject.id: fold.subject})
    fold.rows.clear()
    for end, index, data in rows.facts(fold.subject.id, fold.end):
        recorded = read_entry(data, index)
        evolve(files, recorded)
        fold.heads[recorded.stream] = recorded.seq, leaf_hash(data)
        fold.end = end
        fold.is_tentative |= index is None and isinstance(recorded.fact, RELEASES)


def tied(subject: Subject) -> Iterator[SubjectId]:
    """Yield the accounts whose entries depend on this one: over strong or confirmed links, withdrawn ones too."""
    return (link.other for link in subject.links.values() if link.strong or link.confirmed)


def component(files: Files, seeds: Iterable[SubjectId]) -> list[SubjectId]:
    """Return everybody within the files whose entry depends on one of the seeds, sorted."""
    found = [seed for seed in dict.fromkeys(seeds) if seed in files.subjects]
    seen = set(found)
    for one in found:
        fresh = [other for other in tied(files.subjects[one]) if other not in seen and other in files.subjects]
        seen.update(fresh)
        found += fresh
    return sorted(found)
