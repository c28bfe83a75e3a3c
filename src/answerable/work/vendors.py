"""Vendors' notices: each is read at the vendor's as soon as it was announced, and again until it can be.

Law: a notice that cannot be read is not known, is said to somebody, and is never given up (L10, L17); its clocks run
from when it was announced, however long reading it takes (L3).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from answerable.app import Answerable
from answerable.app.vendors import Reported, take, unread, whose
from answerable.config import WebhookTable
from answerable.edge import parse_time
from answerable.errors import BadInput
from answerable.ports.unknown import NotKnown
from answerable.ports.vendor import VendorCases
from answerable.store.protocol import Claimed

UNREAD_AT = 9
"""The attempt, some nine minutes after the first, at which somebody is paged."""

_log = logging.getLogger("answerable.vendor")


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor as it is configured, and where its notices are read."""

    table: WebhookTable
    cases: VendorCases


def fetch(answerable: Answerable, claimed: Claimed, vendors: Mapping[str, Vendor]) -> bool:
    """Read one announced notice and take it; return whether that is done."""
    body = claimed.outgoing.body
    vendor = vendors.get(body["vendor"])
    announced = claimed.outgoing.not_before
    why = "it is configured no more" if vendor is None else _take(answerable, body, vendor, announced)
    if why is None:
        return True
    _log.warning("notice %s of %s is not known yet: %s", body["notice"], body["vendor"], why)
    if claimed.attempts == UNREAD_AT:
        unread(answerable.acts, vendor=body["vendor"], notice=body["notice"])
    return False


def _take(answerable: Answerable, body: Mapping[str, str], vendor: Vendor, announced: datetime) -> str | None:
    """Read a notice and take it; return why that cannot be, None where it is done."""
    found = vendor.cases.fetch(body["reference"])
    if isinstance(found, NotKnown):
        return found.reason
    came = Reported(
        vendor=body["vendor"],
        id=f"{body['kind']}:{body['reference']}",
        identifier=found.identifier,
        kind=body["kind"],
        reason=found.reason,
        at=parse_time(body["seen"]),
        since=announced,
    )
    try:
        account = whose(answerable.intake, vendor.table, came.identifier)
        with answerable.acts.store.batch():
            take(answerable.intake, vendor.table, came, account)
    except BadInput as error:
        return f"what it names is no account: {error}"
    return None
