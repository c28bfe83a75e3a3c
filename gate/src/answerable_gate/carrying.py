"""What an inlet must be able to do where a verdict limits, and what follows where it is not.

Law (L13): what is not carried is replaced by the next stronger step within the evidence, or reported as NOT IN FORCE.
"""

from __future__ import annotations

from typing import Literal

from answerable_gate.judge import Verdict
from answerable_gate.measures import Level, Limit

# documents: none is brought. model: only those allowed. names: shielded ones are kept out of the answer. preamble: it
# goes before everything else. store: nothing is kept or taken from what was kept. tools: only those allowed.
Carried = Literal["documents", "model", "names", "preamble", "store", "tools"]

ALL: frozenset[Carried] = frozenset(("documents", "model", "names", "preamble", "store", "tools"))
# What can be said of in words: names are known to the gate alone, and to nobody in letters.
SAYABLE: frozenset[Carried] = ALL - {"names"}


def needed(verdict: Verdict) -> frozenset[Carried]:
    """Say what must be carried for a verdict; of one that does not limit, nothing."""
    if verdict.answer != "limit":
        return frozenset()
    needs: set[Carried] = set()
    # What is neither in the tools nor in `store` is said to the model; for now in the words of guarded.
    if verdict.level >= Level.GUARDED or verdict.shields or verdict.limits - {Limit.NO_TOOLS, Limit.NO_MEMORY}:
        needs.add("preamble")
    if verdict.shields:
        needs.add("names")
    if Limit.NO_MEMORY in verdict.limits:
        needs.add("store")
    if Limit.NO_DOCUMENTS in verdict.limits:
        needs.add("documents")
    if verdict.tools is not None:
        needs.add("tools")
    if verdict.models is not None:
        needs.add("model")
    return frozenset(needs)


def uncarried(verdict: Verdict, carries: frozenset[Carried]) -> tuple[Carried, ...]:
    """Give what must be carried and is not, sorted."""
    return tuple(sorted(needed(verdict) - carries))


def closes(verdict: Verdict, carries: frozenset[Carried]) -> bool:
    """Say whether an exchange must be refused where no more is carried.

    Below `guarded` a refusal would go beyond the evidence; there it passes, and what is missing is not in force.
    """
    return verdict.level >= Level.GUARDED and bool(uncarried(verdict, carries))
