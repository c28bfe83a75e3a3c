"""Webhooks of model vendors: signed by the vendor's own secret, kept before they are answered, each once (L17).

Law: nobody but who holds the secret says anything here; what is not for us is answered and forgotten.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies, identity
from answerable.api.bodies import JSON
from answerable.api.ingest import id_of
from answerable.api.state import inlet
from answerable.app import Announced, Reported, read_event
from answerable.errors import NotAuthenticated, NotFound


async def post_webhook(request: Request) -> Response:
    """Take in what a vendor reports."""
    found = inlet(request)
    table = next((one for one in found.config.webhooks if one.name == request.path_params["name"]), None)
    if table is None:
        raise NotFound("there is no such webhook")
    body = await bodies.whole(request, found.config.limits.body_bytes)
    if not identity.is_signed_with(request, body, found.vendor_secrets[table.name]):
        raise NotAuthenticated
    event = bodies.decode(body, dict[str, Any])
    came = read_event(table, event, id_of(None, request))
    if came is None:
        return _answer(taken=False, again=False)
    if isinstance(came, Announced):
        again = await found.write(lambda answerable: answerable.announce_notice(came))
        return _answer(taken=True, again=again)
    reported: Reported = came
    account = await found.ask(lambda answerable: answerable.whose(table, reported.identifier))
    taken = await found.write(lambda answerable: answerable.take_notice(table, reported, account))
    return _answer(taken=True, again=taken.again)


def _answer(*, taken: bool, again: bool) -> Response:
    """Answer the vendor: that it is kept, and nothing of any case."""
    return Response(msgspec.json.encode({"taken": taken, "again": again}), media_type=JSON)
