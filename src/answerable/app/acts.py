"""One act after another on the record: lock, settle what is due, let the core write, append; all or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

from answerable.app.effects import outgoing
from answerable.app.receipts import note_places
from answerable.core import lapses
from answerable.core import policy as policies
from answerable.core.cases import Files
from answerable.core.facts import (
    AUTOMATIC,
    ActId,
    ActorId,
    CaseId,
    ClockSuspected,
    SubjectId,
    TextRef,
)
from answerable.core.journal import Journal, Plan
from answerable.core.policy import Policy
from answerable.core.roster import Roster
from answerable.edge import Clock, Mint
from answerable.errors import Busy, NewerVersion, NotFound
from answerable.store.protocol import Store, Tx
from answerable.vault.keys import Keyring
from answerable.vault.texts import Erased, SealedText, make_author_key, seal, unseal
from answerable_gate import clock as time_rule

BOUND_WINDOW = timedelta(hours=1)
MEDIAN_WINDOW = timedelta(days=30)


@dataclass(slots=True)
class Act:
    """One act under way: the transaction it is in and the journal that the core writes."""

    tx: Tx
    journal: Journal
    keyring: Keyring
    mint: Mint

    @property
    def now(self) -> datetime:
        """Return the one time of this act."""
        return self.journal.now

    def keep(self, text: str | bytes, *, subject: str, author: str, slot: str) -> TextRef:
        """Seal a text of an author in a subject's files and return its token; the commitment lies beside it."""
        return TextRef(self.seal(text, subject=subject, author=author, slot=slot)[0])

    def seal(self, text: str | bytes, *, subject: str, author: str, slot: str) -> tuple[str, str]:
        """Seal a text and return its token and commitment.

        The key is one per author in one subject's files: erasing him keeps what she wrote about him (DESIGN section 7).
        """
        sealed = self.sealed(text, subject=subject, author=author, slot=slot)
        self.tx.put_text(sealed)
        return sealed.token, sealed.commit

    def sealed(self, text: str | bytes, *, subject: str, author: str, slot: str) -> SealedText:
        """Seal a text for whoever keeps it elsewhere; only its author's key is kept with the act."""
        key = self.tx.author_key(subject, author)
        if key is None:
            key = make_author_key(case=subject, author=author, keyring=self.keyring, mint=self.mint)
            self.tx.put_author_key(key)
        content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return seal(content, author_key=key, slot=slot, keyring=self.keyring, mint=self.mint)

    def open(self, token: str) -> bytes | None:
        """Return a sealed text, or None where it was erased or never kept."""
        sealed = self.tx.text(token)
        return None if sealed is None else self.unsealed(sealed)

    def unsealed(self, sealed: SealedText) -> bytes | None:
        """Return what a sealed text says, or None where it was erased."""
        opened = unseal(sealed, self.tx.author_key(sealed.case, sealed.author), self.keyring)
        return None if isinstance(opened, Erased) else opened


@dataclass(slots=True)
class Revisits:
    """What was said of sources that this process has gone through the open cases for, and whom it has yet to settle."""

    seen: int = 0
    waiting: list[SubjectId] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Acts:
    """Opens acts on one record. `clock` keeps the rule of DESIGN section 6: never backwards, never slower than time."""

    store: Store
    keyring: Keyring
    clock: Clock
    mint: Mint
    _time: time_rule.Clock | None = None
    _suspected: bool = False
    _typical: tuple[datetime, int] | None = None
    _policies: dict[str, Policy] = field(default_factory=dict)
    revisits: Revisits = field(default_factory=Revisits)

    def now(self, high_water: datetime | None) -> datetime:
        """Return the time of an act: this process's clock under the time rule, never behind the record's own."""
        wall, monotonic = self.clock.now(), self.clock.monotonic()
        self._time, now = time_rule.tick(self._time or time_rule.Clock(wall, monotonic), wall, monotonic)
        if high_water is not None and high_water > now:
            self._time, now = time_rule.Clock(high_water, monotonic), high_water
        return now

    def policy(self) -> tuple[Policy, int]:
        """Return the policy in force and how many were adopted so far, itself included."""
        roster = self.store.roster()
        return self._adopted(self.store, roster)[roster.policy], len(roster.policies)

    @contextmanager
    def open(
        self, by: str, subjects: Sequence[SubjectId] = (), *, plans: Mapping[SubjectId, Plan] | None = None
    ) -> Iterator[Act]:
        """Open an act over subjects and everybody linked to them; leaving it by an exception undoes everything."""
        with self.store.act() as tx, self.within(tx, by, subjects, plans=plans) as act:
            yield act

    @contextmanager
    def within(
        self, tx: Tx, by: str, subjects: Sequence[SubjectId], *, plans: Mapping[SubjectId, Plan] | None = None
    ) -> Iterator[Act]:
        """Open the act of a transaction, once it is known whom it is about."""
        journal = self._settled(tx, by, tx.files(subjects), plans=plans or {})
        yield Act(tx, journal, self.keyring, self.mint)
        _record(tx, [journal])

    def settle(self, subjects: Sequence[SubjectId]) -> dict[SubjectId, Busy | NewerVersion]:
        """Write what time has brought for each of these, an act for each and all of them in one transaction.

        Return those passed over: somebody else is writing there and settles them as well, or this program is too old.
        """
        with self.store.act() as tx:
            found = tx.apart(subjects)
            journals: list[Journal] = []
            for files in found.values():
                if isinstance(files, Files):
                    # What is not stored yet counts towards the hourly bound all the same (L13).
                    left = journals[-1].effects_left if journals else None
                    journals.append(self._settled(tx, AUTOMATIC, files, effects_left=left))
            _record(tx, journals)
        return {one: fault for one, fault in found.items() if not isinstance(fault, Files)}

    def _settled(
        self,
        tx: Tx,
        by: str,
        files: Files,
        *,
        plans: Mapping[SubjectId, Plan] | None = None,
        effects_left: int | None = None,
    ) -> Journal:
        """Return the journal of an act about files that are locked, with what time has brought written first."""
        roster = tx.roster()
        # Only with the locks in hand: whoever held them until now may have written later than this act began (L3).
        now = self.now(tx.high_water())
        journal = Journal(
            act=ActId(self.mint.token("act")),
            by=ActorId(by),
            now=now,
            files=files,
            roster=roster,
            policies=self._adopted(tx, roster),
            mint=self.mint,
            sealed=tx.sealed_size(),
            effects_left=self._effects_left(tx, roster, now) if effects_left is None else effects_left,
            plans=plans or {},
        )
        self._suspect(journal)
        lapses.settle(journal)
        return journal

    @contextmanager
    def on_case(self, case: CaseId, by: str, *, widens: bool = False) -> Iterator[Act]:
        """Open an act over the subject of a case. Raise `NotFound` where there is no such case.

        With `widens` over the tenant too whose end user it is.
        """
        with self.store.act() as tx:
            subject = tx.subject_of(case)
            if subject is None:
                raise NotFound("there is no such case")
            tenant = tx.files((subject,)).subject(subject).tenant if widens else None
            with self.within(tx, by, (subject,) if tenant is None else (subject, tenant)) as act:
                yield act

    def _adopted(self, tx: Tx | Store, roster: Roster) -> Mapping[str, Policy]:
        """Return every policy version ever adopted, read from its own bytes, so that any past one can be reproduced."""
        for version in roster.policies:
            if version not in self._policies:
                content = tx.blob(roster.digests[version])
                assert content is not None, f"the text of policy {version} is missing from the record"
                self._policies[version] = policies.load(content.decode())
        return self._policies

    def _effects_left(self, tx: Tx, roster: Roster, now: datetime) -> int:
        if not roster.policies:
            return 0
        hour = now.replace(minute=0, second=0, microsecond=0)
        if self._typical is None or self._typical[0] != hour:
            # Hours that are over: a flood must not raise its own bound, not even by way of a process started amid it.
            over = [at for at in tx.effects_since(now - MEDIAN_WINDOW) if at < hour]
            self._typical = (hour, _median_per_hour(over))
        recent = len(tx.effects_since(now - BOUND_WINDOW))
        return max(0, self._policies[roster.policy].effects_bound(self._typical[1]) - recent)

    def _suspect(self, journal: Journal) -> None:
        """Say once per process where its clock is more than five minutes behind the record's (DESIGN section 6)."""
        wall = self.clock.now().astimezone(UTC)
        # Against the record's time as it goes on, not its last entry: a quiet hour would end the suspicion by itself.
        behind = journal.now - wall > time_rule.SUSPECT_AFTER
        if behind and not self._suspected and journal.roster.policies:
            journal.write(ClockSuspected(reader="server", offered=wall))
        self._suspected = behind


def _median_per_hour(times: Sequence[datetime]) -> int:
    """Return the median number of effects in the hours that had any."""
    hours = Counter(at.replace(minute=0, second=0, microsecond=0) for at in times)
    return int(median(hours.values())) if hours else 0


def _record(tx: Tx, journals: Sequence[Journal]) -> None:
    note_places(tx, tx.append([one for journal in journals for one in journal.written]))
    tx.post(*(message for journal in journals for message in outgoing(journal)))
