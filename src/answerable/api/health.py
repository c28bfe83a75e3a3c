"""Health: whether time is being written down, the record is being signed, and the gates are in force.

Law: a gate without contact beyond its lease is shown as NOT IN FORCE (L1); nothing here is about a person.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from answerable.api.bodies import JSON
from answerable.api.state import Inlet, inlet
from answerable.app import Health
from answerable.edge import parse_time, rfc3339
from answerable.errors import BadInput, NotFound
from answerable.work.checking import LastCheck, last_check

WORK_SILENT_S = 30.0
CHECK_SILENT_S = 24 * 3600.0
SEAL_LAG_MAX = 10_000


async def get_health(request: Request) -> Response:
    """Tell how the record stands; 503 where somebody should look."""
    found = inlet(request)
    health = await found.read(lambda reading: reading.health())
    beat, check = await found.ask(lambda _: (last_beat(found.beat), last_check(found.beat.parent)))
    report = _report(found, health, beat, check)
    return Response(msgspec.json.encode(report), status_code=200 if report["ok"] else 503, media_type=JSON)


async def get_checkpoint(request: Request) -> Response:
    """Return the newest signed checkpoint, as a note; anybody may keep it and hold the record to it."""
    newest = await inlet(request).read(lambda reading: reading.checkpoint())
    if newest is None:
        raise NotFound("there is no checkpoint yet")
    return Response(newest.note, media_type="text/plain; charset=utf-8")


def last_beat(path: Path) -> datetime | None:
    """Return when `work` last completed a sweep, None where it never said so."""
    try:
        return parse_time(path.read_text("ascii").strip())
    except (OSError, UnicodeDecodeError, BadInput):
        return None


def _report(found: Inlet, health: Health, beat: datetime | None, check: LastCheck | None) -> dict[str, Any]:
    policy, adoption = found.pulse.policy, found.pulse.adoption
    lease = float(policy.lease_s if policy else found.config.gate.lease_s)
    ages = found.gates.ages(found.clock.monotonic())
    silent = None if beat is None else (health.now - beat).total_seconds()
    reasons = []
    if silent is None or silent > WORK_SILENT_S:
        reasons.append("work_silent")
    if health.is_overdue:
        reasons.append("overdue")
    if check is not None and check.verdict == "FAILED":
        reasons.append("record_altered")
    if check is not None and (health.now - check.at).total_seconds() > CHECK_SILENT_S:
        reasons.append("not_checked")
    if health.size - health.sealed > SEAL_LAG_MAX or (health.size and not health.sealed):
        reasons.append("not_sealed")
    not_in_force = [name for name, age in ages.items() if age > lease]
    if not_in_force:
        reasons.append("not_in_force")
    return {
        "ok": not reasons,
        "reasons": reasons,
        "now": rfc3339(health.now),
        # No reason to turn away from this server: what was signed goes on.
        "policy": {"in_force": adoption.in_force, "waiting": adoption.waiting} if adoption else None,
        "work": {"swept_at": rfc3339(beat) if beat else None},
        "check": {"at": rfc3339(check.at), "verdict": check.verdict} if check else None,
        "checkpoint": {"size": health.sealed, "behind": health.size - health.sealed},
        "gates": [{"gate": name, "silent_s": round(age, 1), "in_force": age <= lease} for name, age in ages.items()],
        "not_in_force": not_in_force,
    }
