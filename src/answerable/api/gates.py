"""Gates: the feed goes out to them, and what they saw and hold comes back.

Law: the feed never waits on a gate, and an empty line of time still tells that the store lives (L1).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from answerable.api import bodies, identity
from answerable.api.bodies import JSON, NDJSON, Unsupported
from answerable.api.shapes import ConfirmationBody, ExchangeBody
from answerable.api.state import BEAT_S, Inlet, inlet
from answerable.app import Exchange, Reading
from answerable.core.facts import ItemId, SubjectId
from answerable.errors import AnswerableError, BadInput

PLACE_DIGITS_MAX = 18
ROWS_MAX = 50_000


async def get_feed(request: Request) -> Response:
    """Stream the feed to a gate from its place on."""
    identity.require_gate(request)
    after = request.query_params.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= PLACE_DIGITS_MAX):
        raise BadInput("`after` is a place in the feed")
    found = inlet(request)
    hello = await found.read(lambda reading: reading.hello())
    name = request.query_params.get("gate") or (request.client.host if request.client else "unknown")
    return StreamingResponse(_feed(found, hello, int(after), name[:64]), media_type=NDJSON)


async def _feed(found: Inlet, hello: bytes, after: int, gate: str) -> AsyncIterator[bytes]:
    policy, at = found.pulse.policy, after
    yield hello
    while not found.stopping.is_set():
        at, lines = await found.read(partial(_next, at))
        for line in lines:
            yield line
        if lines:
            continue
        yield await found.read(partial(_heartbeat, at))
        found.gates.hear(gate, found.clock.monotonic())
        await found.pulse.passed(at, BEAT_S)
        if found.pulse.policy != policy:
            # A new policy is told by a new hello, which only a new connection brings.
            return


def _next(at: int, reading: Reading) -> tuple[int, list[bytes]]:
    return reading.entries_after(at)


def _heartbeat(at: int, reading: Reading) -> bytes:
    return reading.heartbeat(at)


async def post_exchanges(request: Request) -> Response:
    """Keep what a gate saw, as NDJSON; all lines or none, so that a gate sends the same batch again after a fault."""
    identity.require_gate(request)
    found = inlet(request)
    if bodies.media_type(request) != NDJSON:
        raise Unsupported(f"send {NDJSON}")
    body = await bodies.whole(request, found.config.limits.bulk_bytes)
    rows = [_row(number, line) for number, line in enumerate(body.splitlines(), 1) if line.strip()]
    if len(rows) > ROWS_MAX:
        raise BadInput(f"at most {ROWS_MAX} exchanges at once")
    new = await found.ask(lambda answerable: answerable.record_exchanges(rows))
    for gate in {row.gate for row in rows}:
        found.gates.hear(gate, found.clock.monotonic())
    return Response(b'{"new":%d}' % new, media_type=JSON)


def _row(number: int, line: bytes) -> Exchange:
    try:
        return bodies.decode_line(line, ExchangeBody).taken()
    except AnswerableError as error:
        raise BadInput(f"line {number}: {error}") from error


async def post_confirmations(request: Request) -> Response:
    """Record that a gate holds items (L9)."""
    identity.require_gate(request)
    found = inlet(request)
    if bodies.media_type(request) != JSON:
        raise Unsupported(f"send {JSON}")
    came = bodies.decode(await bodies.whole(request, found.config.limits.body_bytes), ConfirmationBody)
    items = [ItemId(item) for item in came.items]
    new = await found.write(
        lambda answerable: answerable.confirm_measure(SubjectId(came.subject), items, gate=came.gate)
    )
    found.gates.hear(came.gate, found.clock.monotonic())
    return Response(b'{"new":%d}' % new, media_type=JSON)
