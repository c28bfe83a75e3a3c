"""Intake.

Law: every person who is warned about gets a look of her own, in whatever words it was said.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.core.facts import LookBackStarted, NoticeReceived
from tests.scenarios.story import Story


@pytest.mark.parametrize(("name", "are_repeats"), [("Mara Ellison", True), ("Juno Pell", False)])
def test_one_form_s_words_about_two_persons_are_two_warnings(tmp_path: Path, name: str, are_repeats: bool) -> None:
    """The same text about the same person is a repeat; about another one it is looked into like the first."""
    house = Story(tmp_path, works=False)
    house.enrol()
    house.notice(text="I am threatened by this user.", email="mara@example.org")
    house.notice(text="I am threatened by this user.", name=name, email=f"{name[:4]}@example.org")
    received = [one.fact for one in house.facts(NoticeReceived) if isinstance(one.fact, NoticeReceived)]
    assert [one.repeats is not None for one in received] == [False, are_repeats]
    assert len(house.facts(LookBackStarted)) == (1 if are_repeats else 2)
