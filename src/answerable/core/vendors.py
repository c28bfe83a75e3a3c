"""Notices of model vendors of which only a reference came: kept at once, read as soon as they can be (L10, L17)."""

from __future__ import annotations

from datetime import datetime

from answerable.core.facts import VendorNoticed, VendorNoticeUnread
from answerable.core.journal import Journal


def announce(journal: Journal, *, vendor: str, reference: str, kind: str, seen: datetime) -> str:
    """Record that a vendor announced a notice; return its token. What it says is not known until it has been read."""
    notice = journal.mint.token("vn")
    journal.write(VendorNoticed(vendor=vendor, notice=notice, reference=reference, kind=kind, seen=seen))
    return notice


def unread(journal: Journal, *, vendor: str, notice: str) -> None:
    """Record that a notice could not be read for long; somebody is paged, and it is asked for all the same."""
    journal.write(VendorNoticeUnread(vendor=vendor, notice=notice))
