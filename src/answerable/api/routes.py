"""The routes of the api, and the application that serves them; every route stands in docs/api.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from answerable.api import adopted, gates, health, helpdesk, ingest, orders, sources, staff, tenants, webhooks
from answerable.api.problems import respond
from answerable.api.state import Inlet
from answerable.errors import AnswerableError

CASE = "/v1/cases/{case}"

ROUTES = (
    Route("/v1/signals", ingest.post_signals, methods=["POST"]),
    Route("/v1/notices", ingest.post_notices, methods=["POST"]),
    Route("/v1/notices/{notice}/receipt", ingest.get_receipt, methods=["GET"]),
    Route("/v1/accounts", ingest.post_accounts, methods=["POST"]),
    Route("/v1/measures", adopted.post_measures, methods=["POST"]),
    Route("/v1/helpdesk/checks", helpdesk.post_checks, methods=["POST"]),
    Route("/v1/webhooks/{name}", webhooks.post_webhook, methods=["POST"]),
    Route("/v1/entitlements", ingest.post_entitlements, methods=["POST"]),
    Route("/v1/feed", gates.get_feed, methods=["GET"]),
    Route("/v1/exchanges", gates.post_exchanges, methods=["POST"]),
    Route("/v1/gaps", gates.post_gaps, methods=["POST"]),
    Route("/v1/confirmations", gates.post_confirmations, methods=["POST"]),
    Route("/v1/departures", gates.post_departures, methods=["POST"]),
    Route("/v1/cases", staff.get_cases, methods=["GET"]),
    Route(CASE, staff.get_case, methods=["GET"]),
    Route(f"{CASE}/views", staff.post_view, methods=["POST"]),
    Route(f"{CASE}/decisions", staff.post_decision, methods=["POST"]),
    Route(f"{CASE}/proposals", staff.post_proposal, methods=["POST"]),
    Route(f"{CASE}/countersignatures", staff.post_countersignature, methods=["POST"]),
    Route(f"{CASE}/redraws", staff.post_redraw, methods=["POST"]),
    Route(f"{CASE}/lifts", staff.post_lift, methods=["POST"]),
    Route(f"{CASE}/answers", staff.post_answer, methods=["POST"]),
    Route(f"{CASE}/replies", staff.post_reply, methods=["POST"]),
    Route(f"{CASE}/dissents", staff.post_dissent, methods=["POST"]),
    Route(f"{CASE}/overrides", staff.post_override, methods=["POST"]),
    Route(f"{CASE}/acts", staff.post_act, methods=["POST"]),
    Route(f"{CASE}/confirmations", staff.post_confirmation, methods=["POST"]),
    Route(f"{CASE}/upholdings", staff.post_upholding, methods=["POST"]),
    Route(f"{CASE}/closures", staff.post_closure, methods=["POST"]),
    Route(f"{CASE}/withdrawals", staff.post_withdrawal, methods=["POST"]),
    Route("/v1/events", orders.post_events, methods=["POST"]),
    Route("/v1/orders", orders.post_orders, methods=["POST"]),
    Route(f"{CASE}/events", orders.post_case_event, methods=["POST"]),
    Route(f"{CASE}/events/{{event}}/verifications", orders.post_event_verification, methods=["POST"]),
    Route(f"{CASE}/orders/{{order}}/verifications", orders.post_order_verification, methods=["POST"]),
    Route(f"{CASE}/orders/{{order}}/endings", orders.post_ending, methods=["POST"]),
    Route(f"{CASE}/attempt-notices", orders.post_attempt_notices, methods=["POST"]),
    Route(f"{CASE}/orders/{{order}}/proofs", orders.post_proof, methods=["POST"]),
    Route(f"{CASE}/orders/{{order}}/proof", orders.get_proof, methods=["GET"]),
    Route("/v1/links", staff.get_links, methods=["GET"]),
    Route("/v1/links/{link}/confirmations", staff.post_link_confirmation, methods=["POST"]),
    Route("/v1/tenant/references", tenants.get_references, methods=["GET"]),
    Route("/v1/tenant/references/{reference}/receipts", tenants.post_receipt, methods=["POST"]),
    Route("/v1/tenant/references/{reference}/answers", tenants.post_answer, methods=["POST"]),
    Route("/v1/sources", sources.get_sources, methods=["GET"]),
    Route("/v1/sources/{source}/confirmations", sources.post_confirmation, methods=["POST"]),
    Route("/v1/recalls", sources.post_recall, methods=["POST"]),
    Route("/v1/recalls/{recall}/signatures", sources.post_signature, methods=["POST"]),
    Route("/v1/recalls/{recall}/releases", sources.post_release, methods=["POST"]),
    Route("/v1/health", health.get_health, methods=["GET"]),
    Route("/v1/checkpoint", health.get_checkpoint, methods=["GET"]),
)


def build(inlet: Inlet) -> Starlette:
    """Return the api over one record; it starts and ends the writer with itself."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        inlet.writer.start()
        pulse = asyncio.create_task(inlet.pulse.follow(inlet.reading))
        try:
            yield
        finally:
            pulse.cancel()
            with suppress(asyncio.CancelledError):
                await pulse
            await asyncio.to_thread(inlet.writer.close)
            inlet.close()

    errors = {AnswerableError: respond, HTTPException: respond, Exception: respond}
    app = Starlette(routes=list(ROUTES), lifespan=lifespan, exception_handlers=errors)
    app.state.inlet = inlet
    return app
