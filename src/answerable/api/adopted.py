"""Measures of the operator's own systems: an account that they switched off is held here, and only here let go (F4).

Law: switching the account on again is kept and paged, and lowers nothing (L4).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies
from answerable.api.bodies import moment
from answerable.api.ingest import body_of, id_of, receipt_of
from answerable.api.shapes import Account, Key, Shape, Vendor, Word
from answerable.api.state import inlet
from answerable.app import AccountState, Identifier, IdentifierKind, StateIn
from answerable.core.facts import Hazard


class StateBody(Shape, frozen=True, kw_only=True):
    """What became of an account elsewhere; `source` names the system that did it, where the sender passes it on."""

    account: Account
    state: AccountState
    id: Key | None = None
    source: Vendor | None = None
    hazard: Hazard = Hazard.OTHER
    label: Word | None = None
    at: str | None = None

    def taken_by(self, operator: str, key: str) -> StateIn:
        """Return the change as reported by an operator under an id."""
        return StateIn(
            id=key,
            source=operator if self.source is None else f"{operator}:{self.source}",
            account=self.account,
            state=self.state,
            hazard=self.hazard,
            label=self.label,
            at=moment(self.at) if self.at is not None else None,
        )


async def post_measures(request: Request) -> Response:
    """Take in that an account was switched off, or on again."""
    found = inlet(request)
    operator, body = await body_of(request, "measures")
    reported = bodies.decode(body, StateBody)
    came = reported.taken_by(operator.id, id_of(reported.id, request))
    account = [Identifier(IdentifierKind.ACCOUNT, came.account)]
    asked = await found.ask(lambda answerable: answerable.intake.ask(account))
    return receipt_of(await found.write(lambda answerable: answerable.report_state(came, asked)))
