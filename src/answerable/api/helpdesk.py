"""The helpdesk guard over HTTP: support macros and bots ask before they do anything for an account (R37).

Law: `allowed` is only ever true for an account that was found and is not held (L10).
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies
from answerable.api.bodies import JSON, Invalid
from answerable.api.ingest import body_of, few
from answerable.api.shapes import Account, Identifiers, Shape, identifiers
from answerable.api.state import inlet
from answerable.app import DeskIn
from answerable.core.facts import DeskAction


class DeskBody(Shape, frozen=True, kw_only=True):
    """What support is about to do, and for whom."""

    action: DeskAction
    account: Account | None = None
    identifiers: Identifiers = ()


async def post_checks(request: Request) -> Response:
    """Answer whether support may do something for an account."""
    found = inlet(request)
    operator, body = await body_of(request, "helpdesk")
    asked = bodies.decode(body, DeskBody)
    few(asked.identifiers, found.config.limits.identifiers)
    if asked.account is None and not asked.identifiers:
        raise Invalid("say whose account it is", hint="account, identifiers or both")
    came = DeskIn(
        source=operator.id, action=asked.action, account=asked.account, identifiers=identifiers(asked.identifiers)
    )
    whose = await found.ask(lambda answerable: answerable.find_for_desk(came))
    checked = await found.write(lambda answerable: answerable.check_for_desk(came, whose))
    if checked.allowed:
        return Response(b'{"allowed":true}', media_type=JSON)
    route = {"to": "case" if checked.reference else "person", "reference": checked.reference}
    return Response(msgspec.json.encode({"allowed": False, "route": route}), media_type=JSON)
