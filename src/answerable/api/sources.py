"""Sources over HTTP: what floods is listed and confirmed, and two people recall what a model should not have said (L4).

Law: nothing listed here is content, and one person alone only raises.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from answerable.api.bodies import moment
from answerable.api.identity import staff_of
from answerable.api.shapes import Shape, Text, Word
from answerable.api.staff import answer, body_as_staff, unless_refused
from answerable.api.state import inlet
from answerable.app import Answerable, sources
from answerable.core.facts import CaseId, RecallId, Refused, StaffId
from answerable.core.recalls import Said


class RecallBody(Shape, frozen=True, kw_only=True):
    """What is to be taken back: one version of one source's model, in a span that is over."""

    source: Word
    model: Word
    version: Word
    since: str
    until: str
    reason: Text

    def wanted(self) -> sources.RecallIn:
        """Return the recall that is proposed."""
        span: tuple[datetime, datetime] = moment(self.since), moment(self.until)
        said = Said(source=self.source, model=self.model, version=self.version, since=span[0], until=span[1])
        return sources.RecallIn(said=said, reason=self.reason)


async def get_sources(request: Request) -> Response:
    """Return the sources that flood, and the recalls."""
    staff_of(request)
    return answer(await inlet(request).write(lambda answerable: sources.listed(answerable.acts)))


async def post_confirmation(request: Request) -> Response:
    """Confirm that what a source says in such numbers is meant."""
    staff, source = staff_of(request), request.path_params["source"]
    unless_refused(await inlet(request).write(lambda a: sources.confirm(a.acts, source, staff=staff)))
    return answer({"source": source}, status=201)


async def post_recall(request: Request) -> Response:
    """Propose a recall; the answer names the second person and the sample that both read."""
    wanted = (await body_as_staff(request, RecallBody)).wanted()
    staff, house = staff_of(request), inlet(request)
    matching: list[CaseId] = []
    after: CaseId | None = None
    while True:
        page = unless_refused(await house.write(partial(_page, wanted, after, staff)))
        matching += page.cases
        if (after := page.after) is None:
            break
    found = unless_refused(await house.write(lambda a: sources.propose_for(a.acts, wanted, matching, staff=staff)))
    told = {"recall": found.recall, "drawn": found.drawn, "sample": found.sample, "cases": found.cases}
    return answer(told, status=201)


def _page(
    wanted: sources.RecallIn, after: CaseId | None, staff: StaffId, answerable: Answerable
) -> sources.Resting | Refused:
    return sources.resting(answerable.acts, wanted.said, after=after, staff=staff)


async def post_signature(request: Request) -> Response:
    """Sign a recall, having opened the sample."""
    staff, recall = staff_of(request), RecallId(request.path_params["recall"])
    unless_refused(await inlet(request).write(lambda a: sources.sign(a.acts, recall, staff=staff)))
    return answer({"recall": recall}, status=201)


async def post_release(request: Request) -> Response:
    """Let a signed recall take effect."""
    staff, recall = staff_of(request), RecallId(request.path_params["recall"])
    tier = unless_refused(await inlet(request).write(lambda a: sources.release(a.acts, recall, staff=staff)))
    return answer({"recall": recall, "from_tier": int(tier)}, status=201)
