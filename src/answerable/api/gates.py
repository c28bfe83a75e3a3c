"""Gates: the feed goes out to them, and what they saw and hold comes back.

Law: the feed never waits on a gate, and an empty line of time still tells that the store lives (L1).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from answerable.api import bodies, identity
from answerable.api.bodies import JSON, NDJSON, Unsupported
from answerable.api.shapes import ConfirmationBody, DepartureBody, ExchangeBody, GapBody
from answerable.api.state import BEAT_S, Inlet, inlet
from answerable.app import Answerable
from answerable.core.facts import ItemId, SubjectId
from answerable.errors import AnswerableError, BadInput
from answerable.work.writer import Failed, Verb
from answerable_gate import GatePolicy

PLACE_DIGITS_MAX = 18
LINES_MAX = 50_000
GATE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
RUN = re.compile("[0-9a-f]{1,32}")

T = TypeVar("T")


async def get_feed(request: Request) -> Response:
    """Stream the feed to a gate from its place on."""
    identity.require_gate(request)
    after = request.query_params.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= PLACE_DIGITS_MAX):
        raise BadInput("`after` is a place in the feed")
    found = inlet(request)
    policy, hello = await found.read_feed(lambda reading: reading.hello())
    return StreamingResponse(_feed(found, hello, policy, int(after), _name(request), _run(request)), media_type=NDJSON)


def _name(request: Request) -> str:
    """Return under which name a gate is listed: its own, or where it calls from."""
    name = request.query_params.get("gate", "")
    if GATE_NAME.fullmatch(name):
        return name
    return request.client.host if request.client else "unknown"


def _run(request: Request) -> str:
    """Return which process of a gate this is, nothing where it does not say."""
    run = request.query_params.get("run", "")
    return run if RUN.fullmatch(run) else ""


async def _feed(
    found: Inlet, hello: bytes, policy: GatePolicy, after: int, gate: str, run: str
) -> AsyncIterator[bytes]:
    at = after
    yield hello
    while not found.stopping.is_set():
        turn = await found.next_turn(at)
        at = turn.at
        yield turn.lines
        if not turn.is_beat:
            continue
        found.gates.hear(gate, found.clock.monotonic(), run=run)
        await found.pulse.passed(at, BEAT_S)
        if found.pulse.policy not in (None, policy):
            # A new policy is told by a new hello, which only a new connection brings.
            return


async def post_departures(request: Request) -> Response:
    """Note that a gate ends as it should: from now on it is not in force because it is not there."""
    gone = await _lines(request, DepartureBody)
    found = inlet(request)
    for body in gone:
        found.gates.hear(body.gate, found.clock.monotonic(), ended=True)
    return _new(len(gone))


async def post_exchanges(request: Request) -> Response:
    """Keep what a gate saw; all lines or none, so that a gate sends the same batch again after a fault."""
    rows = [body.taken() for body in await _lines(request, ExchangeBody)]
    return _new(await inlet(request).keep(rows))


async def post_gaps(request: Request) -> Response:
    """Record spans in which a gate served and could not keep what (L18)."""
    gaps = await _lines(request, GapBody)
    return _new(await _write_all(request, [partial(_gap, body) for body in gaps]))


async def post_confirmations(request: Request) -> Response:
    """Record that a gate holds items (L9)."""
    held = await _lines(request, ConfirmationBody)
    return _new(await _write_all(request, [partial(_confirm, body) for body in held]))


def _gap(body: GapBody, answerable: Answerable) -> int:
    since, until = bodies.moment(body.since), bodies.moment(body.until)
    return answerable.record_gap(
        SubjectId(body.subject), since=since, until=until, reason=body.reason, gate=body.gate, exchanges=body.exchanges
    )


def _confirm(body: ConfirmationBody, answerable: Answerable) -> int:
    items = [ItemId(item) for item in body.items]
    return answerable.confirm_measure(SubjectId(body.subject), items, gate=body.gate)


async def _write_all(request: Request, verbs: Sequence[Verb[int]]) -> int:
    """Run the verbs of a batch; where one fails the whole batch is to come again, which changes nothing twice."""
    results = await inlet(request).write_all(verbs)
    for result in results:
        if isinstance(result, Failed):
            raise result.error
    return sum(result for result in results if isinstance(result, int))


async def _lines(request: Request, shape: type[T]) -> list[T]:
    """Return every line of a gate's body, one document where it is no NDJSON."""
    identity.require_gate(request)
    limits, kind = inlet(request).config.limits, bodies.media_type(request)
    if kind == JSON:
        return [bodies.decode(await bodies.whole(request, limits.body_bytes), shape)]
    if kind != NDJSON:
        raise Unsupported(f"send {NDJSON}")
    lines = (await bodies.whole(request, limits.bulk_bytes)).split(b"\n")
    if len(lines) > LINES_MAX:
        raise BadInput(f"at most {LINES_MAX} lines at once")
    return [_read(number, line, shape) for number, line in enumerate(lines, 1) if line.strip()]


def _read(number: int, line: bytes, shape: type[T]) -> T:
    try:
        return bodies.decode_line(line, shape)
    except AnswerableError as error:
        raise BadInput(f"line {number}: {error}") from error


def _new(count: int) -> Response:
    return Response(b'{"new":%d}' % count, media_type=JSON)
