"""Answers for others who stand before a model: a front server (forward-auth), LiteLLM (its guardrail API).

Law: who asks shows a token; nobody hears more than the gateway's own clients, but what the asker has to carry.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import DecodeError, Struct, ValidationError

from answerable.edge import rfc3339
from answerable.errors import AnswerableError, BadInput, NotAuthenticated
from answerable.gateway.answers import fault
from answerable.gateway.asgi import ClientGone, Headers, Receive, Scope, Send, read_body, respond
from answerable.gateway.courier import Courier
from answerable.gateway.exchange import Desk
from answerable.gateway.headers import CONVERSATION, NOT_IN_FORCE, identity_in
from answerable.gateway.recorder import Judged, report
from answerable.gateway.routes import Route, is_closed, uncarried
from answerable_gate import Request, Verdict
from answerable_gate.carrying import FRONT_SERVER, LITELLM_JOINED, Carried, needed
from answerable_gate.io.answers import RETRY_AFTER_S, Answer, not_here, refusal

FORWARD_AUTH = b"/check/"
LITELLM = b"/beta/litellm_basic_guardrail_api"
TOKEN = b"x-answerable-token"
ANSWER, LIMITS, TOOLS = b"x-answerable-answer", b"x-answerable-limits", b"x-answerable-tools"
# The body once more, in one line: nginx hands on no body of an answer to `auth_request`.
SAID = b"x-answerable-said"
CARRIES_NOTHING = b"none"
GAPS_EVERY_S = 30.0
# LiteLLM hands on that a header was there, and its value only where `extra_headers` names it.
_WITHHELD = "[present]"

# The guardrail API names the model, and has no way to add a message or to leave no tool at all.
GUARDRAIL = Route(name="guardrail", requests=(), carries=LITELLM_JOINED.carries)


class _Function(Struct):
    name: str = ""


class _Tool(Struct):
    type: str = ""
    function: _Function | None = None


class _Caller(Struct):
    user_api_key_end_user_id: str | None = None


class _Guarded(Struct):
    """What LiteLLM sends; texts and images are not read."""

    input_type: str
    request_data: _Caller
    litellm_trace_id: str | None = None
    request_headers: dict[str, str] | None = None
    tools: list[_Tool] | None = None
    model: str | None = None


_guarded = msgspec.json.Decoder(_Guarded)


@dataclass(slots=True)
class _Gap:
    since: datetime
    until: datetime
    exchanges: int = 0


class Checks:
    """Judges for others; `token_hash` is the SHA-256 of their token, and without one nobody is answered."""

    def __init__(self, desk: Desk, gaps: Courier, *, name: str, token_hash: str | None) -> None:
        """Take what judges, who carries gaps to the store, and this gate's name."""
        self._desk = desk
        self._courier = gaps
        self._name = name
        self._token_hash = token_hash
        self._gaps: dict[str, _Gap] = {}

    def takes(self, path: bytes) -> bool:
        """Say whether a path is one of these."""
        return self._token_hash is not None and (path == LITELLM or path.startswith(FORWARD_AUTH))

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one question."""
        headers: Headers = scope["headers"]
        try:
            self._require_token(headers)
            if scope["raw_path"] == LITELLM:
                told = self._guard(_read(await read_body(receive, self._desk.body_bytes)))
                await respond(send, 200, [(b"content-type", b"application/json")], msgspec.json.encode(told))
            else:
                said, extra = await self._look(_route(scope["raw_path"]), headers)
                await _tell(send, said, extra)
        except ClientGone:
            return
        except AnswerableError as error:
            await _tell(send, fault(error), [])

    async def run(self) -> None:
        """Tell the store now and then, and at the end, which answers were not seen."""
        try:
            while True:
                await asyncio.sleep(GAPS_EVERY_S)
                self._tell_gaps()
        finally:
            self._tell_gaps()

    def _require_token(self, headers: Headers) -> None:
        found = [value for key, value in headers if key == TOKEN]
        told = hashlib.sha256(b"".join(found)).hexdigest()
        if len(found) != 1 or not hmac.compare_digest(told, self._token_hash or ""):
            raise NotAuthenticated

    async def _look(self, route: Route, headers: Headers) -> tuple[Answer | None, Headers]:
        """Judge for a front server: what it is to answer, None where it may pass, and the headers for it."""
        callers = self._desk.callers
        caller = await callers.named(headers, now=self._desk.clock.now())
        asked = callers.asks(caller, headers, None, route.api)
        verdict, said = self._judge(route, asked, dict(headers).get(CONVERSATION))
        if said is not None:
            return said, [(ANSWER, b"refuse"), (SAID, said.body)]
        extra = [(ANSWER, verdict.answer.encode())]
        if verdict.answer == "limit":
            extra.append((LIMITS, ", ".join(sorted(needed(verdict) & route.carries)).encode()))
            if verdict.tools is not None:
                extra.append((TOOLS, ", ".join(verdict.tools).encode("ascii", "backslashreplace")))
        if missing := uncarried(route, verdict):
            extra.append((NOT_IN_FORCE, ", ".join(missing).encode()))
        return None, extra

    def _guard(self, asked: _Guarded) -> dict[str, str]:
        """Judge for LiteLLM: before the model is asked, and again while it answers."""
        request = Request(identity=self._identity(asked), model=asked.model, tools=_names(asked.tools))
        if asked.input_type == "request":
            trace = (asked.litellm_trace_id or "").encode()
            _, said = self._judge(GUARDRAIL, request, trace)
        else:
            verdict = self._check(request)
            said = refusal(verdict) if verdict.answer == "refuse" else None
        return {"action": "NONE"} if said is None else {"action": "BLOCKED", "blocked_reason": said.message}

    def _identity(self, asked: _Guarded) -> str | None:
        named = [(key.lower().encode(), value) for key, value in (asked.request_headers or {}).items()]
        header = self._desk.callers.header
        if (header, _WITHHELD) in named:
            raise BadInput(f"Name {header.decode()} among extra_headers, or nobody here knows whose request it is.")
        identity = identity_in([(key, value.encode()) for key, value in named], header)
        # The end user that LiteLLM knows is as a rule the one whom the body names.
        told = asked.request_data.user_api_key_end_user_id if self._desk.callers.trusts_body else None
        return identity or told or None

    def _judge(self, route: Route, request: Request, conversation: bytes | None) -> tuple[Verdict, Answer | None]:
        """Judge an exchange whose answer nobody here will see: refused it is a row, passed it is a gap."""
        verdict, gate, at = self._check(request), self._desk.gate, self._desk.clock.now()
        said = refusal(verdict) if verdict.answer == "refuse" else None
        if said is None and is_closed(route, verdict):
            said, verdict = not_here(verdict), verdict._replace(answer="refuse")
        bearers = gate.bearers(gate.alias(request.identity)) if request.identity else ()
        subjects = tuple(held.entry.subject for held in bearers if held.entry.open)
        if said is not None:
            report("refused", {"route": route.name, "code": said.code, "reference": verdict.reason_ref})
            judged = Judged(subjects, at, conversation, request.model, verdict)
            self._desk.recorder.record(judged, None, complete=True)
        else:
            self._miss(subjects, at)
        if said is None and (missing := uncarried(route, verdict)):
            report("not_in_force", {"route": route.name, "not_carried": missing, "reference": verdict.reason_ref})
        return verdict, said

    def _check(self, request: Request) -> Verdict:
        return self._desk.gate.check(
            request, wall=self._desk.clock.now(), monotonic=self._desk.clock.monotonic()
        )

    def _miss(self, subjects: Sequence[str], at: datetime) -> None:
        for subject in subjects:
            gap = self._gaps.setdefault(subject, _Gap(at, at))
            gap.until, gap.exchanges = max(gap.until, at), gap.exchanges + 1

    def _tell_gaps(self) -> None:
        for subject, gap in tuple(self._gaps.items()):
            told: dict[str, object] = {
                "gate": self._name,
                "subject": subject,
                "since": rfc3339(gap.since),
                "until": rfc3339(gap.until),
                "exchanges": gap.exchanges,
                "reason": "answer_not_seen",
            }
            if self._courier.put(msgspec.json.encode(told)):
                report("gap", told)
                del self._gaps[subject]


def _route(path: bytes) -> Route:
    """Read what the asker says that it carries: it stands in the path, where no client of its can put it."""
    told = path.removeprefix(FORWARD_AUTH).split(b"/", 1)[0]
    names = set() if told == CARRIES_NOTHING else set(told.decode("latin-1").split(","))
    carries: frozenset[Carried] = frozenset(name for name in FRONT_SERVER.carries if name in names)
    if len(carries) != len(names):
        raise BadInput(f"After /check/ stands none, or a list of {', '.join(sorted(FRONT_SERVER.carries))}.")
    return Route(name="forward_auth", requests=(), carries=carries)


def _read(body: bytes) -> _Guarded:
    try:
        return _guarded.decode(body)
    except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("This is no question of the guardrail API.") from error


def _names(tools: list[_Tool] | None) -> tuple[str, ...] | None:
    return None if tools is None else tuple(tool.function.name if tool.function else tool.type for tool in tools)


async def _tell(send: Send, said: Answer | None, extra: Headers) -> None:
    status, body = (200, b"") if said is None else (said.status, said.body)
    headers = [*extra, (b"content-type", b"application/json")]
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
    await respond(send, status, headers, body)
