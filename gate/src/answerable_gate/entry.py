"""What a gate knows of one subject, and how it travels: the feed is state transfer, one whole entry at a time.

Law: a measure in force and an armed default have one shape, an item that counts from its `effective` on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from answerable_gate import strict
from answerable_gate.measures import Level, Limit, Shield, Standing
from answerable_gate.strict import LARGEST, Malformed

ALIAS_BYTES = 16
ITEMS_MAX = 1024
ALIASES_MAX = 1024
SHIELDS_MAX = 64
TERMS_MAX = 64
NAMES_MAX = 1024
NAME_LENGTH_MAX = 200

Kind = Literal["measure", "default"]

_ALIAS = re.compile(rf"[0-9a-f]{{{2 * ALIAS_BYTES}}}")
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One measure in force or armed default of account `of`; it counts iff effective <= now, and never changes."""

    id: str
    of: str
    standing: Standing
    effective: datetime
    kind: Kind
    review_by: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Models and tools as they were when the case opened; None is NOT KNOWN, and then nothing is frozen."""

    models: tuple[str, ...] | None
    tools: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Everything a gate needs about one subject; `aliases` are keyed hashes, `open` says a case is open."""

    subject: str
    version: int
    items: tuple[Item, ...]
    aliases: tuple[str, ...]
    frozen: Frozen | None
    open: bool
    reason_ref: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """That there is a `version` of a subject's entry which its store cannot read: a newer program wrote it."""

    subject: str
    version: int
    aliases: tuple[str, ...]


def encode(entry: Entry, *, now: datetime | None = None) -> dict[str, object]:
    """Write an entry as plain JSON values; with `now`, each item says how long it has left until it counts."""
    _assert_within_limits(entry)
    return {
        "subject": entry.subject,
        "version": entry.version,
        "items": [_item_to(item, now) for item in sorted(entry.items, key=lambda item: item.id)],
        "aliases": sorted(entry.aliases),
        "frozen": None
        if entry.frozen is None
        else {"models": _sorted(entry.frozen.models), "tools": _sorted(entry.frozen.tools)},
        "open": entry.open,
        "reason_ref": entry.reason_ref,
    }


def decode(value: object, *, received: datetime | None = None) -> Entry:
    """Read an entry; an item counts from the earlier of `effective` and `received` + left.

    Raises Malformed. Items and aliases come back sorted, so equal entries compare equal.
    """
    read = strict.members(value, "subject", "version", "items", "aliases", "frozen", "open", "reason_ref")
    items = strict.array(read["items"], ITEMS_MAX, lambda one: _item_from(one, received))
    if len({item.id for item in items}) != len(items):
        raise Malformed("an item id stands twice")
    return Entry(
        subject=strict.token(read["subject"]),
        version=strict.whole(read["version"], 1),
        items=tuple(sorted(items, key=lambda item: item.id)),
        aliases=_aliases(read["aliases"]),
        frozen=None if read["frozen"] is None else _frozen_from(read["frozen"]),
        open=strict.flag(read["open"]),
        reason_ref=None if read["reason_ref"] is None else strict.token(read["reason_ref"]),
    )


def encode_withheld(withheld: Withheld) -> dict[str, object]:
    """Write plain JSON values."""
    assert len(withheld.aliases) <= ALIASES_MAX, "too many aliases"
    return {"subject": withheld.subject, "version": withheld.version, "aliases": sorted(withheld.aliases)}


def decode_withheld(read: dict[str, object]) -> Withheld:
    """Read from an object that has these members; raise Malformed."""
    return Withheld(
        subject=strict.token(read["subject"]),
        version=strict.whole(read["version"], 1),
        aliases=_aliases(read["aliases"]),
    )


def encode_standing(standing: Standing) -> dict[str, object]:
    """Write a standing as plain JSON values, in one order only."""
    return {
        "level": standing.level.word,
        "limits": sorted(standing.limits),
        "shields": [
            {"person": shield.person, "terms": list(shield.terms)}
            for shield in sorted(standing.shields, key=lambda shield: (shield.person, shield.terms))
        ],
    }


def decode_standing(value: object) -> Standing:
    """Read a standing; raise Malformed."""
    read = strict.members(value, "level", "limits", "shields")
    try:
        level = Level.of(strict.text(read["level"], 16))
    except ValueError as error:
        raise Malformed(str(error)) from error
    return Standing(
        level,
        frozenset(strict.array(read["limits"], len(Limit), _limit)),
        frozenset(strict.array(read["shields"], SHIELDS_MAX, _shield)),
    )


def _assert_within_limits(entry: Entry) -> None:
    # What is written beyond these would be refused by every reader, and its subject would lose protection.
    assert len(entry.items) <= ITEMS_MAX, "too many items"
    assert len(entry.aliases) <= ALIASES_MAX, "too many aliases"


def _sorted(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _item_to(item: Item, now: datetime | None) -> dict[str, object]:
    written: dict[str, object] = {
        "id": item.id,
        "of": item.of,
        "standing": encode_standing(item.standing),
        "effective": strict.written(item.effective),
        "kind": item.kind,
        "review_by": None if item.review_by is None else strict.written(item.review_by),
    }
    if now is not None:
        # Rounded up: equal clocks then give back exactly `effective`. What counts at the store has nothing left: a gate
        # whose clock is behind the store's would otherwise wait until its own clock says so.
        left = -((now - item.effective) // timedelta(milliseconds=1))
        written["left_ms"] = min(LARGEST, max(0, left))
    return written


def _item_from(value: object, received: datetime | None) -> Item:
    read = strict.members(
        value, "id", "of", "standing", "effective", "kind", "review_by", optional=("left_ms",)
    )
    kind = read["kind"]
    if kind not in ("measure", "default"):
        raise Malformed(f"{kind!r:.80} is no kind of item")
    effective = strict.moment(read["effective"])
    if "left_ms" in read:
        left = strict.whole(read["left_ms"])
        effective = effective if received is None else min(effective, _after(received, left))
    return Item(
        id=strict.token(read["id"]),
        of=strict.token(read["of"]),
        standing=decode_standing(read["standing"]),
        effective=effective,
        kind=kind,
        review_by=None if read["review_by"] is None else strict.moment(read["review_by"]),
    )


def _after(received: datetime, left_ms: int) -> datetime:
    try:
        return received + timedelta(milliseconds=left_ms)
    except OverflowError:
        return _LATEST


def _aliases(value: object) -> tuple[str, ...]:
    return tuple(sorted(strict.array(value, ALIASES_MAX, _alias)))


def _alias(value: object) -> str:
    if not isinstance(value, str) or not _ALIAS.fullmatch(value):
        raise Malformed(f"{value!r:.80} is not an alias")
    return value


def _limit(value: object) -> Limit:
    if not isinstance(value, str) or value not in Limit.__members__.values():
        raise Malformed(f"{value!r:.80} is no limit")
    return Limit(value)


def _shield(value: object) -> Shield:
    read = strict.members(value, "person", "terms")
    return Shield(strict.token(read["person"]), strict.array(read["terms"], TERMS_MAX, _name))


def _frozen_from(value: object) -> Frozen:
    read = strict.members(value, "models", "tools")
    return Frozen(models=_names(read["models"]), tools=_names(read["tools"]))


def _names(value: object) -> tuple[str, ...] | None:
    return None if value is None else tuple(sorted(strict.array(value, NAMES_MAX, _name)))


def _name(value: object) -> str:
    return strict.text(value, NAME_LENGTH_MAX)
