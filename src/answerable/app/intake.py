"""Intake: a flag, a notice, an account comes in once, is bound to its case, and is durable before any answer (L17)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from answerable.app import identifying
from answerable.app.acts import Act, Acts
from answerable.app.identifying import PERSON, SUBJECT, Index
from answerable.app.incoming import AccountIn, AccountState, NoticeIn, SignalIn, StateIn, Taken
from answerable.app.rates import Rates
from answerable.core import adopted, identities, links, notices, signals, standing
from answerable.core.facts import (
    UNKNOWN,
    NoticeId,
    PersonId,
    Refused,
    SignalId,
    StaffId,
    SubjectId,
    TextRef,
)
from answerable.core.journal import Plan
from answerable.edge import parse_time, rfc3339
from answerable.errors import BadInput
from answerable.ports.directory import Directory
from answerable.ports.entitlements import Entitlements
from answerable.ports.entitlements import Plan as PortPlan
from answerable.store.protocol import Alias, Tx
from answerable.vault.identifiers import Identifier, IdentifierKind, canonical
from answerable.vault.index import fingerprint
from answerable_gate import Level

_LABEL = re.compile(r"[\x21-\x7e]{1,64}")
_FUTURE_MAX = timedelta(minutes=5)
_SEEN_TEXTS = "notice_text"
PLAN_BYTES_MAX = 8 << 10
_OFF = {AccountState.DISABLED: Level.SUSPENDED, AccountState.DELETED: Level.TERMINATED}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator's ports said before the transaction: whose account it is, and what it may use now."""

    account: str | None
    plan: Plan | None


class Intake:
    """Takes in what comes from outside; the ports are asked before the transaction, never inside it."""

    def __init__(
        self, acts: Acts, index: Index, *, directory: Directory | None, entitlements: Entitlements | None
    ) -> None:
        """Take the acts to write with and the operator's ports."""
        self._acts = acts
        self.index = index
        self.directory = directory
        self._entitlements = entitlements
        self._rates = Rates()

    def ask(self, identifiers: Sequence[Identifier]) -> Asked:
        """Ask the ports whose account this is and what it may use; whoever groups acts does this before the group."""
        account = identifying.account_of(self.directory, identifiers)
        return Asked(account, self._plan(account))

    # --- signals

    def signal(self, came: SignalIn, asked: Asked | None = None) -> Taken:
        """Bind a flag to its case. Raise `BadInput` where `user` is no name of an account."""
        account = [_account(came.user)]
        asked = asked or self.ask(account)
        with self._acts.store.act() as tx:
            known = told_before(tx, f"signal:{came.source}", came.id)
            if known is not None:
                return known
            subject, new = self.locate(tx, came.user, account)
            with self._acts.within(tx, came.source, (subject,), plans=_plans(subject, asked)) as act:
                if new:
                    identifying.enter_subject(act, self.index, subject, came.user, [*account, *came.also])
                self._rates.note(act, came.source)
                case = signals.take(act.journal, self._as_signal(act, subject, came))
                taken = Taken(id=list(case.signals)[-1], case=case.id, at=act.now)
                return keep_answer(act, f"signal:{came.source}", came.id, taken)

    def _as_signal(self, act: Act, subject: SubjectId, came: SignalIn) -> signals.Incoming:
        person = identifying.person(act, self.index, came.person, within=subject)
        plain = _LABEL.fullmatch(came.label) is not None
        return signals.Incoming(
            signal=SignalId(act.mint.token("sig")),
            subject=subject,
            person=person or UNKNOWN,
            kind=came.kind,
            source=came.source,
            model=came.model,
            version=came.version,
            label=came.label if plain else None,
            label_text=None if plain else act.keep(came.label, subject=subject, author=came.source, slot="label"),
            hazard=came.hazard,
            score=None if came.score is None else round(came.score * 1000),
            act=False,
            identified=False,
            conversation=self.index.conversation(came.conversation),
            evidence=_kept(act, came.evidence, subject),
            seen=_seen(came.at, act.now),
            since=came.since,
        )

    # --- measures of the operator's own systems

    def state(self, came: StateIn, asked: Asked | None = None) -> Taken:
        """Adopt a switch-off, or record that one was undone outside; nothing is lowered by it (L4).

        The answer's id is the token of what is held, or the delivery's own where nothing is.
        """
        account = [_account(came.account)]
        asked = asked or self.ask(account)
        with self._acts.store.act() as tx:
            known = told_before(tx, f"state:{came.source}", came.id)
            if known is not None:
                return known
            subject, new = self.locate(tx, came.account, account)
            with self._acts.within(tx, came.source, (subject,), plans=_plans(subject, asked)) as act:
                if came.state is AccountState.ENABLED:
                    case = adopted.undo(act.journal, subject, source=came.source, seen=_seen(came.at, act.now))
                    held = list(case.undone)[-1] if case else came.id
                else:
                    if new or not act.journal.files.subject(subject).found:
                        identifying.enter_subject(act, self.index, subject, came.account, account)
                    case, held = adopted.adopt(act.journal, _switched_off(subject, came, act.now))
                taken = Taken(id=held, case=case.id if case else None, at=act.now)
                return keep_answer(act, f"state:{came.source}", came.id, taken)

    # --- notices

    def notice(self, came: NoticeIn, asked: Asked | None = None) -> Taken:
        """Bind a warning to its case; its receipt is given only once this has returned."""
        asked = asked or self.ask(came.subject)
        account = asked.account
        with self._acts.store.act() as tx:
            known = told_before(tx, f"notice:{came.source}", came.id)
            if known is not None:
                return known
            subject, new = self.locate(tx, account, came.subject)
            others = self._reporters_account(tx, came)
            with self._acts.within(tx, came.source, (subject, *others), plans=_plans(subject, asked)) as act:
                if new or not act.journal.files.subject(subject).found:
                    identifying.enter_subject(act, self.index, subject, account, came.subject)
                incoming = self._as_notice(act, subject, came, others)
                case = notices.receive(act.journal, incoming)
                taken = Taken(id=incoming.notice, case=case.id, at=act.now)
                return keep_answer(act, f"notice:{came.source}", came.id, taken)

    def _as_notice(
        self, act: Act, subject: SubjectId, came: NoticeIn, others: tuple[SubjectId, ...]
    ) -> notices.Incoming:
        named = identifying.person(act, self.index, came.person, within=subject)
        given = came.person if came.reporter_is_person and not came.reporter else came.reporter
        known = identifying.person(act, self.index, given, within=subject)
        reporter = known or PersonId(act.mint.token("person"))
        person = named or (reporter if came.reporter_is_person else None)
        notice = NoticeId(act.mint.token("nt"))
        blinds = self.index.blinds([*came.subject, *given])
        text, commit = act.seal(_sealed_notice(came), subject=subject, author=reporter, slot="notice")
        about = named or (known if came.reporter_is_person else None)
        return notices.Incoming(
            notice=notice,
            subject=subject,
            person=person or UNKNOWN,
            reporter=reporter,
            hazard=came.hazard,
            danger_now=came.danger_now,
            minor_at_risk=came.minor_at_risk,
            text=TextRef(text),
            commit=commit,
            repeats=self._repeats(act, f"{subject}:{about or ''}", came.text, notice),
            barred=identifying.barred_staff(act, blinds),
            seen=_seen(came.at, act.now),
            named=tuple([StaffId(one) for one in came.named_staff]),
            reporter_subject=others[0] if others else None,
            subject_person=self._person_of(act, subject),
        )

    def _repeats(self, act: Act, about: str, text: str, notice: NoticeId) -> NoticeId | None:
        """Return the notice that said the same before, of the same account and about the same person.

        Two who are warned about in one form's words are two warnings, and the second is looked into like the first.
        """
        key = f"{about}:{fingerprint(text, self.index.keyring)}"
        before = act.tx.remembered(_SEEN_TEXTS, key)
        if before is None:
            act.tx.remember(_SEEN_TEXTS, key, notice.encode())
        return NoticeId(before.decode()) if before is not None else None

    def _reporters_account(self, tx: Tx, came: NoticeIn) -> tuple[SubjectId, ...]:
        """Return the reporter's own account where one is known: crossed reports lock both (L13)."""
        given = came.person if came.reporter_is_person and not came.reporter else came.reporter
        found = self.index.subject(tx, given)
        return (found,) if found is not None else ()

    def _person_of(self, act: Act, subject: SubjectId) -> PersonId | None:
        """Return the token under which a subject is known as a reporter or protected person, if at all."""
        for alias in act.tx.aliases_of(SUBJECT, subject):
            for found in act.tx.find_alias(PERSON, alias.blind):
                return PersonId(found.token)
        return None

    # --- accounts

    def account(self, came: AccountIn) -> Taken:
        """Take in a new or changed account and link it to others that share strong identifiers (F19, F23)."""
        own = _account(came.account)
        blinds = self.index.blinds(came.identifiers)
        with self._acts.store.act() as tx:
            # Who was only spoken of is found when the account appears that verifiably bears the identifier (R5).
            subject, _ = self.locate(tx, came.account, came.identifiers if came.verified_at is not None else ())
            others = [SubjectId(token) for token in self.index.tokens(tx, SUBJECT, blinds) if token != subject]
            with self._acts.within(tx, "directory", (subject, *others)) as act:
                identifying.enter_subject(act, self.index, subject, came.account, [own])
                identifying.place(act, self.index, subject, came.account, came.party)
                shared = identifying.matches(act, blinds, came.verified_at)
                shared.pop(subject, None)
                links.tie(act.journal, subject, shared)
                for one in blinds:
                    alias = Alias(blind=one.key, kind=one.kind, token=subject, verified_at=came.verified_at)
                    tx.put_alias(SUBJECT, alias)
                return Taken(id=subject, case=None, at=act.now, level=_felt(act, subject).word)

    def entitlement(self, account: str, plan: Plan, *, by: str) -> Refused | None:
        """Ask whether a plan may rise; on an account with an open case it may not (F4)."""
        with self._acts.store.act() as tx:
            subject, _ = self.locate(tx, account, [_account(account)])
            with self._acts.within(tx, by, (subject,)) as act:
                return identities.raise_entitlement(act.journal, subject, plan)

    # --- shared

    def locate(self, tx: Tx, account: str | None, identifiers: Sequence[Identifier]) -> tuple[SubjectId, bool]:
        """Return the subject's token and whether it, or the name that it is asked by, is new here."""
        found, is_unnamed = identifying.find_subject(tx, self.index, account, identifiers)
        return (SubjectId(self._acts.mint.token("sub")), True) if found is None else (found, is_unnamed)

    def _plan(self, account: str | None) -> Plan | None:
        if self._entitlements is None or account is None:
            return None
        found = self._entitlements.of(account)
        if not isinstance(found, PortPlan):
            return None
        plan = Plan(found.models, found.tools)
        # A list longer than an entry would keep the flag itself out of the record; it is not known instead (L10, L17).
        return plan if plan_bytes(plan) <= PLAN_BYTES_MAX else None


def plan_bytes(plan: Plan) -> int:
    """Return about how many bytes a plan takes in an entry of the ledger."""
    return sum(len(json.dumps(name)) + 1 for names in (plan.models, plan.tools) for name in names or ())


def _plans(subject: SubjectId, asked: Asked) -> dict[SubjectId, Plan]:
    """Return what the account may use now; what is not known is not frozen (L10)."""
    return {} if asked.plan is None else {subject: asked.plan}


def _switched_off(subject: SubjectId, came: StateIn, now: datetime) -> adopted.Incoming:
    return adopted.Incoming(
        subject=subject,
        level=_OFF[came.state],
        source=came.source,
        hazard=came.hazard,
        label=came.label,
        seen=_seen(came.at, now),
        since=came.since,
    )


def _account(name: str) -> Identifier:
    """Return an account's name; one that cannot be found again would be a new account each time it came."""
    found = Identifier(IdentifierKind.ACCOUNT, name)
    if canonical(found) is None:
        raise BadInput("this is no name of an account", hint="1 to 256 visible letters")
    return found


def told_before(tx: Tx, source: str, key: str) -> Taken | None:
    """Return the answer that a delivery got when it first came."""
    answer = tx.remembered(source, key)
    if answer is None:
        return None
    found = json.loads(answer)
    return Taken(id=found["id"], case=found["case"], at=parse_time(found["at"]), again=True)


def keep_answer(act: Act, source: str, key: str, taken: Taken) -> Taken:
    """Keep the answer to a delivery, so that a second one gets the same, and return it."""
    answer = {"id": taken.id, "case": taken.case, "at": rfc3339(taken.at)}
    act.tx.remember(source, key, json.dumps(answer).encode())
    return taken


def _felt(act: Act, subject: SubjectId) -> Level:
    """Return the level that an account has to reckon with; what nobody could feel is not told either (L11)."""
    level = standing.standing(act.journal.files, subject, sealed=act.journal.sealed, now=act.now).level
    return level if level >= Level.GUARDED else Level.NONE


def _kept(act: Act, evidence: str | None, subject: SubjectId) -> TextRef | None:
    """Seal what a flag was raised on: the subject wrote it, so it is erased with the subject's own texts."""
    return None if evidence is None else act.keep(evidence, subject=subject, author=subject, slot="evidence")


def _seen(at: datetime | None, now: datetime) -> datetime:
    """Return when a source says something happened, never in the future: a far date must not reorder the story."""
    return now if at is None or at > now + _FUTURE_MAX else at


def _sealed_notice(came: NoticeIn) -> str:
    """Return everything a reporter gave, as one sealed text: the look-back reads the identifiers from it."""
    given = {name: [asdict(one) for one in getattr(came, name)] for name in ("subject", "person", "reporter")}
    return json.dumps({"text": came.text, "reporter_is_person": came.reporter_is_person, **given})


def given_identifiers(sealed: bytes, *names: str) -> list[Identifier]:
    """Return the identifiers of a sealed notice, by the parts they were given under."""
    content = json.loads(sealed)
    return [Identifier(IdentifierKind(one["kind"]), one["raw"]) for name in names for one in content[name]]
