"""Names under a shield: such as the subject himself used, sealed before they enter a fact.

Law L11: a visible shield matches no name that only somebody else gave; a fact holds no name at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import filterfalse

from answerable.app import looking_back
from answerable.app.acts import Act
from answerable.core import decisions, openings
from answerable.core.cases import Case
from answerable.core.facts import CaseId, Refused, StaffId
from answerable.vault.identifiers import IdentifierKind
from answerable_gate import Level, Names, Shield, Standing, is_sealed, seal_name

_NONE: frozenset[Shield] = frozenset()


def sealed(act: Act, case_id: CaseId, shields: frozenset[Shield], staff: StaffId) -> frozenset[Shield] | Refused:
    """Seal the names of shields that a person asks for; without names, those that the notices gave and he used."""
    if not shields:
        return _NONE
    case = act.journal.files.case(case_id)
    refused = openings.may_act(act.journal, case, staff) or decisions.unfit(Standing(Level.NONE, shields=shields))
    if refused is not None:
        return refused
    if set(case.evidence) - case.opened_by.get(staff, set()):
        # Or whoever has read nothing could find out by trying which names stand in it (L6).
        return Refused("not_opened", "Open everything in the case before you decide.")
    own = tuple(_own_texts(act, case))
    found: set[Shield] = set()
    for shield in shields:
        given = [name for name in shield.terms if not is_sealed(name)]
        if not all(_is_used(act, name, own) for name in given):
            return Refused("not_his_words", "A shield can hold only names that stand in what the account itself wrote.")
        kept = [term for term in shield.terms if is_sealed(term)]
        if not _stand(case, kept):
            return Refused("bad_input", "A sealed name is one that a shield of this case holds already.")
        if not shield.terms and shield.person == case.person:
            given = [name for name in _given(act, case) if _is_used(act, name, own)]
        found.add(Shield(shield.person, _terms(act, kept, given)))
    return frozenset(found)


def resealed(act: Act, case_id: CaseId, standing: Standing) -> Standing | Refused:
    """Seal the names of a standing that a person proposes: a lowering keeps names, it adds none."""
    shields = {
        Shield(one.person, _terms(act, filter(is_sealed, one.terms), filterfalse(is_sealed, one.terms)))
        for one in standing.shields
    }
    if shields and not _stand(act.journal.files.case(case_id), {term for one in shields for term in one.terms}):
        return Refused("bad_input", "A lowering keeps the names that a shield of this case holds, and adds none.")
    return Standing(standing.level, standing.limits, frozenset(shields))


def _terms(act: Act, kept: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    made = [term for name in names for term in seal_name(act.keyring.gate, name)]
    return tuple(sorted({*kept, *made}))


def _own_texts(act: Act, case: Case) -> Iterator[str]:
    for signal in case.signals.values():
        text = act.open(signal.fact.evidence) if signal.fact.evidence is not None else None
        if text is not None:
            yield text.decode("utf-8", "replace")


def _is_used(act: Act, name: str, own: Iterable[str]) -> bool:
    names = Names(act.keyring.gate, [Shield("", seal_name(act.keyring.gate, name))])
    return any(names.find(text) for text in own)


def _given(act: Act, case: Case) -> list[str]:
    # A first name alone tells nobody; whoever wants it shielded writes it down.
    return [
        one.raw for one in looking_back.given(act, case)
        if one.kind is not IdentifierKind.NAME or len(one.raw.split()) > 1
    ]  # fmt: skip


def _stand(case: Case, terms: Iterable[str]) -> bool:
    standing = (term for held in case.live() for shield in held.item.standing.shields for term in shield.terms)
    return set(terms) <= set(standing)
