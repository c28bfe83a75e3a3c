"""What an inlet must be able to do where a verdict limits, what each way in can, and what follows where it cannot.

Law (L13): what is not carried is replaced by the next stronger step within the evidence, or reported as NOT IN FORCE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from answerable_gate.judge import Verdict
from answerable_gate.measures import Level, Limit

# documents: none is brought. model: only those allowed. names: shielded ones are kept out of the answer. preamble: it
# goes before everything else. store: nothing is kept or taken from what was kept. tools: only those allowed.
Carried = Literal["documents", "model", "names", "preamble", "store", "tools"]

ALL: frozenset[Carried] = frozenset(("documents", "model", "names", "preamble", "store", "tools"))
# What can be said of in words: names are known to the gate alone, and to nobody in letters.
SAYABLE: frozenset[Carried] = ALL - {"names"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way in: what it can carry, who does that, when it ends what runs, and what it tells the store.

    `elsewhere` is what it carries where it knows a request by little more than its model.
    """

    name: str
    carries: frozenset[Carried]
    elsewhere: frozenset[Carried] | None = None
    done_by: Literal["itself", "your program"] = "itself"
    ends: Literal["within a second", "a stream within a second", "at the next piece", "at the next look", "no"]
    tells: Literal["each exchange", "refusals; what passed is a gap"] = "each exchange"


_JUDGED_UNSEEN: Literal["refusals; what passed is a gap"] = "refusals; what passed is a gap"

GATEWAY = Way(name="gateway", carries=ALL, elsewhere=frozenset(), ends="within a second")
MIDDLEWARE = Way(name="middleware", carries=ALL, done_by="your program", ends="within a second")
LOOP_CLIENT = Way(name="client, event loop", carries=ALL, done_by="your program", ends="within a second")
THREAD_CLIENT = Way(name="client, threads", carries=ALL, done_by="your program", ends="at the next look")
LITELLM_JOINED = Way(
    name="LiteLLM by its configuration", carries=frozenset(("model",)), ends="at the next piece", tells=_JUDGED_UNSEEN
)
LITELLM_INSIDE = Way(
    name="LiteLLM with the gate in its process",
    carries=SAYABLE,
    elsewhere=frozenset(("model",)),
    ends="a stream within a second",
)
FRONT_SERVER = Way(name="front server", carries=SAYABLE, done_by="your program", ends="no", tells=_JUDGED_UNSEEN)

WAYS = (GATEWAY, MIDDLEWARE, LOOP_CLIENT, THREAD_CLIENT, LITELLM_JOINED, LITELLM_INSIDE, FRONT_SERVER)


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
