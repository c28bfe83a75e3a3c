"""Health: whether time is being written down, the record is being signed, and the gates are in force.

Law: a gate without contact beyond its lease is shown as NOT IN FORCE (L1); nothing here is about a person.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api.bodies import JSON
from answerable.api.state import Inlet, inlet
from answerable.app import Health
from answerable.edge import rfc3339
from answerable.errors import NotFound
from answerable.work import signs as life
from answerable.work.signs import FORGOTTEN_AFTER, Signs

WORK_SILENT_S = 30.0
CHECK_SILENT_S = 24 * 3600.0
SEAL_LAG_MAX = 10_000
UNSEALED_S_MAX = 30.0


async def get_health(request: Request) -> Response:
    """Tell how the record stands; 503 where somebody should look."""
    found = inlet(request)
    health = await found.read(lambda reading: reading.health())
    signs = await found.ask(lambda answerable: life.read(answerable.acts.store, now=health.now))
    report = _report(found, health, signs)
    return Response(msgspec.json.encode(report), status_code=200 if report["ok"] else 503, media_type=JSON)


async def get_checkpoint(request: Request) -> Response:
    """Return the newest signed checkpoint, as a note; anybody may keep it and hold the record to it."""
    newest = await inlet(request).read(lambda reading: reading.checkpoint())
    if newest is None:
        raise NotFound("there is no checkpoint yet")
    return Response(newest.note, media_type="text/plain; charset=utf-8")


def _report(found: Inlet, health: Health, signs: Signs) -> dict[str, Any]:
    policy, adoption = found.pulse.policy, found.pulse.adoption
    lease_s = float(policy.lease_s if policy else found.config.gate.lease_s)
    # What this process hears is newer here than what it has written down.
    heard = found.gates.beats(health.now, found.clock.monotonic(), within_s=FORGOTTEN_AFTER.total_seconds())
    seen = life.gates((*signs.gates, *heard), now=health.now, lease_s=lease_s)
    reasons = [*_reasons(health, signs), *(["not_in_force"] if not all(gate.in_force for gate in seen) else [])]
    return {
        "ok": not reasons,
        "reasons": reasons,
        "now": rfc3339(health.now),
        # No reason to turn away from this server: what was signed goes on.
        "policy": {"in_force": adoption.in_force, "waiting": adoption.waiting} if adoption else None,
        "work": {"swept_at": rfc3339(signs.swept_at) if signs.swept_at else None},
        "check": {"at": rfc3339(signs.check.at), "verdict": signs.check.verdict} if signs.check else None,
        "checkpoint": {"size": health.sealed, "behind": health.size - health.sealed},
        "gates": [
            {"gate": gate.name, "silent_s": round(gate.silent_s, 1), "in_force": gate.in_force} for gate in seen
        ],
        "not_in_force": [gate.name for gate in seen if not gate.in_force],
        "processes": [
            {
                "process": one.name,
                "roles": list(one.roles),
                "version": one.version,
                "since": rfc3339(one.since),
                "silent_s": round(one.silent_s, 1),
            }
            for one in signs.processes
        ],
    }


def _reasons(health: Health, signs: Signs) -> list[str]:
    """Return why somebody should look, gates aside."""
    silent = None if signs.swept_at is None else (health.now - signs.swept_at).total_seconds()
    unsealed_s = 0.0 if health.unsealed_since is None else (health.now - health.unsealed_since).total_seconds()
    check = signs.check
    found = {
        "work_silent": silent is None or silent > WORK_SILENT_S,
        "overdue": health.is_overdue,
        "record_altered": check is not None and check.verdict == "FAILED",
        "not_checked": check is not None and (health.now - check.at).total_seconds() > CHECK_SILENT_S,
        "not_sealed": health.size - health.sealed > SEAL_LAG_MAX or unsealed_s > UNSEALED_S_MAX,
    }
    return [reason for reason, is_so in found.items() if is_so]
