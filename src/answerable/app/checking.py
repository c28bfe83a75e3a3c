"""The check: whether a record, its tables, its outbox and its texts are what its entries and signatures make them.

Law: it only reads, in short slices beside whoever writes; never VERIFIED for what was not checked (L7, L8).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Literal, get_args, get_type_hints

from answerable.app.check_rows import Findings, Past, Subjects, compare, opened_text
from answerable.app.identifying import Index
from answerable.app.receipts import is_place
from answerable.core import facts as f
from answerable.errors import AnswerableError, NewerVersion
from answerable.ledger.codec import read_entry
from answerable.ledger.tree import CompactRange
from answerable.ledger.verify import EXIT, Audit, Checkpoint, Finding, leaf_hash, parse_vkey
from answerable.store.inspecting import Inspection, Moment, Row
from answerable.store.rows import HASH_BYTES, is_effect, micros

Verdict = Literal["VERIFIED", "FAILED", "NOT CHECKED"]
CHUNK, TEXTS_AT_ONCE, SUBJECTS_AT_ONCE, EFFECTS_KEPT = 200, 8, 20, 10_000
NOT_SHOWN = (
    "that what an entry says is true, or that nothing happened which was never entered",
    "that an address or number in the index (`alias`), beyond the account's own name, leads to the right token",
    "that other remembered answers (`answer`) are those given: one taken away lets a delivery in twice",
    "that the feed's counters stand where they stood: `seq` and `version` follow from no entry",
    "that a letter marked as sent was sent, or one put off by less than an hour was not: ask whoever carries it",
    "what stands in bulk.db: the blocks sealed in the record are proved against it by whoever asks for them",
    "what somebody who holds the keys as well has made anew: compare checkpoints with receipts and witnesses",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found; `first` is the first bad thing, named by table, row and column, and holds tokens only."""

    verdict: Verdict
    entries: int
    waiting: int
    checkpoints: int
    sealed: int
    subjects: int
    texts: int
    findings: tuple[str, ...]
    not_checked: tuple[str, ...]
    not_shown: tuple[str, ...] = NOT_SHOWN

    @property
    def first(self) -> str | None:
        """The first bad thing."""
        return self.findings[0] if self.findings else None

    @property
    def exit_code(self) -> int:
        """What the command exits with, as `verify` does."""
        return EXIT[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What the record is held against; none of it comes out of the record's own file."""

    origin: str
    vkey: str
    index: Index
    signed: Checkpoint
    now: Callable[[], datetime]


@dataclass(slots=True)
class Check:
    """One pass over a record. Run `slices` to its end, then ask for the `result`."""

    inspection: Inspection
    trusted: Trusted
    found: Findings = field(default_factory=Findings)
    past: Past = field(default_factory=Past)
    subjects: int = 0
    texts: int = 0
    waiting: int = 0
    _audit: Audit = field(init=False)
    _edge: CompactRange = field(default_factory=CompactRange)
    _high_water: int = 0
    _effects: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        """Begin with nothing read."""
        self._audit = Audit((parse_vkey(self.trusted.vkey),), origin=self.trusted.origin)

    def run(self) -> Checked:
        """Do the whole pass at once."""
        for _ in self.slices():
            pass
        return self.result()

    def slices(self) -> Iterator[None]:
        """Do the pass, giving way after each slice; whatever cannot be read is a finding like any other."""
        try:
            yield from self._whole()
        except AnswerableError as error:
            if self.inspection.is_lost:
                # A line that was cut says nothing about what is written at its end.
                self.found.skip(f"the record could not be reached further: {error}")
            else:
                self.found.bad(f"the record cannot be read further: {error}")

    def result(self) -> Checked:
        """Return what was found."""
        bad = (*self.found.bads, *(_worded(fault) for fault in self._audit.findings))
        skipped = tuple(self.found.skipped)
        verdict: Verdict = "FAILED" if bad else "NOT CHECKED" if skipped else "VERIFIED"
        return Checked(
            verdict=verdict,
            entries=self._audit.tree.size,
            waiting=self.waiting,
            checkpoints=self._audit.checkpoints,
            sealed=self._audit.sealed,
            subjects=self.subjects,
            texts=self.texts,
            findings=bad,
            not_checked=skipped,
        )

    def _whole(self) -> Iterator[None]:
        self._file()
        # After what was signed last is known: an entry is committed before it is signed.
        moment = self.inspection.moment()
        for fault in moment.faults:
            self.found.bad(fault)
        yield from self._tree(0, moment.size)
        yield from self._beside_the_tree(moment)
        yield from self._to_a_checkpoint(moment.size)
        self._ends()
        subjects = Subjects(self.inspection, self.trusted.index, self.trusted.now, moment, self.found, self.past)
        yield from self._each_subject(subjects)
        for table, count in moment.counts.items():
            made = self.past.counts[table]
            if count != made and not (table == "gate_alias" and self.past.old):
                self.found.bad(f"{table}: holds {count} rows, and the facts make {made}")
        yield from self._each_text()
        yield from self._each_blob()

    # --- the file and the tree

    def _file(self) -> None:
        wanted = {"origin": self.trusted.origin, "mark": self.trusted.index.keyring.mark}
        compare(self.found, "meta", "", wanted, dict(self.inspection.meta()))
        if (fault := self.inspection.version_fault()) is not None:
            self.found.bad(f"migration: {fault}")
        kept, found = self.inspection.begun_acting(), self.inspection.acting()
        for name in sorted(kept.keys() | found.keys()):
            if kept.get(name) != found.get(name):
                state = "is missing" if name not in found else "is not one that a record is begun with"
                self.found.bad(f"{name}: {state}")

    def _tree(self, start: int, stop: int) -> Iterator[None]:
        for begin in range(start, stop, CHUNK):
            end = min(begin + CHUNK, stop)
            notes = self.inspection.checkpoints(begin, end)
            for leaf in self.inspection.leaves(begin, end):
                self._leaf(leaf)
                self._signatures(notes)
            self._releasing(self.inspection.releasing(begin, end))
            yield
        if (there := self._audit.tree.size) < stop:
            self.found.bad(f"fact {there}: of {stop} leaves these are the last, the others cannot be read")

    def _beside_the_tree(self, moment: Moment) -> Iterator[None]:
        """Take the facts that are committed and not in the tree yet: no signature covers them, their rows are there."""
        self.waiting = len(moment.waiting)
        numbers = dict(zip(moment.waiting, range(moment.size, moment.size + self.waiting), strict=True))
        for begin in range(0, self.waiting, CHUNK):
            names = moment.waiting[begin : begin + CHUNK]
            for row in self.inspection.waiting(names):
                recorded = self._read(row, numbers[row["name"]], f"waiting {row['name']}")
                if recorded is not None:
                    self._alone(recorded, f"waiting {row['name']}")
            stored = self.inspection.releasing_waiting(names)
            self._releasing({numbers[name]: {"idx": numbers[name], **row} for name, row in stored.items()})
            yield

    def _to_a_checkpoint(self, size: int) -> Iterator[None]:
        """Go on to the next checkpoint: beside a writer the last entries are signed a moment later."""
        upto = self.inspection.next_checkpoint(size)
        if upto is not None and upto <= self.inspection.size():
            for begin in range(size, upto, CHUNK):
                notes = self.inspection.checkpoints(begin, min(begin + CHUNK, upto))
                for leaf in self.inspection.leaves(begin, min(begin + CHUNK, upto)):
                    self._chained(leaf)
                    self._signatures(notes)
                yield
        count = self._audit.tree.size
        if self._audit.sealed < count:
            self.found.skip(f"facts {self._audit.sealed} to {count - 1}: no checkpoint that holds covers them yet")

    def _ends(self) -> None:
        """Compare the record's end with what its signer remembers and its own checkpoints promise."""
        newest, signed = self.inspection.newest_checkpoint(), self.trusted.signed.size
        size = self.inspection.size()
        if newest > size:
            self.found.bad(f"checkpoint {newest}: signs entries that are missing, or its size was changed")
        if signed > size:
            self.found.bad(f"fact: {signed} entries were signed, and the last of them are missing")

    def _signatures(self, notes: dict[int, str]) -> None:
        tree, signed = self._audit.tree, self.trusted.signed
        if tree.size in notes:
            self._audit.checkpoint(str(tree.size), tree.size, notes[tree.size].encode("utf-8", "surrogatepass"))
        if tree.size == signed.size and tree.root() != signed.root:
            self.found.bad(f"facts 0 to {tree.size - 1}: the signer signed other entries than these")

    def _chained(self, leaf: Row) -> f.Recorded | None:
        """Take an entry into tree and stream, and return the fact that it holds."""
        index, tree, data = leaf["idx"], self._audit.tree, leaf["bytes"]
        if index != tree.size:
            self.found.bad(f"fact {index}: idx: {tree.size} was to come here")
        self._audit.entry(data)
        _, *inner = self._edge.append(leaf_hash(data))
        if leaf["nodes"] != b"".join(node for _, _, node in inner):
            self._node(index, leaf["nodes"], [node for _, _, node in inner])
        return self._read(leaf, index, str(index))

    def _read(self, row: Row, index: int, name: str) -> f.Recorded | None:
        """Return the fact that a row's entry holds; the row's other columns follow from it."""
        try:
            recorded = read_entry(row["bytes"], index)
        except NewerVersion as error:
            self.found.skip(f"fact {name}: {error}")
            return None
        except AnswerableError as error:
            self.found.bad(f"fact {name}: bytes: {error}")
            return None
        # One act has one time, so the latest time up to here is that of the entries themselves.
        self._high_water = max(self._high_water, micros(recorded.at))
        compare(self.found, "fact", name, self.inspection.made(recorded, self._high_water), row)
        return recorded

    def _node(self, index: int, stored: bytes, made: list[bytes]) -> None:
        """Name the fewest entries between which a stored node of the tree differs."""
        parts = [stored[at : at + HASH_BYTES] for at in range(0, len(stored), HASH_BYTES)]
        level = next((level for level, node in enumerate(made) if parts[level : level + 1] != [node]), 0)
        first = index >> level + 1 << level + 1
        where = f"fact {index}" if first == index else f"facts {first} to {index}"
        self.found.bad(f"{where}: nodes or bytes: the stored tree does not follow from these entries")

    # --- what one entry makes by itself

    def _leaf(self, leaf: Row) -> None:
        recorded = self._chained(leaf)
        if recorded is not None:
            self._alone(recorded, str(leaf["idx"]))

    def _alone(self, recorded: f.Recorded, name: str) -> None:
        try:
            self.past.add(recorded)
        except AssertionError as error:
            self.found.bad(f"fact {name}: {error}")
        fact = recorded.fact
        if isinstance(fact, f.DefaultArmed) and is_effect(fact):
            self._effect(recorded, fact.case)
        for token in texts_of(fact):
            if not self.inspection.has_text(token):
                self.found.bad(f"text {token}: is missing, and fact {name} names it")
        if isinstance(fact, f.NoticeReceived):
            kept = self.inspection.answer("notice_entry", fact.notice)
            if not is_place(kept, recorded, fact.subject):
                self.found.bad(f"answer notice_entry {fact.notice}: does not lead to fact {name}")
            self._commitment(fact)
        if isinstance(fact, f.PolicyAdopted):
            asked = "SELECT 1 AS it FROM blob WHERE address = ?"
            if self.inspection.row(asked, fact.digest) is None:
                self.found.bad(f"blob {fact.digest}: is missing, and it is policy {fact.version}")

    def _effect(self, recorded: f.Recorded, case: f.CaseId) -> None:
        if (recorded.act, case) in self._effects:
            return
        # The facts of acts that were written at once lie between each other, and never far apart.
        self._effects[recorded.act, case] = None
        if len(self._effects) > EFFECTS_KEPT:
            self._effects.popitem(last=False)
        self.past.counts["effect"] += 1
        row = self.inspection.row("SELECT * FROM effect WHERE act = ? AND case_id = ?", recorded.act, case)
        wanted = {"act": recorded.act, "case_id": case, "at": micros(recorded.at)}
        compare(self.found, "effect", f"{recorded.act} {case}", wanted, row)

    def _commitment(self, fact: f.NoticeReceived) -> None:
        row = self.inspection.row("SELECT commitment FROM text WHERE token = ?", fact.text)
        if row is not None:
            compare(self.found, "text", fact.text, {"commitment": fact.commit}, row)

    def _releasing(self, stored: Mapping[int, Row]) -> None:
        wanted = self.past.take_releasing()
        for index in sorted(stored.keys() | wanted.keys()):
            compare(self.found, "releasing", str(index), wanted.get(index), stored.get(index))

    # --- what all entries of somebody make, and what is sealed

    def _each_subject(self, subjects: Subjects) -> Iterator[None]:
        subjects.check(None)
        after = ""
        while found := self.inspection.subjects(after, SUBJECTS_AT_ONCE):
            for subject in found:
                subjects.check(subject)
            after = found[-1]
            self.subjects += len(found)
            yield

    def _each_text(self) -> Iterator[None]:
        after = ""
        while rows := self.inspection.texts(after, TEXTS_AT_ONCE):
            for row in rows:
                self._text(row)
            after = rows[-1]["token"]
            self.texts += len(rows)
            yield

    def _text(self, row: Row) -> None:
        author, case = row["author"], row["case_id"]
        if row["wrapped"] is None:
            # Nothing in this version erases, so no key may be gone.
            self.found.bad(f"author_key {case} {author}: is missing, so text {row['token']} cannot be read")
            return
        try:
            opened_text(row, self.trusted.index)
        except AnswerableError:
            what = f"text {row['token']} or author_key {case} {author}"
            self.found.bad(f"{what}: does not open, a column of one of them was changed")

    def _each_blob(self) -> Iterator[None]:
        after = ""
        while rows := self.inspection.blobs(after, TEXTS_AT_ONCE):
            for row in rows:
                if hashlib.sha256(row["content"]).hexdigest() != row["address"]:
                    self.found.bad(f"blob {row['address']}: address or content: one is not the other's")
            after = rows[-1]["address"]
            yield


def _worded(fault: Finding) -> str:
    return f"facts {fault.first - 1} to {fault.last - 1}: {fault.what}" if fault.first else f"checkpoint {fault.what}"


def texts_of(fact: f.Fact) -> Iterator[str]:
    """Yield the tokens of the sealed texts that a fact names."""
    for name in _texts_in(type(fact).__name__):
        token = getattr(fact, name)
        if token is not None:
            yield token


@cache
def _texts_in(kind: str) -> tuple[str, ...]:
    hints = get_type_hints(getattr(f, kind))
    return tuple(name for name, hint in hints.items() if f.TextRef in (hint, *get_args(hint)))
