"""Who acts at the terminal: a member of staff by the same token as over HTTP, and a refusal in its own words.

Law: nothing is listed to or done by anybody whose token it is not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import typer

from answerable.app import Answerable
from answerable.cli.wiring import open_adopted
from answerable.config import staff_by_token
from answerable.core.facts import Refused, StaffId
from answerable.errors import Conflict, NotAuthenticated

TOKEN_VARIABLE = "ANSWERABLE_TOKEN"  # noqa: S105  (the name of a variable)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Acting:
    """One person with the verbs of a record."""

    answerable: Answerable
    staff: StaffId


@contextmanager
def acting(config: Path) -> Iterator[Acting]:
    """Open the record for whoever gives a staff token, by `ANSWERABLE_TOKEN` or unseen at the keyboard."""
    house = open_adopted(config)
    try:
        token = os.environ.get(TOKEN_VARIABLE) or typer.prompt("Your staff token", hide_input=True, err=True)
        person = staff_by_token(house.config, token)
        if person is None:
            raise NotAuthenticated(
                "that is not the token of anybody on the staff", hint=f"nothing was done; {TOKEN_VARIABLE} may hold it"
            )
        yield Acting(house.answerable(), StaffId(person.id))
    finally:
        house.close()


def unless_refused(found: T | Refused) -> T:
    """Return what a verb gave. Raise `Conflict` with its reason where it refused."""
    if isinstance(found, Refused):
        raise Conflict(found.reason)
    return found


def shown(at: datetime) -> str:
    """Return a time as people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
