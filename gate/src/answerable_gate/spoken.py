"""What is said to the model before everything else: the preamble, and words of care in the account's language.

Law: who is only cared for is not told that he is guarded, and who is both is told both.
"""

from __future__ import annotations

from answerable_gate.judge import GatePolicy, Verdict
from answerable_gate.measures import Level, Limit

# What is carried by other means than words.
_UNSAID = frozenset({Limit.NO_TOOLS, Limit.NO_MEMORY, Limit.CARE})


def spoken(verdict: Verdict, policy: GatePolicy, languages: str = "") -> str:
    """Give the words that a verdict asks for, "" where it asks for none.

    `languages` is an Accept-Language; of its languages the first that the policy has is taken, else the policy's first.
    """
    said = []
    if verdict.level >= Level.GUARDED or verdict.shields or verdict.limits - _UNSAID:
        said.append(policy.preamble)
    if Limit.CARE in verdict.limits:
        said.append(_care(policy, languages))
    return "\n\n".join(dict.fromkeys(words for words in said if words))


def _care(policy: GatePolicy, languages: str) -> str:
    if not policy.care:
        return policy.preamble
    for written in languages.lower().split(","):
        tag = written.partition(";")[0].strip()
        for language, words in policy.care:
            if tag == language or tag.startswith(f"{language}-"):
                return words
    return policy.care[0][1]
