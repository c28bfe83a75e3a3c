"""Contact: how old the gate's picture of the store is.

Law (L1): a gate without contact within its lease is not in force; a heartbeat that was long on its way is no contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """Heartbeats of one connection: the monotonic second at which the newest, arriving at its fastest, left the store.

    `since` is the store's time at the first heartbeat, `offset` the monotonic second which that time corresponds to.
    """

    since: datetime
    offset: float
    at: float


def heard(contact: Contact | None, store_now: datetime, monotonic: float) -> Contact:
    """Take in a heartbeat; its delay beyond the fastest one of this connection is counted as silence."""
    if contact is None:
        return Contact(store_now, monotonic, monotonic)
    elapsed = (store_now - contact.since).total_seconds()
    offset = min(contact.offset, monotonic - elapsed)
    return Contact(contact.since, offset, max(contact.at, offset + elapsed))
