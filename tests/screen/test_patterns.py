"""The patterns themselves.

Law: conduct only, no word of health, identity or origin; every repetition is bounded; the cues never hide a match.
"""

import re
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.ports.history import Speaker
from answerable.screen.acts import acts
from answerable.screen.patterns import ACTS, FRAMES, REPORTED_BEFORE, REPORTED_BEHIND, REQUESTED, written

ALL = [*(row[3] for row in ACTS), *FRAMES.values(), REPORTED_BEFORE, REPORTED_BEHIND, REQUESTED]

NEVER = """
    autistic autism adhd bipolar depressed depression psychotic psychosis schizophrenic schizophrenia manic mania
    disorder diagnosis diagnosed diagnose medication medicated therapy therapist psychiatric psychiatrist psychological
    psychologist mental mentally ill illness sick crazy insane delusional paranoid addict alcoholic disabled disability
    hiv cancer
    clinical patient doctor nurse hospital suicidal
    gay lesbian homosexual bisexual trans transgender queer straight
    muslim islamic jewish jew christian catholic hindu buddhist atheist
    black white asian african arab latino hispanic mexican indian chinese russian immigrant refugee migrant foreigner
    woman women man men male female girl boy old elderly young teenager homeless poor unemployed veteran
""".split()  # noqa: SIM905


@pytest.mark.parametrize("pattern", ALL)
def test_no_word_of_health_identity_or_origin(pattern: str) -> None:
    """Behaviour, not diagnosis: none of these words stands in any pattern (L15)."""
    assert set(re.findall(r"[a-z]+", pattern.lower())) & set(NEVER) == set()


def _repeats(tree: Any) -> Iterator[int]:
    """Yield the upper bound of every repetition in a parsed pattern."""
    for operation, argument in tree:
        if operation in {constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT}:
            yield argument[1]
        for part in argument if isinstance(argument, tuple | list) else (argument,):
            if isinstance(part, parser.SubPattern):
                yield from _repeats(part)
            elif isinstance(part, list):
                for inner in part:
                    if isinstance(inner, parser.SubPattern):
                        yield from _repeats(inner)


@pytest.mark.parametrize("pattern", ALL)
def test_every_repetition_is_bounded(pattern: str) -> None:
    """Without an open repetition the steps at one place are bounded, so time is in proportion to the length."""
    bounds = list(_repeats(parser.parse(written(pattern).pattern, re.IGNORECASE)))
    assert all(bound <= 100 for bound in bounds), bounds


def test_an_open_repetition_would_be_seen() -> None:
    """The rule on repetitions can fail."""
    assert max(_repeats(parser.parse(r"a(?:b|(c*d){2}){3}"))) > 100


@pytest.mark.parametrize("number", range(len(ACTS)))
@settings(max_examples=30)
@given(data=st.data())
def test_cues_never_hide_a_match(number: int, data: st.DataObject) -> None:
    """Whatever a pattern matches holds one of its cues: trying it only then loses nothing."""
    kind, _, _, pattern = ACTS[number]
    text = data.draw(st.from_regex(re.compile(written(pattern).pattern, re.IGNORECASE | re.ASCII), fullmatch=True))
    if text.isascii() and written(pattern).search(text):
        assert kind in {act.kind for act in acts(text, Speaker.USER)}


def test_blanks_and_gaps_are_spelled_out() -> None:
    """A blank is up to three blanks or commas, a gap up to so many words, never across a negation."""
    pattern = written(r"see F2her [a b]")
    assert pattern.fullmatch("see, the back of her b") is None
    assert pattern.fullmatch("see the\nblue her  b")
    assert pattern.fullmatch("SEE her a")
    assert pattern.fullmatch("see not her a") is None
