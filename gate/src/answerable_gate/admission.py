"""Admission: how a received entry joins what a gate holds of the same subject.

Law: nothing uncovered is lost without proof; the same lines in any order, twice or in part never end below the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from answerable_gate.entry import Entry, Frozen, Item, Withheld
from answerable_gate.measures import join
from answerable_gate.release import Release, ReleasingEntry, Verify, proven
from answerable_gate.standing import counts, uncovered


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An entry as a gate holds it; `fallen` are the ids that have counted and therefore always will (L1).

    `withheld` is the newest version that the store could not tell, 0 where the entry is as new as that or newer;
    `unproven`: something is held that the newest entry lacked, because no proof came with it.
    """

    entry: Entry
    fallen: frozenset[str] = frozenset()
    withheld: int = 0
    unproven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What is held now, and which items stayed because their leaving was not proven."""

    held: Held
    refused: tuple[Item, ...] = ()


def admit(
    held: Held | None, received: Entry, releases: Sequence[Release], verify: Verify | None, *, now: datetime
) -> Admitted:
    """Join a received entry to what is held; an older version changes nothing.

    An item leaves where the received items cover it from now on, or where a release proves that it may. A line must
    therefore carry every release that a gate may still need, and a lift names also the items it had covered away.
    """
    if held is None:
        return Admitted(held=mark(Held(entry=received), now=now))
    if received.version < held.entry.version:
        return Admitted(held=mark(held, now=now))
    assert received.subject == held.entry.subject, "entries of two subjects"
    items = _same(held.entry.items, received.items)
    gone = [item for item in held.entry.items if item.id not in items]
    missing = uncovered(gone, tuple(items.values()), now, held.fallen)
    refused = _not_freed(missing, releases, verify, received.subject)
    withheld = held.withheld if held.withheld > received.version else 0
    items |= {item.id: item for item in refused}
    entry = replace(
        received,
        items=tuple(sorted(items.values(), key=lambda item: item.id)),
        aliases=_aliases(held.entry, received, stays=bool(items or withheld)),
        frozen=_freeze(held.entry, received, items),
        open=received.open or bool(refused),
        reason_ref=received.reason_ref or (held.entry.reason_ref if refused else None),
    )
    fallen = held.fallen & items.keys()
    joined = Held(entry=entry, fallen=fallen, withheld=withheld, unproven=bool(refused))
    return Admitted(held=mark(joined, now=now), refused=refused)


def withhold(held: Held | None, told: Withheld, *, now: datetime) -> Held:
    """Join to what is held that there is a version which could not be told; nothing that is held goes."""
    held = _nothing_of(told.subject) if held is None else held
    assert told.subject == held.entry.subject, "entries of two subjects"
    if told.version > held.entry.version:
        entry = replace(held.entry, aliases=tuple(sorted({*held.entry.aliases, *told.aliases})))
        held = replace(held, entry=entry, withheld=max(held.withheld, told.version))
    return mark(held, now=now)


def _nothing_of(subject: str) -> Held:
    # Version 0 is older than any that a store writes.
    entry = Entry(subject=subject, version=0, items=(), aliases=(), frozen=None, open=False, reason_ref=None)
    return Held(entry=entry)


def mark(held: Held, *, now: datetime) -> Held:
    """Mark what counts at `now`, so that no later time, however wrong, makes it not count."""
    fallen = frozenset(item.id for item in held.entry.items if counts(item, now, held.fallen))
    return held if fallen == held.fallen else replace(held, fallen=fallen)


def _same(held: Iterable[Item], received: Iterable[Item]) -> dict[str, Item]:
    # Items do not change; where two copies differ all the same, the stricter of each part holds.
    known = {item.id: item for item in held}
    return {item.id: stricter(known[item.id], item) if item.id in known else item for item in received}


def stricter(held: Item, received: Item) -> Item:
    """Join two copies of one item: of standing and time the stricter, the rest from the one received."""
    if held == received:
        return held
    return replace(
        received,
        standing=join(held.standing, received.standing),
        effective=min(held.effective, received.effective),
    )


def _not_freed(
    missing: tuple[Item, ...], releases: Sequence[Release], verify: Verify | None, subject: str
) -> tuple[Item, ...]:
    if not missing:
        return ()
    proofs = [entry for entry in (proven(release, verify) for release in releases) if entry is not None]
    return tuple(item for item in missing if not _freed(item, proofs, subject))


def _freed(item: Item, proofs: Iterable[ReleasingEntry], subject: str) -> bool:
    return any(entry.frees(item, subject) for entry in proofs)


def _aliases(held: Entry, received: Entry, *, stays: bool) -> tuple[str, ...]:
    # To forget an alias is to let its bearer go, so it stays as long as anything stands or is withheld.
    return tuple(sorted({*held.aliases, *received.aliases})) if stays else received.aliases


def _freeze(held: Entry, received: Entry, items: dict[str, Item]) -> Frozen | None:
    # What the account could use when its case opened widens only once no case is open and nothing stands.
    if held.frozen is None or not (received.open or items):
        return received.frozen
    return meet(held.frozen, received.frozen)


def meet(a: Frozen | None, b: Frozen | None) -> Frozen | None:
    """Give the narrower of two freezes: what both allow, where both are known."""
    if a is None or b is None:
        return a if b is None else b
    return Frozen(models=_meet(a.models, b.models), tools=_meet(a.tools, b.tools))


def _meet(a: tuple[str, ...] | None, b: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if a is None or b is None:
        return a if b is None else b
    return tuple(name for name in a if name in b)
