"""Reading a record in PostgreSQL in order to check it, over a connection that cannot write.

Law: facts that wait for their place in the tree are read as well; only what waits for nothing is missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg

from answerable.core.facts import Recorded, SubjectId
from answerable.store.inspecting import ROWS_COUNTED, Inspection, Kept, Moment, Row, subject_of
from answerable.store.postgres_opening import connect, known_faults, revision_of
from answerable.store.postgres_tx import SYSTEM
from answerable.store.rows import micros

SIZE = "SELECT coalesce(max(idx) + 1, 0) AS size FROM leaf"
MOMENT = f"""
SELECT ({SIZE}) AS size, (SELECT size FROM tree) AS tree, (SELECT count(*) FROM leaf) AS leaf,
  (SELECT count(*) FROM fact) AS fact, (SELECT array_agg(fact ORDER BY fact) FROM pending) AS pending,
  (SELECT count(*) FROM pending JOIN leaf USING (fact)) AS doubled,
  (SELECT seq FROM feed_head) AS head, (SELECT coalesce(max(seq), 0) FROM feed) AS last, {ROWS_COUNTED}
"""  # noqa: S608 - its parts stand in the code
_MADE = "subject, stream, seq, at, bytes"
LEAVES = f"""
SELECT idx, nodes, {_MADE} FROM leaf JOIN fact ON fact.id = leaf.fact WHERE idx >= ? AND idx < ? ORDER BY idx
"""  # noqa: S608
WAITING = f"SELECT id AS name, {_MADE} FROM fact WHERE id = ANY(?) ORDER BY id"  # noqa: S608
RELEASING = """
SELECT idx, releasing.subject FROM leaf JOIN releasing ON releasing.fact = leaf.fact WHERE idx >= ? AND idx < ?
"""
FACTS = "SELECT id, idx, bytes FROM fact LEFT JOIN leaf ON leaf.fact = fact.id WHERE subject = ? ORDER BY pos"
PLACES = """
SELECT count(*) AS facts, coalesce(min(pos), 1) AS first, coalesce(max(pos), 0) AS last,
  coalesce((SELECT pos FROM subject WHERE id = ?), 0) AS stands FROM fact WHERE subject = ?
"""
ACTING = """
SELECT 'trigger ' || tgname AS name, pg_get_triggerdef(pg_trigger.oid) || CASE tgenabled WHEN 'O' THEN ''
  ELSE ' -- not in force' END AS sql
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace::regnamespace::text IN ('answerable', 'answerable_bulk')
  AND (NOT tgisinternal OR tgenabled <> 'O')
UNION ALL SELECT 'function ' || proname, pg_get_functiondef(pg_proc.oid) FROM pg_proc
WHERE pronamespace::regnamespace::text IN ('answerable', 'answerable_bulk')
UNION ALL SELECT 'rule ' || rulename, pg_get_ruledef(pg_rewrite.oid) FROM pg_rewrite
JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace::regnamespace::text IN ('answerable', 'answerable_bulk')
UNION ALL SELECT 'policy of ' || relname, 'row security' FROM pg_class
WHERE relrowsecurity AND relnamespace::regnamespace::text IN ('answerable', 'answerable_bulk')
"""
BEGUN = {
    "trigger fact_stays": "CREATE TRIGGER fact_stays BEFORE DELETE OR UPDATE ON answerable.fact"
    " FOR EACH ROW EXECUTE FUNCTION refuse()",
    "trigger fact_is_kept": "CREATE TRIGGER fact_is_kept BEFORE TRUNCATE ON answerable.fact"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    "trigger leaf_stays": "CREATE TRIGGER leaf_stays BEFORE DELETE OR UPDATE ON answerable.leaf"
    " FOR EACH ROW EXECUTE FUNCTION refuse()",
    "trigger leaf_is_kept": "CREATE TRIGGER leaf_is_kept BEFORE TRUNCATE ON answerable.leaf"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
    "function refuse": "CREATE OR REPLACE FUNCTION answerable.refuse()\n RETURNS trigger\n LANGUAGE plpgsql\n"
    "AS $function$BEGIN RAISE EXCEPTION 'a fact is never changed or deleted'"
    " USING ERRCODE = 'restrict_violation'; END$function$\n",
    "function instr": "CREATE OR REPLACE FUNCTION answerable.instr(text, text)\n RETURNS integer\n LANGUAGE sql\n"
    " IMMUTABLE\nAS $function$SELECT strpos($1, $2)$function$\n",
}


class PgInspection(Inspection):
    """One reader of a record in PostgreSQL."""

    # Acts about other subjects do not see each other, and the tree takes them as it finds them: this is how long one
    # may take from its reading of the roster to its commit.
    slack = timedelta(minutes=1)

    def __init__(self, dsn: str) -> None:
        """Open the record of a database."""
        self._connection = connect(dsn)
        with known_faults():
            self._connection.execute("SET default_transaction_read_only = on")

    @property
    def is_lost(self) -> bool:
        """Tell whether the connection is gone."""
        return not self._connection.is_open

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Hold one consistent reading while inside."""
        with known_faults():
            self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield
            finally:
                with suppress(psycopg.Error):
                    self._connection.execute("COMMIT")

    def rows(self, asked: str, *values: object) -> list[Row]:
        """Return rows by their columns' names."""
        with known_faults():
            spelled = asked.replace("?", "%s")
            found = self._connection.raw.execute(spelled, values or None, binary=True)
            names = [column.name for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found]

    def moment(self) -> Moment:
        """Return the record as it stands now, in one statement."""
        (found,) = self.rows(MOMENT)
        size, waiting = found.pop("size"), tuple(found.pop("pending") or ())
        tree, leaf, fact, doubled = (found.pop(name) for name in ("tree", "leaf", "fact", "doubled"))
        head, last = found.pop("head"), found.pop("last")
        faults = []
        if tree != size:
            faults.append(f"tree: size is {tree}, and the leaves make it {size}")
        if fact != leaf + len(waiting) or doubled:
            faults.append(f"fact: holds {fact} rows, and the tree and pending hold {leaf} and {len(waiting)}")
        if head is None or head < last:
            faults.append(f"feed_head: seq is {head}, and a place {last} was given out")
        return Moment(size=size, counts=found, waiting=waiting, faults=tuple(faults))

    def size(self) -> int:
        """Return how many leaves there are."""
        return int(self.rows(SIZE)[0]["size"])

    def revision(self) -> str:
        """Return the last migration."""
        with known_faults():
            return revision_of(self._connection)

    def acting(self) -> dict[str, str]:
        """Return triggers, functions, rules and row security of the two schemas."""
        return {row["name"]: row["sql"] for row in self.rows(ACTING)}

    def begun_acting(self) -> dict[str, str]:
        """Return the triggers and functions that a record is begun with."""
        return BEGUN

    def leaves(self, start: int, stop: int) -> list[Row]:
        """Return the rows of a span of the tree."""
        return self.rows(LEAVES, start, stop)

    def waiting(self, names: Sequence[int]) -> list[Row]:
        """Return rows of facts that wait for their place, or did until a moment ago."""
        return self.rows(WAITING, list(names))

    def made(self, recorded: Recorded, high_water: int) -> Row:  # noqa: ARG002 - each row has its own time here
        """Return what an entry makes of the other columns of its row."""
        subject = subject_of(recorded) or SYSTEM
        return {"subject": subject, "stream": recorded.stream, "seq": recorded.seq, "at": micros(recorded.at)}

    def releasing(self, start: int, stop: int) -> dict[int, Row]:
        """Return the rows of `releasing` that lie in a span of the tree, by their leaf."""
        return {row["idx"]: row for row in self.rows(RELEASING, start, stop)}

    def releasing_waiting(self, names: Sequence[int]) -> dict[int, Row]:
        """Return the rows of `releasing` of facts that wait, by their ids."""
        asked = "SELECT fact, subject FROM releasing WHERE fact = ANY(?)"
        return {row["fact"]: row for row in self.rows(asked, list(names))}

    def facts(self, subject: SubjectId | None) -> list[Kept]:
        """Return a subject's facts in their order; None is the system."""
        return [Kept(*row.values()) for row in self.rows(FACTS, subject or SYSTEM)]

    def misplaced(self, subject: SubjectId | None) -> list[str]:
        """Return what of a subject's places cannot be true: they count its facts, and who writes next goes by the last.
        """
        (row,) = self.rows(PLACES, subject or SYSTEM, subject or SYSTEM)
        name, faults = subject or "system", []
        if (row["first"], row["last"]) != (1, row["facts"]):
            faults.append(f"fact of {name}: pos does not count its {row['facts']} facts")
        if row["stands"] != row["last"]:
            faults.append(f"subject {name}: pos is {row['stands']}, and its facts make it {row['last']}")
        names = [(kept.name, kept.index) for kept in self.facts(subject)]
        placed = [index for _, index in names if index is not None]
        if sorted(names, key=lambda pair: pair[0]) != names or placed != sorted(placed):
            faults.append(f"fact of {name}: id or pos: they are not in the order in which they were written")
        return faults
