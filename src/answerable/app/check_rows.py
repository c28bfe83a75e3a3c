"""What a check compares: rows as they lie against the rows that facts make, subject by subject.

Law: a finding names table, row and column, and shows tokens and numbers only, never anybody's words.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from answerable.app.effects import outgoing
from answerable.app.identifying import ACCOUNT_TEXT, SUBJECT, Index, alias_commit
from answerable.core import facts as f
from answerable.core.cases import Files
from answerable.core.fold import evolve
from answerable.core.roster import Roster
from answerable.core.roster import evolve as evolve_roster
from answerable.errors import AnswerableError, Corrupt, NewerVersion
from answerable.ledger.codec import read_entry
from answerable.store.inspecting import Inspection, Kept, Moment, Row, case_columns
from answerable.store.protocol import Outgoing
from answerable.store.rows import ASIDE, QUIET, RELEASES, case_row, micros
from answerable.vault.identifiers import Identifier, IdentifierKind
from answerable.vault.texts import AuthorKey, SealedText, unseal

KEPT_MAX = 100
PUT_OFF_MAX = timedelta(hours=1)
"""A letter waits a quarter of an hour at most between two attempts; the rest is what clocks may differ."""

CASES = "SELECT * FROM case_row WHERE subject = ?"
LOOK_BACKS = "SELECT * FROM look_back WHERE case_id = ?"
ALIASES = "SELECT alias FROM gate_alias WHERE subject = ?"
ACCOUNT = "SELECT * FROM text LEFT JOIN author_key USING (case_id, author) WHERE token = ?"
INDEXED = "SELECT kind FROM alias WHERE space = ? AND blind = ? AND token = ?"


@dataclass(slots=True)
class Findings:
    """What is bad and what could not be checked; past a hundred they are no longer kept."""

    bads: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def bad(self, what: str) -> None:
        """Note a fault."""
        if len(self.bads) < KEPT_MAX:
            self.bads.append(what)

    def skip(self, what: str) -> None:
        """Note what could not be checked."""
        if len(self.skipped) < KEPT_MAX:
            self.skipped.append(what)


def compare(
    found: Findings, table: str, key: str, wanted: Mapping[str, object] | None, stored: Mapping[str, object] | None
) -> None:
    """Note each column in which a stored row is not what the facts make it."""
    name = f"{table} {key}".rstrip()
    if wanted is None or stored is None:
        if wanted is not stored:
            found.bad(f"{name}: {'is missing' if stored is None else 'follows from no fact'}")
        return
    for column, value in wanted.items():
        if stored.get(column) != value:
            found.bad(f"{name}: {column} is {stored.get(column)!a}, and the facts make it {value!a}")


@dataclass(slots=True)
class Past:
    """What is remembered of the entries read in order: how many rows they make, and the roster as it changed."""

    counts: Counter[str] = field(default_factory=Counter)
    old: int = 0
    _roster: Roster = field(default_factory=Roster)
    _changed: list[int] = field(default_factory=list)
    _times: list[datetime] = field(default_factory=list)
    _rosters: list[Roster] = field(default_factory=list)
    _releasing: dict[int, Row] = field(default_factory=dict)

    def add(self, recorded: f.Recorded) -> None:
        """Take the next entry's fact."""
        assert recorded.index is not None, "an entry has its index"
        match recorded.fact:
            case f.CaseOpened():
                self.counts["case_row"] += 1
            case f.SubjectSeen(found=True, alias=None):
                self.old += 1
            case f.SubjectSeen(found=True):
                self.counts["gate_alias"] += 1
            case f.MeasureLifted() | f.LinkWithdrawn() | f.DefaultStepped():
                assert isinstance(recorded.fact, RELEASES), "what rows.note writes"
                self.counts["releasing"] += 1
                self._releasing[recorded.index] = {"idx": recorded.index, "subject": recorded.fact.subject}
            case fact if isinstance(fact, f.SystemFact):
                evolve_roster(self._roster, recorded)
                if not isinstance(fact, ASIDE):
                    self._changed.append(recorded.index)
                    self._times.append(recorded.at)
                    self._rosters.append(self._roster.copied())
            case _:
                pass

    def take_releasing(self) -> dict[int, Row]:
        """Return the rows of `releasing` that the entries since the last call make."""
        taken, self._releasing = self._releasing, {}
        return taken

    def rosters(self, index: int, at: datetime, slack: timedelta) -> list[Roster]:
        """Return the roster as it was after an entry, and before and after what else changed it about that time."""
        places = [bisect_right(self._changed, index)]
        if slack:
            near = [place for place, time in enumerate(self._times, 1) if abs(time - at) <= slack]
            places += [one for place in near for one in (place - 1, place)]
        return [self._rosters[place - 1] if place else Roster() for place in dict.fromkeys(places)]


@dataclass(frozen=True, slots=True)
class Replay:
    """One act as its facts give it back: what it wrote, and how files and, perhaps, the roster stood after it."""

    written: Sequence[f.Recorded]
    files: Files
    roster: Roster


@dataclass(frozen=True, slots=True)
class Subjects:
    """Compares everything that follows from one subject's facts; outbox rows for those there were at a moment."""

    inspection: Inspection
    index: Index
    now: Callable[[], datetime]
    moment: Moment
    found: Findings
    past: Past

    def check(self, subject: f.SubjectId | None) -> None:
        """Check one subject, or with None the system, in one reading that no writer changes."""
        name = subject or "system"
        try:
            with self.inspection.snapshot():
                self._check(subject)
        except NewerVersion as error:
            self.found.skip(f"{name}: {error}")
        except (AnswerableError, AssertionError, LookupError) as error:
            if self.inspection.is_lost:
                raise
            # The entries are there and cannot be folded: one is missing, doubled or changed.
            self.found.bad(f"{name}: its facts cannot be put together: {error}")

    def _check(self, subject: f.SubjectId | None) -> None:
        for fault in self.inspection.misplaced(subject):
            self.found.bad(fault)
        kept = self.inspection.facts(subject)
        recorded = [read_entry(one.data, one.index) for one in kept]
        files = Files()
        for replays in self._acts(kept, recorded, files):
            # Alike but for the roster, so that they make the same messages, to other people perhaps.
            for messages in zip(*(list(outgoing(replay)) for replay in replays), strict=True):
                self._message(messages)
        if subject is not None:
            self._cases(subject, files)
            self._feed(subject, recorded)
            self._account(subject, recorded)

    def _acts(self, kept: list[Kept], recorded: list[f.Recorded], files: Files) -> Iterator[list[Replay]]:
        for _, group in groupby(zip(kept, recorded, strict=True), key=lambda pair: pair[1].act):
            pairs = list(group)
            written = [one for _, one in pairs]
            for one in written:
                if not isinstance(one.fact, f.SystemFact):
                    evolve(files, one)
            number = self._number(pairs[-1][0])
            if number is not None:
                rosters = self.past.rosters(number, written[-1].at, self.inspection.slack)
                yield [Replay(written, files, roster) for roster in rosters]

    def _number(self, kept: Kept) -> int | None:
        """Return the place of a fact among those there were at the moment, None where it came later."""
        if kept.index is not None and kept.index < self.moment.size:
            return kept.index
        place = bisect_left(self.moment.waiting, kept.name)
        was_there = self.moment.waiting[place : place + 1] == (kept.name,)
        return self.moment.size + place if was_there else None

    # --- the outbox

    def _message(self, messages: Sequence[Outgoing]) -> None:
        self.past.counts["outgoing"] += 1
        idem = messages[0].idem
        row = self.inspection.row("SELECT * FROM outgoing WHERE idem = ?", idem)
        wanted: list[dict[str, object]] = [
            {
                "topic": message.topic,
                "body": json.dumps(message.body, sort_keys=True),
                "not_before": micros(message.not_before),
            }
            for message in messages
        ]
        if row is None or not any(one.items() <= row.items() for one in wanted):
            compare(self.found, "outgoing", idem, wanted[0], row)
        if row is not None and (fault := self._delivery(row)) is not None:
            self.found.bad(f"outgoing {idem}: {fault}")

    def _delivery(self, row: Row) -> str | None:
        """Return what no delivery could have made of a row."""
        if row["attempts"] < 0 or row["done"] not in (0, 1) or (row["done"] and not row["attempts"]):
            return f"done is {row['done']} after {row['attempts']} attempts"
        if row["attempts"] == 0 and row["next_at"] != row["not_before"]:
            return "next_at was moved before the first attempt"
        latest = max(micros(self.now()), row["not_before"]) + PUT_OFF_MAX // timedelta(microseconds=1)
        if not row["not_before"] <= row["next_at"] <= latest:
            return "next_at is not when a letter is tried again"
        return None

    # --- the tables

    def _cases(self, subject: f.SubjectId, files: Files) -> None:
        cases = files.subject(subject).cases
        stored = {row["case_id"]: row for row in self.inspection.rows(CASES, subject)}
        for case in sorted(stored.keys() | cases.keys()):
            wanted = case_columns(case_row(cases[case])) if case in cases else None
            compare(self.found, "case_row", case, wanted, stored.get(case))
        for case, file in cases.items():
            made: dict[Any, Row] = {
                notice: {"subject": subject, "started_at": micros(one.started_at)}
                for notice, one in file.look_backs.items()
                if one.result is None
            }
            kept = {row["notice"]: row for row in self.inspection.rows(LOOK_BACKS, case)}
            for notice in sorted(kept.keys() | made.keys()):
                compare(self.found, "look_back", f"{case} {notice}", made.get(notice), kept.get(notice))

    def _feed(self, subject: f.SubjectId, recorded: list[f.Recorded]) -> None:
        row = self.inspection.row("SELECT seq, version FROM feed WHERE subject = ?", subject)
        if row is None:
            if any(type(one.fact) not in QUIET for one in recorded):
                self.found.bad(f"feed {subject}: is missing, so no new gate hears of this account")
        elif row["seq"] < 1 or row["version"] < 1:
            self.found.bad(f"feed {subject}: seq or version is below 1")

    def _account(self, subject: f.SubjectId, recorded: list[f.Recorded]) -> None:
        """Check under which names gates, flags and look-backs find the account."""
        aliases = [row["alias"] for row in self.inspection.rows(ALIASES, subject)]
        seen = next((o.fact for o in recorded if isinstance(o.fact, f.SubjectSeen) and o.fact.found), None)
        if seen is None:
            for alias in aliases:
                self.found.bad(f"gate_alias {subject} {alias}: follows from no fact")
            return
        if seen.alias is None:
            self.found.skip(f"gate_alias {subject}: its entry is older than the commitment to an alias")
        else:
            held = [alias_commit(subject, alias) for alias in aliases]
            if seen.alias not in held:
                self.found.bad(f"gate_alias {subject}: the alias that the facts commit to is missing")
            for alias, commit in zip(aliases, held, strict=True):
                if commit != seen.alias:
                    self.found.bad(f"gate_alias {subject} {alias}: is not the alias that the facts commit to")
        self._named(subject, seen)

    def _named(self, subject: f.SubjectId, seen: f.SubjectSeen) -> None:
        token = self.inspection.answer(ACCOUNT_TEXT, subject)
        row = self.inspection.row(ACCOUNT, token.decode("utf-8", "replace")) if token is not None else None
        if row is None or row["commitment"] != seen.commit:
            self.found.bad(f"answer {ACCOUNT_TEXT} {subject}: does not lead to the text that the facts commit to")
            return
        if row["wrapped"] is None:
            return  # named with the texts
        try:
            opened = opened_text(row, self.index)
        except AnswerableError:
            return  # named with the texts
        account = Identifier(IdentifierKind.ACCOUNT, opened.decode("utf-8", "surrogatepass"))
        for one in self.index.blinds([account]):
            stored = self.inspection.row(INDEXED, SUBJECT, one.key, subject)
            compare(self.found, "alias", f"{SUBJECT} {one.key} {subject}", {"kind": one.kind.value}, stored)


def opened_text(row: Row, index: Index) -> bytes:
    """Return what a row of `text`, joined with its author's key, opens to; raise Corrupt where either was changed."""
    sealed = SealedText(
        token=row["token"], case=row["case_id"], author=row["author"], slot=row["slot"],
        wrapped_key=row["wrapped_key"], nonce=row["nonce"], ciphertext=row["ciphertext"], commit=row["commitment"],
    )  # fmt: skip
    key = AuthorKey(case=row["case_id"], author=row["author"], wrapped=row["wrapped"])
    try:
        opened = unseal(sealed, key, index.keyring)
    except AssertionError as error:
        raise Corrupt("a column holds what was never written") from error
    assert isinstance(opened, bytes), "a text whose key is given opens or raises"
    return opened
