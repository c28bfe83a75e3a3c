"""The tenants' way in: an administration lists what it is asked, says that it has read it, and answers.

Law: references and times, and nothing else, ever leave by it (L11, L12).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from answerable.api import bodies
from answerable.api.identity import operator_of
from answerable.api.ingest import body_of
from answerable.api.shapes import Shape
from answerable.api.staff import answer, unless_refused
from answerable.api.state import inlet
from answerable.app import tenants
from answerable.core.facts import AskId, Named


class AnswerBody(Shape, frozen=True, kw_only=True):
    """What a tenant answers; `user` is its own name for the end user."""

    answer: Named
    user: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


async def get_references(request: Request) -> Response:
    """Return what this tenant was asked."""
    tenant = operator_of(request, "tenant").id
    found = await inlet(request).write(lambda a: tenants.listed(a.acts, a.intake, tenant))
    return answer({"references": [asdict(one) for one in found]})


async def post_receipt(request: Request) -> Response:
    """Record that the administration has read a question."""
    tenant, ask = operator_of(request, "tenant").id, AskId(request.path_params["reference"])
    unless_refused(await inlet(request).write(lambda a: tenants.receive(a.acts, a.intake, tenant, ask)))
    return answer({"reference": ask}, status=201)


async def post_answer(request: Request) -> Response:
    """Take in a tenant's answer."""
    ask = AskId(request.path_params["reference"])
    operator, body = await body_of(request, "tenant")
    said = bodies.decode(body, AnswerBody)
    verb = lambda a: tenants.answer(a.acts, a.intake, operator.id, ask, said.answer, said.user)  # noqa: E731
    unless_refused(await inlet(request).write(verb))
    return answer({"reference": ask}, status=201)
