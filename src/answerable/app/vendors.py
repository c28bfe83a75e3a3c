"""What model vendors report: read, kept before it is answered, bound to an account, and taken as their word (E1, F1).

Law: a notice that cannot be read yet is not known and is asked for until it is (L10, L17); what the vendor refuses is
refused here as well, so that the same person is not served by another vendor's model meanwhile (L4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from answerable.app.acts import Acts
from answerable.app.identifying import told_alias
from answerable.app.incoming import AccountState, SignalIn, StateIn, Taken
from answerable.app.intake import Asked, Intake
from answerable.config import VendorKind, WebhookTable
from answerable.core import floods, vendors
from answerable.edge import parse_time
from answerable.errors import BadInput
from answerable.ports.directory import Directory, OneAccount
from answerable.vault.identifiers import Identifier, IdentifierKind

OPENAI = "openai"
DEACTIVATION = "deactivation"
MODEL = "safety"
LETTERS_MAX = 256
REFERENCE = re.compile(r"[\x21-\x7e]{1,128}")
_ANNOUNCED = {"safety.warning_issued": "warning", "safety.deactivation_issued": DEACTIVATION}
_BLOCKED = "safety_identifier.blocked"
_OWN_WORDS = {DEACTIVATION: VendorKind(adopts=True)}
_NO_WORD = VendorKind()
_PLAIN = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """A notice of which only the reference came: what it says is fetched."""

    vendor: str
    key: str
    reference: str
    kind: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A notice with everything in it; `id` makes a second delivery harmless.

    `since` is when it was announced, where it could be read only later: its clocks run from then on (L3).
    """

    vendor: str
    id: str
    identifier: str
    kind: str
    reason: str | None
    at: datetime | None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whose:
    """The account that a vendor's identifier is taken to be, and what it may use now."""

    account: str
    asked: Asked


def read(table: WebhookTable, event: Mapping[str, Any], key: str) -> Announced | Reported | None:
    """Return what an event says, None where it is of a kind that concerns nobody. Raise `BadInput` where it lacks it.

    `key` is the delivery's own id.
    """
    if table.format == OPENAI:
        return _read_openai(table.name, event, key)
    identifier, kind = _text(event, table.account), _text(event, table.kind)
    given = _text(event, table.id) if table.id is not None else key
    reason = _at(event, table.reason) if table.reason is not None else None
    at = _time(_at(event, table.at)) if table.at is not None else None
    return Reported(vendor=table.name, id=given, identifier=identifier, kind=kind, reason=_word(reason), at=at)


def _read_openai(vendor: str, event: Mapping[str, Any], key: str) -> Announced | Reported | None:
    kind, at = event.get("type"), _time(event.get("created_at"))
    if kind == _BLOCKED:
        identifier = _text(event, "/data/safety_identifier")
        reason = _word(_at(event, "/data/safety_category"))
        return Reported(vendor=vendor, id=f"blocked:{key}", identifier=identifier, kind="blocked", reason=reason, at=at)
    if not isinstance(kind, str) or kind not in _ANNOUNCED:
        return None
    reference = _text(event, "/data/id")
    if REFERENCE.fullmatch(reference) is None:
        raise BadInput("this is no reference of a safety case")
    return Announced(vendor=vendor, key=key, reference=reference, kind=_ANNOUNCED[kind], at=at)


def _at(event: object, pointer: str | None) -> object:
    """Return what a JSON pointer (RFC 6901) leads to, None where it leads nowhere."""
    for step in (pointer or "").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(event, list) and name.isascii() and name.isdigit() and int(name) < len(event):
            event = event[int(name)]
        elif isinstance(event, Mapping):
            event = event.get(name)
        else:
            return None
    return event


def _text(event: Mapping[str, Any], pointer: str | None) -> str:
    found = _at(event, pointer)
    if not isinstance(found, str) or not found.strip() or len(found) > LETTERS_MAX:
        raise BadInput(f"{pointer} is no text of 1 to {LETTERS_MAX} letters in this event")
    return found


def _word(found: object) -> str | None:
    return found[:LETTERS_MAX] if isinstance(found, str) and found.strip() else None


def _time(found: object) -> datetime | None:
    """Return a time in Unix seconds or as RFC 3339; one that is none is not known, and keeps no notice out."""
    try:
        if isinstance(found, int | float) and not isinstance(found, bool):
            return datetime.fromtimestamp(found, UTC)
        return parse_time(found) if isinstance(found, str) else None
    except (BadInput, ValueError, OverflowError, OSError):
        return None


def announce(acts: Acts, came: Announced) -> bool:
    """Keep that a notice exists, and have it fetched; return whether it was known already.

    Two deliveries about one notice of one kind are one, whatever ids they came under.
    """
    key = f"{came.kind}:{came.reference}"
    with acts.open(_source(came.vendor)) as act:
        if act.tx.remembered(_source(came.vendor), key) is not None:
            return True
        seen = act.now if came.at is None or came.at > act.now else came.at
        notice = vendors.announce(act.journal, vendor=came.vendor, reference=came.reference, kind=came.kind, seen=seen)
        act.tx.remember(_source(came.vendor), key, notice.encode())
        return False


def unread(acts: Acts, *, vendor: str, notice: str) -> None:
    """Say once that a notice still cannot be read."""
    with acts.open(_source(vendor)) as act:
        if act.tx.remembered("vendor_unread", notice) is None:
            act.tx.remember("vendor_unread", notice, b"said")
            vendors.unread(act.journal, vendor=vendor, notice=notice)


def whose(intake: Intake, table: WebhookTable, identifier: str) -> Whose:
    """Ask the operator's directory, outside any transaction, whose account a vendor's identifier is.

    Where nobody can tell, it is an account's own name: gates that are asked under it know it at once, and a person
    can link it to another.
    """
    if table.identifier == "alias" and (name := told_alias(identifier)) is not None:
        return Whose(name, Asked(name, None))
    account = _resolved(intake.directory, identifier) or identifier
    return Whose(account, intake.ask([Identifier(IdentifierKind.ACCOUNT, account)]))


def _resolved(directory: Directory | None, identifier: str) -> str | None:
    if directory is None:
        return None
    spelled = [Identifier(IdentifierKind.ACCOUNT, identifier), Identifier(IdentifierKind.HANDLE, identifier)]
    found = directory.resolve(spelled)
    return found.account if isinstance(found, OneAccount) else None


def take(intake: Intake, table: WebhookTable, came: Reported, found: Whose) -> Taken:
    """Take a notice as a flag of the vendor's, and what it refuses as an adopted measure."""
    word = _meaning(table, came)
    label = (came.reason or came.kind)[:LETTERS_MAX]
    taken = intake.signal(
        SignalIn(
            id=came.id,
            source=_source(table.name),
            model=MODEL,
            version=came.kind if _PLAIN.fullmatch(came.kind) else "other",
            label=label,
            hazard=word.hazard,
            user=found.account,
            at=came.at,
            also=(Identifier(IdentifierKind.HANDLE, came.identifier),),
            since=came.since,
        ),
        found.asked,
    )
    if word.adopts:
        intake.state(
            StateIn(
                id=came.id,
                source=_source(table.name),
                account=found.account,
                state=AccountState.DISABLED,
                hazard=word.hazard,
                label=label if _PLAIN.fullmatch(label) else None,
                at=came.at,
                since=came.since,
            ),
            found.asked,
        )
    return taken


def _meaning(table: WebhookTable, came: Reported) -> VendorKind:
    """Return what a notice means here: its reason says the hazard, else its kind; either may say that it is held."""
    words = (_OWN_WORDS if table.format == OPENAI else {}) | table.kinds
    kind, reason = words.get(came.kind), words.get(came.reason or "")
    hazard = (reason or kind or _NO_WORD).hazard
    return VendorKind(hazard=hazard, adopts=any(one is not None and one.adopts for one in (kind, reason)))


def _source(vendor: str) -> str:
    return f"{floods.WEBHOOK}:{vendor}"
