"""What is said to the model before everything else."""

from __future__ import annotations

import pytest

from answerable_gate import Level, Limit, Malformed, Shield, Verdict, spoken
from answerable_gate.judge import decode_policy, encode_policy
from tests.gate.build import a_policy

CARE = (("en", "Be kind."), ("de", "Sei freundlich."), ("pt-br", "Seja gentil."))
POLICY = a_policy(care=CARE)


def a_verdict(level: Level = Level.NONE, *limits: Limit, shields: frozenset[Shield] = frozenset()) -> Verdict:
    """Build one that limits."""
    return Verdict("limit", level, frozenset(limits), shields, None, None, None, ())


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ("", "Be kind."), ("en", "Be kind."), ("pt", "Be kind."), ("den", "Be kind."), ("*, ;;,", "Be kind."),
        ("de-CH, en;q=0.8", "Sei freundlich."), ("fr, DE;q=0.5", "Sei freundlich."), ("pt-BR", "Seja gentil."),
    ],
)  # fmt: skip
def test_care_is_said_in_the_account_s_language(languages: str, said: str) -> None:
    """The first of its languages that there is, else the policy's first."""
    assert spoken(a_verdict(Level.NONE, Limit.CARE), POLICY, languages) == said


def test_each_limit_has_its_words() -> None:
    """Who is only cared for hears nothing of guarded, who is both hears both, and what needs no words has none."""
    assert spoken(a_verdict(Level.GUARDED), POLICY) == "Take care."
    assert spoken(a_verdict(Level.GUARDED, Limit.CARE), POLICY) == "Take care.\n\nBe kind."
    assert spoken(a_verdict(Level.NONE, Limit.NO_LIKENESS), POLICY) == "Take care."
    assert spoken(a_verdict(shields=frozenset({Shield("person_a", ())})), POLICY) == "Take care."
    assert spoken(a_verdict(Level.WATCH, Limit.NO_TOOLS, Limit.NO_MEMORY), POLICY) == ""


def test_a_policy_without_words_of_care_has_its_preamble_for_them() -> None:
    """Once, where both apply."""
    assert spoken(a_verdict(Level.GUARDED, Limit.CARE), a_policy()) == "Take care."
    assert spoken(a_verdict(Level.NONE, Limit.CARE), a_policy(preamble="")) == ""


def test_words_of_care_travel_with_the_policy() -> None:
    """And a policy that has none is written as before there were any."""
    assert decode_policy(encode_policy(POLICY), POLICY.lease_s) == POLICY
    assert "care" not in encode_policy(a_policy())
    for care in (["en"], [["en"]], [["en", 1]], [["e" * 17, "x"]], "en", [["en", "x"]] * 2):
        with pytest.raises(Malformed):
            decode_policy(encode_policy(a_policy()) | {"care": care}, 60)
