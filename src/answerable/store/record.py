"""What every store does alike: acts and batches, proofs for the feed, checkpoints, waiting.

Law: an act that raises leaves no trace, and a batch is durable as a whole or not at all (L7, L17).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from threading import Condition, RLock, get_ident
from typing import Protocol

from answerable.core.cases import Files
from answerable.core.facts import Recorded, StreamId, SubjectId
from answerable.core.roster import Roster
from answerable.core.standing import entry
from answerable.edge import SystemClock
from answerable.errors import BadInput, NewerVersion
from answerable.ledger.codec import read_entry
from answerable.ledger.tree import CompactRange, inclusion, root_at
from answerable.ledger.verify import Malformed, parse_checkpoint, parse_note
from answerable.store.folds import Fold, Folds, Rows, component, tied
from answerable.store.protocol import Checkpointed, FeedLine, Tx
from answerable_gate import Release, Withheld
from answerable_gate.feed import LINE_BYTES_MAX, RELEASES_MAX

POLL_S = 0.05
RELEASES_BYTES = LINE_BYTES_MAX // 4

Node = Callable[[int, int], bytes]


class OpenTx(Tx, Protocol):
    """An act that its store has yet to close."""

    def refuse_torn(self) -> None:
        """Raise Conflict where an append failed and the caller went on."""
        ...

    def close(self) -> None:
        """Give back what the act held; it has succeeded."""
        ...


class Record(ABC):
    """The part of `Store` that is the same over every kind of rows."""

    def __init__(self, origin: str) -> None:
        """Take the log's origin line."""
        self._origin = origin
        self._writing = RLock()
        self._writer: int | None = None
        self._in_batch = self._in_act = False
        self._folds = Folds()
        self._feeding = RLock()
        self._feed_folds = Folds()
        self._edge: CompactRange | None = None
        self._moved = Condition()

    @property
    def origin(self) -> str:
        """Return the log's origin line."""
        return self._origin

    # --- what a kind of store has to offer ---

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _commit(self) -> None: ...

    @abstractmethod
    def _rollback(self) -> None: ...

    @abstractmethod
    def _save(self) -> None: ...

    @abstractmethod
    def _release(self) -> None: ...

    @abstractmethod
    def _rollback_to_save(self) -> None: ...

    @abstractmethod
    def _open_act(self, folds: Folds, edge: CompactRange | None) -> OpenTx: ...

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[Rows]:
        """Open one consistent reading of the rows."""

    @abstractmethod
    def _feed_rows(self, after: int, limit: int) -> list[tuple[SubjectId, int, int, tuple[str, ...]]]:
        """Return subject, place in the feed, version and gate aliases."""

    @abstractmethod
    def _seal(self, checkpoint: Checkpointed, bumped: list[SubjectId]) -> None:
        """Write a checkpoint down, and the subjects that it brings to the head of the feed."""

    @abstractmethod
    def _released(self, start: int, stop: int) -> list[SubjectId]:
        """Return whose releasing facts lie in a span of the tree."""

    @abstractmethod
    def size(self) -> int:
        """Return how many entries are in the tree."""

    @abstractmethod
    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree."""

    @abstractmethod
    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries' bytes, `start` included, `stop` not."""

    @abstractmethod
    def newest_checkpoint(self) -> Checkpointed | None:
        """Return the newest signed checkpoint."""

    @abstractmethod
    def feed_head(self) -> int:
        """Return the last place in the feed."""

    @abstractmethod
    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""

    # --- acts ---

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Open one transaction for many acts; only after it has closed are they durable."""
        with self._transaction():
            self._in_batch = True
            try:
                yield
            finally:
                self._in_batch = False

    @contextmanager
    def act(self) -> Iterator[Tx]:
        """Open one act: a transaction, or inside `batch` a savepoint."""
        with self._writing:
            # Only once all is stored do the folds go back, for others to build on.
            with self._savepoint() if self._in_batch else self._transaction():
                act = self._open_act(self._folds, self._growing_edge())
                yield act
                act.refuse_torn()
            act.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._writing:
            assert self._writer is None, "batches and acts do not open inside of each other"
            self._begin()
            self._writer = get_ident()
            try:
                self._look_around()
                yield
                self._commit()
            except BaseException:
                self._forget()
                self._rollback()
                raise
            finally:
                self._writer = None
        with self._moved:
            self._moved.notify_all()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        assert not self._in_act, "acts do not open inside of each other"
        self._save()
        self._in_act = True
        try:
            yield
            self._release()
        except BaseException:
            self._forget()
            self._rollback_to_save()
            raise
        finally:
            self._in_act = False

    def _look_around(self) -> None:
        """Drop what another process has made stale."""
        if self._edge is None or self._edge.size != self.size():
            self._edge = None
            self._folds.begin_epoch()

    def _growing_edge(self) -> CompactRange | None:
        """Return the tree's growing edge; None where acts do not grow the tree."""
        if self._edge is None:
            self._edge = edge_of(self.size(), self.node)
        return self._edge

    def _forget(self) -> None:
        """Drop whatever may hold something that was undone."""
        self._folds.clear()
        self._edge = None

    @property
    def _is_writer(self) -> bool:
        return self._writer == get_ident()

    # --- the ledger ---

    def integrate(self) -> int:
        """Grow the tree by what is not in it yet: nothing, where every act grows it."""
        return 0

    def pending(self) -> tuple[int, datetime | None]:
        """Return how many committed entries are not in the tree yet: none, where every act grows it."""
        return 0, None

    def roster(self) -> Roster:
        """Return the fold of the system stream, of what is committed; nobody changes it."""
        with self._feeding, self._snapshot() as rows:
            self._feed_folds.begin_epoch()
            folds = Folds() if self._is_writer else self._feed_folds
            return folds.system(rows).roster

    def place_of(self, subject: SubjectId | None, stream: StreamId, seq: int) -> int | None:
        """Return the leaf index of a subject's fact, None where it is not in the tree (yet)."""
        with self._snapshot() as rows:
            facts = (read_entry(data, index) for _, index, data in rows.facts(subject, 0))
            return next((one.index for one in facts if (one.stream, one.seq) == (stream, seq)), None)

    def root(self) -> bytes:
        """Return the root over all entries."""
        with self._snapshot():
            return root_at(self.size(), self.node)

    def all_recorded(self) -> Iterator[Recorded]:
        """Yield every fact in the order of the tree."""
        for index, data in enumerate(self.entries(0, self.size())):
            yield read_entry(data, index)

    def put_checkpoint(self, checkpoint: Checkpointed) -> None:
        """Keep a signed checkpoint and bring every subject whose release it seals to the head of the feed."""
        with self._transaction(), self._snapshot() as rows:
            self._check(checkpoint)
            newest = self.newest_checkpoint()
            owners = self._released(newest.size if newest else 0, checkpoint.size)
            self._seal(checkpoint, sorted({one for owner in owners for one in self._reached(rows, owner)}))

    def _reached(self, rows: Rows, owner: SubjectId) -> list[SubjectId]:
        try:
            return component(self._component(self._folds, rows, [owner]), [owner])
        except NewerVersion:
            return [owner]

    def _check(self, checkpoint: Checkpointed) -> None:
        try:
            signed = parse_checkpoint(parse_note(checkpoint.note.encode()).text)
        except Malformed as fault:
            raise BadInput(f"the checkpoint {fault}") from fault
        if (signed.origin, signed.size) != (self._origin, checkpoint.size) or signed.size > self.size():
            raise BadInput("the checkpoint is of another log or another size")
        if signed.root != root_at(signed.size, self.node):
            raise BadInput("the checkpoint signs other entries than these")

    # --- the feed ---

    def feed(self, after: int, limit: int) -> list[FeedLine]:
        """Return subjects' entries whose place in the feed is beyond `after`, in order, each subject once."""
        with self._feeding, self._snapshot() as rows:
            self._feed_folds.begin_epoch()
            newest = self.newest_checkpoint() or Checkpointed(size=0, note="")
            # What a writer sees of its own act may yet be undone: it builds on folds that nobody keeps.
            folds = Folds() if self._is_writer else self._feed_folds
            return [self._line(folds, rows, newest, *row) for row in self._feed_rows(after, limit)]

    def _line(
        self,
        folds: Folds,
        rows: Rows,
        newest: Checkpointed,
        subject: SubjectId,
        seq: int,
        version: int,
        aliases: tuple[str, ...],
    ) -> FeedLine:
        try:
            files = self._component(folds, rows, [subject])
        except NewerVersion:
            return FeedLine(seq=seq, entry=Withheld(subject=subject, version=version, aliases=aliases), releases=())
        built = entry(files, subject, sealed=newest.size, version=version, aliases=aliases)
        indexes = sorted(index for index in _release_indexes(files) if index < newest.size)
        return FeedLine(seq=seq, entry=built, releases=tuple(self._proofs(indexes, newest)))

    def _proofs(self, indexes: list[int], newest: Checkpointed) -> list[Release]:
        """Return the newest proofs that fit one line; a gate that missed an older one stays stricter, never looser."""
        found: list[Release] = []
        left = RELEASES_BYTES
        for index in reversed(indexes[-RELEASES_MAX:]):
            proof = self._proof(index, newest)
            left -= len(proof.leaf) * 4 // 3 + len(proof.note) + 80 * len(proof.path) + 200
            if left < 0:
                break
            found.append(proof)
        return found[::-1]

    def _component(self, folds: Folds, rows: Rows, seeds: list[SubjectId]) -> Files:
        """Return the files of some subjects and all tied to them; the folds go back, so nobody may change them."""
        held: dict[SubjectId, Fold] = {}
        waiting = list(seeds)
        while waiting:
            one = waiting.pop()
            if one not in held:
                held[one] = folds.take(rows, one)
                waiting += tied(held[one].subject)
        for fold in held.values():
            folds.give(fold)
        return Files({one: fold.subject for one, fold in held.items()})

    def _proof(self, index: int, newest: Checkpointed) -> Release:
        return Release(
            leaf=next(self.entries(index, index + 1)),
            index=index,
            size=newest.size,
            path=tuple(inclusion(index, newest.size, self.node)),
            note=newest.note,
        )

    def wait_for_change(self, since: int, timeout_s: float) -> bool:
        """Wait until the feed's head has passed `since`, in this process or another; False on time-out."""
        clock = SystemClock()
        until = clock.monotonic() + timeout_s
        # Acts here wake the wait; those of other processes are found by looking again.
        while self.feed_head() <= since:
            left = until - clock.monotonic()
            if left <= 0:
                return False
            with self._moved:
                self._moved.wait(min(left, POLL_S))
        return True


def edge_of(size: int, node: Node) -> CompactRange:
    """Return the growing edge of a tree from its stored nodes."""
    peaks, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(node(level, start >> level))
            start += 1 << level
    return CompactRange(size, peaks)


def _release_indexes(files: Files) -> set[int]:
    """Return where the releasing facts of all these subjects lie."""
    lifts = (held.lift for case in files.cases() for held in case.held.values())
    links = (link for account in files.subjects.values() for link in account.links.values())
    ends = (one for link in links for one in link.withdrawals)
    return {one.index for one in (*lifts, *ends) if one is not None and one.index is not None}
