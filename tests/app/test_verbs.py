"""The verbs of people.

Law: what has to be written is written (L4, L5).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.core.facts import Outcome, SignalAnswered, SignalId
from answerable.errors import BadInput
from tests.scenarios.story import FIRST_REVIEWER, Story, case_of


@pytest.mark.parametrize("text", ["", "  ", "-", "\u200b..."])
def test_an_answer_without_words_is_no_answer(tmp_path: Path, text: str) -> None:
    """A lone reviewer does not answer every flag with a dash."""
    house = Story(tmp_path)
    house.enrol()
    flagged = house.flag()
    house.opens(case_of(flagged), FIRST_REVIEWER)
    with pytest.raises(BadInput, match="no words"):
        house.answerable.answer_signal(
            case_of(flagged), SignalId(flagged.id), staff=FIRST_REVIEWER, outcome=Outcome.HARMLESS, text=text
        )
    assert house.facts(SignalAnswered) == []
