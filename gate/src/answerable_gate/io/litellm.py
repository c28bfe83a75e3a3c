"""A guardrail in the process of LiteLLM's proxy: judged before the model is asked, cut while it answers, recorded.

Laws: every hook asks the gate that this process holds, and no network; what LiteLLM starts without would not be there.
"""
# ruff: noqa: ARG002 - LiteLLM hands everything over by name

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from answerable_gate.carrying import ALL, LITELLM_INSIDE, Carried, closes, uncarried
from answerable_gate.io.answers import DOUBTFUL, RETRY_AFTER_S, Answer, not_here, refusal, withheld
from answerable_gate.io.chats import CHAT, MESSAGES, RESPONSES, Talk, carry, tools_of, withheld_in
from answerable_gate.io.client import Settings
from answerable_gate.io.loop import AsyncGateClient
from answerable_gate.io.said import count
from answerable_gate.io.under_way import UnderWay
from answerable_gate.judge import Verdict

try:  # installed in an environment of its own alone
    from litellm.exceptions import GuardrailRaisedException  # type: ignore[import-not-found]
    from litellm.integrations.custom_guardrail import CustomGuardrail  # type: ignore[import-not-found]
except ImportError as error:
    raise ImportError("this guardrail runs in LiteLLM's proxy: pip install 'answerable-gate[litellm]' there") from error

MODES = frozenset(("pre_call", "post_call"))
_TALKS = {
    **dict.fromkeys(("completion", "acompletion"), CHAT),
    **dict.fromkeys(("responses", "aresponses"), RESPONSES),
    **dict.fromkeys(("anthropic_messages", "aanthropic_messages"), MESSAGES),
}
_JUDGED_ONLY = ("moderation", "amoderation")


class Refused(GuardrailRaisedException):  # type: ignore[misc]
    """What LiteLLM tells its client: status, code and words of the gateway."""

    def __init__(self, answer: Answer) -> None:
        """Take what is to be said."""
        super().__init__(message=answer.message, should_wrap_with_default_message=False, status_code=answer.status)
        self.code, self.type, self.param = answer.code, answer.kind, answer.param
        self.headers = {"retry-after": str(RETRY_AFTER_S)} if answer.status == 503 else {}


class AnswerableGuardrail(CustomGuardrail):  # type: ignore[misc]
    """Named in LiteLLM's configuration as `answerable_gate.io.litellm.AnswerableGuardrail`; reads its environment."""

    def __init__(
        self,
        *,
        identity_header: str = "x-answerable-user",
        conversation_header: str = "x-answerable-conversation",
        trust_body: bool = True,
        **given: object,
    ) -> None:
        """Build it; `given` is LiteLLM's own. Raise RuntimeError, because on a ValueError LiteLLM starts without it."""
        super().__init__(**given)
        modes = given.get("event_hook")
        if given.get("default_on") is not True or set(modes if isinstance(modes, list) else [str(modes)]) != MODES:
            raise RuntimeError("this guardrail needs `default_on: true` and `mode: [pre_call, post_call]`")
        try:
            settings = Settings.from_environment(os.environ)
            self._client = AsyncGateClient(settings, carries=ALL)  # each hook knows better
        except (KeyError, ValueError) as error:
            raise RuntimeError(f"the settings of the gate in the environment: {error!r}") from error
        self._identity, self._conversation = identity_header.lower(), conversation_header.lower()
        self._trusts_body = trust_body
        self._under_way = UnderWay(settings.clocks.monotonic)
        self._living: asyncio.Task[None] | None = None
        with suppress(RuntimeError):  # else with the first request
            self._begin()

    # --- what LiteLLM calls

    async def async_pre_call_hook(
        self, user_api_key_dict: object, cache: object, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Judge, and change the request as the verdict asks; raise Refused."""
        self._begin()
        named, talk = _headers(data), _TALKS.get(call_type)
        user, model = self._user(named, user_api_key_dict), data.get("model")
        tools = tools_of(talk, data) if talk is not None else None
        verdict = self._client.check(user=user, model=model, tools=tools)
        conversation, carries = named.get(self._conversation), _carries(call_type)
        said = _said(verdict, talk or CHAT, data, carries)
        if said is not None:
            refused = verdict._replace(answer="refuse")
            self._client.record(refused, user=user, model=model, conversation=conversation)
            raise Refused(said)
        if missing := uncarried(verdict, carries):
            told = {"not_carried": missing, "reference": verdict.reason_ref}
            self._client.report("not_in_force", {"route": call_type, **told})
        if talk is not None and verdict.answer == "limit":
            carry(talk, data, verdict, self._client.policy, named.get("accept-language", ""))
        exchange = self._client.exchange(user=user, model=model, tools=tools, conversation=conversation)
        self._under_way.enter(_call(data), exchange)
        return data

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: object, response: object
    ) -> object:
        """Hand over a whole answer, unless a measure has arrived since; raise Refused."""
        exchange = self._under_way.leave(_call(data))
        if exchange is not None:
            with exchange:
                if not exchange.look():
                    raise Refused(refusal(exchange.ended or exchange.verdict))
                count(exchange, response)
        return response

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: object, response: AsyncIterable[object], request_data: dict[str, Any]
    ) -> AsyncIterator[object]:
        """Hand over a stream piece by piece, until its end or a measure; raise Refused."""
        exchange = self._under_way.leave(_call(request_data))
        if exchange is None:
            async for piece in response:
                yield piece
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        exchange.on_end = lambda: None if ended.done() else ended.set_result(None)
        pieces = aiter(response)
        with exchange:
            while exchange.look():
                piece = await _next(pieces, ended)
                if ended.done():
                    break
                if piece is _END:
                    return
                count(exchange, piece)
                yield piece
            raise Refused(refusal(exchange.ended or exchange.verdict))

    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception, user_api_key_dict: object, **_: object
    ) -> None:
        """End an exchange that the model, or somebody else's guardrail, did not let be."""
        exchange = self._under_way.leave(_call(request_data))
        if exchange is not None:
            exchange.close(complete=False)

    def _user(self, named: Mapping[str, str], key: object) -> str | None:
        # A comma is how a front server joins a header that its client sent with its own (RFC 9110 section 5.3).
        if "," in (user := named.get(self._identity, "").strip()):
            raise Refused(DOUBTFUL)
        told = getattr(key, "end_user_id", None) if self._trusts_body else None
        return user or told or None

    # --- beside

    def _begin(self) -> None:
        if self._living is None:
            living = self._live()
            try:
                self._living = asyncio.get_running_loop().create_task(living)
            except RuntimeError:
                living.close()
                raise

    async def _live(self) -> None:
        """Follow the feed until the loop ends, and tell what waits."""
        async with self._client:
            try:
                await asyncio.Event().wait()
            finally:
                self._under_way.end()


_END = object()


async def _next(pieces: AsyncIterator[object], ended: asyncio.Future[None]) -> object:
    """Give the next piece, or `_END`; once `ended` is done, the wait for the model is given up."""
    turn = asyncio.ensure_future(anext(pieces, _END))
    try:
        await asyncio.wait((turn, ended), return_when=asyncio.FIRST_COMPLETED)
        return turn.result() if turn.done() else _END
    finally:
        if not turn.done():
            turn.cancel()
            await asyncio.wait((turn,))


def _carries(call_type: str) -> frozenset[Carried]:
    if call_type in _TALKS:
        return LITELLM_INSIDE.carries
    return ALL if call_type in _JUDGED_ONLY else LITELLM_INSIDE.elsewhere or frozenset()


def _said(verdict: Verdict, talk: Talk, data: Mapping[str, Any], carries: frozenset[Carried]) -> Answer | None:
    if verdict.answer == "refuse":
        return refusal(verdict)
    if closes(verdict, carries):
        return not_here(verdict)
    part = withheld_in(talk, data, verdict)
    return None if part is None else withheld(verdict, part)


def _headers(data: Mapping[str, Any]) -> dict[str, str]:
    request = data.get("proxy_server_request")
    headers = request.get("headers") if isinstance(request, Mapping) else None
    return {str(key).lower(): str(value) for key, value in (headers or {}).items()}


def _call(data: Mapping[str, Any]) -> str:
    return str(data.get("litellm_call_id"))
