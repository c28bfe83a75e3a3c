"""Operating errors: default messages, pickling, problem documents."""

from __future__ import annotations

import pickle

import pytest

from answerable import errors
from answerable.errors import AnswerableError, BadInput, ConfigError, NotFound, StoreUnavailable, problem

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AnswerableError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_pickling_with_its_hint(kind: type[AnswerableError]) -> None:
    """An error that crosses a process keeps its class, message and hint."""
    again = pickle.loads(pickle.dumps(kind("what", hint="do this")))
    assert (type(again), str(again), again.hint) == (kind, "what", "do this")


@pytest.mark.parametrize("kind", KINDS)
def test_the_docstring_is_the_default_message(kind: type[AnswerableError]) -> None:
    """An error raised without words says what its class says."""
    assert str(kind()) == kind.__doc__
    assert str(pickle.loads(pickle.dumps(kind()))) == kind.__doc__


def test_every_code_is_of_one_class() -> None:
    """A machine can tell every error by its code."""
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes) > 10


def test_a_problem_of_theirs_tells_what_and_how() -> None:
    """RFC 9457: what the caller can mend is told with detail and hint."""
    assert problem(BadInput("line 3: no user", hint="add one")) == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "line 3: no user",
        "code": "bad_input",
        "hint": "add one",
    }
    assert "hint" not in problem(NotFound("no case of this name"))


@pytest.mark.parametrize(
    "error", [StoreUnavailable("/srv/secret", hint="/srv"), ConfigError("/srv"), ValueError("/srv")]
)
def test_a_problem_of_ours_leaks_nothing(error: Exception) -> None:
    """What only the operator can mend keeps paths and detail out of the answer."""
    document = problem(error)
    assert "/srv" not in repr(document)
    assert int(document["status"]) >= 500
