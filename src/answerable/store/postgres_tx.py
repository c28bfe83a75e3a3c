"""One act over PostgreSQL's rows, and the reading of them that folds are loaded from.

Law: who writes about a subject holds its row; who holds anything from an act before never waits for more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from answerable.core.facts import SubjectId
from answerable.errors import Busy, Conflict
from answerable.store.act import Act
from answerable.store.folds import Folds, Row
from answerable.store.protocol import Alias, Outgoing
from answerable.store.rows import Delta, Leaf, micros
from answerable.store.sql_tx import Connection, Seen, SqlTx, message

SYSTEM = ""
AHEAD_MAX = 500
"""Facts of one subject that are read together with those of others; who has more is read alone."""
EFFECTS_LOCK, RULES_LOCK = 0x616E7377_0001, 0x616E7377_0002
BEGIN_UNDER_RULES = "SELECT pg_advisory_xact_lock_shared(?)"

_FACTS = """
SELECT pos, idx, bytes FROM fact LEFT JOIN leaf ON leaf.fact = fact.id WHERE subject = ? AND pos > ? ORDER BY pos
"""
_LOCK = "SELECT id, pos FROM subject WHERE id = ANY(?) ORDER BY id FOR UPDATE"
_FREE = f"{_LOCK} SKIP LOCKED"
_ENTER = """
INSERT INTO subject SELECT id, 0 FROM unnest(?::text[]) AS given (id) ORDER BY id ON CONFLICT DO NOTHING
RETURNING id, pos
"""
_FACTS_AHEAD = """
SELECT fact.subject, pos, idx, bytes FROM unnest(?::text[], ?::bigint[]) AS given (subject, since)
JOIN fact ON fact.subject = given.subject AND pos > since LEFT JOIN leaf ON leaf.fact = fact.id
"""
_POST = """
INSERT INTO outgoing (idem, topic, body, not_before, next_at)
SELECT * FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::bigint[]) ON CONFLICT DO NOTHING
"""
_PUT_FACTS = """
WITH given AS (
  SELECT * FROM unnest(?::text[], ?::bigint[], ?::text[], ?::bigint[], ?::bigint[], ?::bytea[], ?::boolean[])
    WITH ORDINALITY AS given (subject, pos, stream, seq, at, bytes, releases, n)
), new AS (
  INSERT INTO fact (subject, pos, stream, seq, at, bytes)
  SELECT subject, pos, stream, seq, at, bytes FROM given ORDER BY n RETURNING id, stream, seq
), waiting AS (
  INSERT INTO pending SELECT id FROM new
), moved AS (
  UPDATE subject SET pos = last.pos FROM (SELECT subject, max(pos) AS pos FROM given GROUP BY subject) AS last
  WHERE subject.id = last.subject
)
INSERT INTO releasing SELECT new.id, given.subject FROM new JOIN given USING (stream, seq) WHERE given.releases
"""
HIGH_WATER = "SELECT max(at) FROM fact"
_LOCK_ALIAS = "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))"
_TRY_ALIAS = "SELECT pg_try_advisory_xact_lock(hashtextextended(?, 0))"


@dataclass(slots=True)
class Group(Seen):
    """What the acts of one transaction share: who is to come to the head of the feed, and how many acts there were."""

    acts: int = 0
    bumped: list[SubjectId] = field(default_factory=list)
    mark: int = 0
    # A fact of this transaction, by which it is found out later whether it holds.
    witness: Leaf | None = None
    before: Leaf | None = None

    def begin_act(self) -> None:
        """Note what stands as an act begins."""
        self.mark, self.before = len(self.bumped), self.witness

    def forget(self) -> None:
        """Forget what an act that was undone has read and written."""
        del self.bumped[self.mark :]
        self.witness = self.before
        Seen.forget(self)


class PgReading:
    """The rows that folds are loaded from."""

    def __init__(self, connection: Connection) -> None:
        """Take a connection, inside a transaction where one consistent reading is wanted."""
        self._run = connection.execute

    def end(self, subject: SubjectId | None) -> int:
        """Return how many facts a subject has; None is the system."""
        row = self._run("SELECT pos FROM subject WHERE id = ?", (subject or SYSTEM,)).fetchone()
        return row[0] if row else 0

    def facts(self, subject: SubjectId | None, since: int) -> Iterator[Row]:
        """Return a subject's facts beyond an end, in their order."""
        return iter(self._run(_FACTS, (subject or SYSTEM, since)))


class PgTx(PgReading, SqlTx, Act):
    """One act."""

    HIGH_WATER = HIGH_WATER

    def __init__(self, connection: Connection, origin: str, folds: Folds, group: Group) -> None:
        """Take the connection that the transaction is open on, what every act takes, and what the group shares."""
        SqlTx.__init__(self, connection, group)
        Act.__init__(self, origin, folds, None)
        self._group = group
        self._ends: dict[SubjectId, int] = {}
        self._ahead: dict[SubjectId, list[Row]] = {}
        self._is_first = group.acts == 0
        self._entering: set[str] = set()
        group.acts += 1

    # --- facts ---

    def lock(self, subjects: Sequence[SubjectId]) -> None:
        """Take the rows of these subjects, in sorted order, until the transaction ends.

        The first act of a transaction may wait for its first ones. Whoever has rows in hand does not, for two could
        wait for each other: `Busy` is raised, to try again once the group is committed.
        """
        wanted = sorted(one for one in subjects if one not in self._ends)
        if not wanted:
            return
        asked = _LOCK if self._is_first and not self._ends else _FREE
        found = self._run(asked, (wanted,)).fetchall()
        if len(found) < len(wanted):
            found += self._run(_ENTER, (wanted,)).fetchall()
        if len(found) < len(wanted):
            found = self._run(asked, (wanted,)).fetchall()
        self._take_locked(found)
        if len(found) < len(wanted):
            raise Busy("somebody else is writing there")

    def reach(self, subjects: Sequence[SubjectId]) -> Collection[SubjectId]:
        """Lock those of these subjects whom nobody else holds, and read at once what is new of them."""
        found = dict(self._run(_FREE, (list(subjects),)).fetchall())
        self._take_locked(found)
        since = {one: self._folds.end_of(one) for one in found}
        behind = [one for one, end in found.items() if 0 < end - since[one] <= AHEAD_MAX]
        self._ahead = {one: [] for one in behind}
        if behind:
            for subject, *row in self._run(_FACTS_AHEAD, (behind, [since[one] for one in behind])):
                self._ahead[subject].append(tuple(row))
        return found

    def _take_locked(self, ends: Iterable[tuple[SubjectId, int]] | Mapping[SubjectId, int]) -> None:
        self._ends.update(ends)
        # Whoever held these rows until now may have written later than this group has seen (L3).
        self._group.high_water = None

    def end(self, subject: SubjectId | None) -> int:
        """Return how many facts a subject has; None is the system."""
        return self._ends[subject] if subject in self._ends else PgReading.end(self, subject)

    def facts(self, subject: SubjectId | None, since: int) -> Iterator[Row]:
        """Return a subject's facts beyond an end, in their order."""
        ahead = None if subject is None else self._ahead.pop(subject, None)
        return PgReading.facts(self, subject, since) if ahead is None else iter(sorted(ahead))

    def write(self, delta: Delta) -> None:
        """Write a delta down."""
        if delta.rules:
            # Whoever is deciding by the rules as they were ends first, and nobody begins meanwhile.
            self._run("SELECT pg_advisory_xact_lock(?)", (RULES_LOCK,))
        releasing = {(one.stream, one.seq) for one in delta.releasing}
        columns = zip(*(_fact(leaf, (leaf.stream, leaf.seq) in releasing) for leaf in delta.leaves), strict=True)
        self._run(_PUT_FACTS, [list(column) for column in columns])
        self._group.witness = delta.leaves[-1]
        if delta.effects:
            self._refuse_uncounted()
        self._write_tables(delta)
        self._bump(delta.bumped)
        self._note_written(delta)

    def _bump(self, subjects: Sequence[SubjectId]) -> None:
        # Written at the very end of the transaction: the feed's head is the one row that all writers share.
        self._group.bumped += subjects

    def _refuse_uncounted(self) -> None:
        """Raise `Conflict` where others have had effects since this act counted them: the bound holds for all (L13)."""
        self._run("SELECT pg_advisory_xact_lock(?)", (EFFECTS_LOCK,))
        if self._group.effects is not None:
            since, seen = self._group.effects
            if self._effects(since) != seen:
                raise Conflict("others had automatic effects meanwhile: they are counted anew")

    def post(self, *outgoing: Outgoing) -> None:
        """Put messages into the outbox; a known `idem` changes nothing."""
        if outgoing:
            self._run(_POST, [list(column) for column in zip(*map(message, outgoing), strict=True)])

    # --- aliases ---

    def find_alias(self, space: str, blind: str) -> tuple[Alias, ...]:
        """Return every token of a space that carries this identifier.

        Where none does, nobody else may give it one before this act ends: an account has one token, whoever flags it.
        """
        found = SqlTx.find_alias(self, space, blind)
        name = f"{space}\n{blind}"
        if found or name in self._entering:
            return found
        if self._is_first and not self._ends and not self._entering:
            self._run(_LOCK_ALIAS, (name,))
        elif not self._run(_TRY_ALIAS, (name,)).fetchone()[0]:
            raise Busy("somebody else is entering this identifier")
        self._entering.add(name)
        return SqlTx.find_alias(self, space, blind)


def _fact(leaf: Leaf, releases: bool) -> tuple[object, ...]:
    return leaf.subject or SYSTEM, leaf.end, leaf.stream, leaf.seq, micros(leaf.at), leaf.data, releases
