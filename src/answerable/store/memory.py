"""The store in memory: the executable specification of every other, and what the simulator runs on.

Law: it keeps every promise of the protocol but one, that anything outlives the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from answerable.core.facts import ActorId, CaseId, SubjectId
from answerable.errors import Conflict, NotFound
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import leaf_hash
from answerable.store.folds import Folds, Rows
from answerable.store.memory_tx import MemoryTx, Reading, State
from answerable.store.protocol import Beat, CaseRow, Checkpointed, Claimed, Exchange, Span
from answerable.store.record import Record
from answerable.store.rows import HASH_BYTES, Table, case_tuple, in_order, inner_place, micros, place


class MemoryStore(Record):
    """A record and its bulk rows that end with the process."""

    def __init__(self, *, origin: str) -> None:
        """Begin an empty record."""
        super().__init__(origin)
        self._state = State()
        self._mark = 0

    # --- acts ---

    def _begin(self) -> None:
        self._state.undo.clear()

    def _commit(self) -> None:
        self._state.undo.clear()

    def _rollback(self) -> None:
        self._state.undo_to(0)

    def _save(self) -> None:
        self._mark = len(self._state.undo)

    def _release(self) -> None:
        pass

    def _rollback_to_save(self) -> None:
        self._state.undo_to(self._mark)

    def _open_act(self, folds: Folds, edge: CompactRange | None) -> MemoryTx:
        return MemoryTx(self._state, self._origin, folds, edge)

    @contextmanager
    def _snapshot(self) -> Iterator[Rows]:
        with self._writing:
            yield Reading(self._state)

    # --- the ledger ---

    def size(self) -> int:
        """Return how many entries are in the tree."""
        with self._writing:
            return len(self._state.leaves)

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree: 2**level leaves from index * 2**level on."""
        if not level:
            return leaf_hash(self._state.leaves[index].data)
        leaf, begin = inner_place(level, index)
        return self._state.leaves[leaf].nodes[begin : begin + HASH_BYTES]

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the entries' bytes, `start` included, `stop` not."""
        yield from (leaf.data for leaf in self._state.leaves[start:stop])

    def checkpoints(self) -> Iterator[Checkpointed]:
        """Yield the signed checkpoints, smallest first."""
        yield from (one for _, one in sorted(self._state.checkpoints.items()))

    def newest_checkpoint(self) -> Checkpointed | None:
        """Return the newest signed checkpoint."""
        sizes = self._state.checkpoints
        return sizes[max(sizes)] if sizes else None

    def _released(self, start: int, stop: int) -> list[SubjectId]:
        return [subject for index, subject in self._state.releasing if start <= index < stop]

    def _seal(self, checkpoint: Checkpointed, bumped: list[SubjectId]) -> None:
        self._state.put(self._state.checkpoints, checkpoint.size, checkpoint)
        self._state.bump(bumped)

    def high_water(self) -> datetime | None:
        """Return the latest time this record has seen."""
        return self._state.marks.get("high_water")

    # --- lists ---

    def due(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with a case whose `wake_at` has come, the longest overdue first, each once."""
        with self._writing:
            rows = list(self._state.cases.values())
        woken = sorted((row.wake_at, row.case, row.subject) for row in rows if row.wake_at and row.wake_at <= now)
        found = dict.fromkeys(subject for _, _, subject in woken)
        return list(found)[:limit]

    def behind(self, policy: str, limit: int) -> list[SubjectId]:
        """Return subjects with an open case that this policy version has not reached, each once."""
        with self._writing:
            rows = sorted((row.policy, row.case, row.subject) for row in self._state.cases.values() if row.is_open)
        return list(dict.fromkeys(subject for version, _, subject in rows if version != policy))[:limit]

    def cases(
        self, *, after: CaseId | None, limit: int, only_open: bool = True, hidden_from: ActorId | None = None
    ) -> list[CaseRow]:
        """Return a page of cases, open ones first, by tier and decide_due; never one that a person is barred from."""
        with self._writing:
            rows = sorted(self._state.cases.values(), key=place)
            start = None if after is None else self.case_row(after)
        if after is not None and start is None:
            raise NotFound(f"there is no case {after}")
        found = (row for row in rows if start is None or place(row) > place(start))
        shown = [row for row in found if (row.is_open or not only_open) and hidden_from not in row.barred]
        return shown[:limit]

    def case_row(self, case: CaseId) -> CaseRow | None:
        """Return one case's row."""
        return self._state.cases.get(case)

    def look_backs(self, limit: int) -> list[tuple[SubjectId, CaseId, str]]:
        """Return look-backs that have started and not ended, the oldest first: subject, case, notice."""
        with self._writing:
            running = sorted((at, case, notice, of) for (case, notice), (of, at) in self._state.look_backs.items())
        return [(of, case, notice) for _, case, notice, of in running[:limit]]

    # --- what acts left ---

    def blob(self, address: str) -> bytes | None:
        """Return the bytes of an address."""
        with self._writing:
            return self._state.blobs.get(address)

    def remembered(self, source: str, key: str) -> bytes | None:
        """Return the answer given to an idempotency key before."""
        with self._writing:
            return self._state.answers.get((source, key))

    # --- the outbox ---

    def claim(self, now: datetime, lease_until: datetime, limit: int) -> list[Claimed]:
        """Take outgoing messages under lease; a lease that ran out is taken again (at least once)."""
        with self._transaction():
            waiting = [one for one in self._state.outbox.values() if not one.done and one.next_at <= now]
            waiting.sort(key=lambda one: (one.next_at, one.outgoing.idem))
            for one in waiting[:limit]:
                one.next_at, one.attempts = lease_until, one.attempts + 1
        return [Claimed(outgoing=one.outgoing, attempts=one.attempts) for one in waiting[:limit]]

    def settle_outgoing(self, idem: str, *, done: bool, retry_at: datetime | None) -> None:
        """Record a delivery or plan the next attempt; with neither, it comes again when its lease runs out."""
        with self._transaction():
            message = self._state.outbox.get(idem)
            if message is None:
                raise NotFound(f"there is no message {idem}")
            message.done = message.done or done
            if retry_at is not None:
                message.next_at = retry_at

    # --- the feed ---

    def feed_head(self) -> int:
        """Return the last place in the feed."""
        return int(self._state.marks.get("feed", 0))

    def _feed_rows(self, after: int, limit: int) -> list[tuple[SubjectId, int, int, tuple[str, ...]]]:
        rows = sorted((seq, version, subject) for subject, (seq, version) in self._state.feed.items() if seq > after)
        aliases = self._state.gate_aliases
        return [(of, seq, version, tuple(sorted(aliases.get(of, ())))) for seq, version, of in rows[:limit]]

    # --- bulk ---

    def put_exchanges(self, exchanges: Sequence[Exchange]) -> int:
        """Keep exchange rows in the bulk; return how many were new."""
        with self._writing:
            new = {one.id: one for one in exchanges if one.id not in self._state.exchanges}
            self._state.exchanges.update(new)
        return len(new)

    def exchanges(self, subject: SubjectId, *, since: datetime | None = None) -> Iterator[Exchange]:
        """Yield a subject's exchanges in order of time."""
        with self._writing:
            found = [one for one in self._state.exchanges.values() if one.subject == subject]
        yield from sorted((one for one in found if since is None or one.at >= since), key=lambda one: (one.at, one.id))

    def unsealed(self, limit: int) -> dict[SubjectId, list[Exchange]]:
        """Return exchanges not yet in a sealed block, by subject, in order of time."""
        with self._writing:
            free = [one for one in self._state.exchanges.values() if one.id not in self._state.blocks]
        found: dict[SubjectId, list[Exchange]] = {}
        for one in sorted(free, key=lambda one: (one.subject, one.at, one.id))[:limit]:
            found.setdefault(one.subject, []).append(one)
        return found

    def assign_block(self, subject: SubjectId, ids: Sequence[str], root: str) -> None:
        """Assign exchanges to a block that is about to be sealed; an exchange belongs to one block for ever."""
        with self._writing:
            known = self._state.exchanges
            if any(one not in known or known[one].subject != subject or one in self._state.blocks for one in ids):
                raise Conflict("of these exchanges some are in another block already")
            self._state.blocks.update(dict.fromkeys(ids, root))

    def pending_blocks(self) -> dict[str, list[Exchange]]:
        """Return blocks assigned and not yet marked as sealed, by root, their exchanges in order of time."""
        with self._writing:
            pending = [(root, one) for one, root in self._state.blocks.items() if root not in self._state.sealed]
            found: dict[str, list[Exchange]] = {root: [] for root, _ in sorted(pending)}
            for root, one in pending:
                found[root].append(self._state.exchanges[one])
        return {root: sorted(block, key=lambda one: (one.at, one.id)) for root, block in found.items()}

    def block_sealed(self, root: str) -> None:
        """Mark a block whose fact stands in the record."""
        with self._writing:
            self._state.sealed.add(root)

    def put_spans(self, spans: Sequence[Span]) -> int:
        """Keep sealed spans; return how many were new."""
        with self._writing:
            new = {one.id: one for one in spans if one.id not in self._state.spans}
            self._state.spans.update(new)
        return len(new)

    def spans(self, subject: SubjectId, limit: int) -> list[Span]:
        """Return a subject's sealed spans, the latest last."""
        with self._writing:
            found = [one for one in self._state.spans.values() if one.subject == subject]
        return sorted(found, key=lambda one: (one.at, one.id))[-limit:]

    def spans_over(self, now: datetime, limit: int) -> list[SubjectId]:
        """Return subjects with spans whose time is over, each once."""
        with self._writing:
            return list(dict.fromkeys(one.subject for one in self._state.spans.values() if one.until <= now))[:limit]

    def keep_spans(self, subject: SubjectId, until: datetime) -> None:
        """Keep all of a subject's spans at least until then."""
        with self._writing:
            for one in self.spans(subject, len(self._state.spans)):
                self._state.spans[one.id] = replace(one, until=max(one.until, until))

    def drop_spans(self, subject: SubjectId, now: datetime) -> int:
        """Erase a subject's spans whose time is over; return how many those were."""
        with self._writing:
            over = [one.id for one in self._state.spans.values() if one.subject == subject and one.until <= now]
            for one in over:
                del self._state.spans[one]
        return len(over)

    # --- processes ---

    def leads(self, role: str) -> bool:  # noqa: ARG002 - in every role
        """Tell that this store leads: there is no other."""
        return True

    def beat(self, beats: Sequence[Beat]) -> None:
        """Keep signs of life, the later of two under one name."""
        with self._writing:
            for one in beats:
                known = self._state.beats.get((one.kind, one.name))
                if known is None or known.at <= one.at:
                    self._state.beats[one.kind, one.name] = one

    def beats(self, kind: str) -> list[Beat]:
        """Return the signs of life of a kind, by name."""
        with self._writing:
            return [beat for (one, _), beat in sorted(self._state.beats.items()) if one == kind]

    # --- checks ---

    def tables(self) -> dict[str, Table]:
        """Return the read tables, sorted, for comparison with the fold of all facts (L7)."""
        state = self._state
        return {
            "cases": in_order(case_tuple(row) for row in state.cases.values()),
            "look_backs": in_order((*key, of, micros(at)) for key, (of, at) in state.look_backs.items()),
            "effects": in_order((*key, micros(at)) for key, at in state.effects.items()),
            "releasing": in_order(state.releasing),
        }

    def close(self) -> None:
        """Do nothing: what is in memory ends with the process."""
