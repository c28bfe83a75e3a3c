"""Exposure: what an account was served after somebody warned, summed from sealed blocks (R9, L18)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from answerable.core.cases import Case, Subject
from answerable.core.facts import ExposureSealed, Refused
from answerable.core.journal import Journal
from answerable.core.roster import Lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Exchanges asked, exchanges served, tokens served, and exchanges served looser than standing.

    Documents and mentions are those counted; in so many of the exchanges served nobody could count them.
    """

    exchanges: int = 0
    served: int = 0
    tokens: int = 0
    looser: int = 0
    documents: int = 0
    documents_not_known: int = 0
    mentions: int = 0
    mentions_not_known: int = 0

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            exchanges=self.exchanges + other.exchanges,
            served=self.served + other.served,
            tokens=self.tokens + other.tokens,
            looser=self.looser + other.looser,
            documents=self.documents + other.documents,
            documents_not_known=self.documents_not_known + other.documents_not_known,
            mentions=self.mentions + other.mentions,
            mentions_not_known=self.mentions_not_known + other.mentions_not_known,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A span for which the numbers are not whole; `until` is None while it goes on, `exchanges` where nobody knows."""

    since: datetime
    until: datetime | None
    exchanges: int | None
    reason: str


def first_notice_at(cases: Iterable[Case]) -> datetime | None:
    """Return when somebody first warned about a holder, or None."""
    return min((notice.at for case in cases for notice in case.notices.values()), default=None)


def seal(journal: Journal, block: ExposureSealed) -> Refused | None:
    """Record the root of a block of exchanges; blocks from several gates may overlap in time."""
    if block.exchanges <= 0 or block.served > block.exchanges or block.looser > block.served:
        return Refused("bad_input", "A block holds at least one exchange, and serves no more than it holds.")
    if block.until < block.since:
        return Refused("bad_input", "A block ends after it begins.")
    journal.write(block)
    return None


def of_block(block: ExposureSealed) -> Exposure:
    """Return what one block holds; before gates counted documents and mentions, none of it was counted."""
    documents, mentions = block.documents_not_known, block.mentions_not_known
    return Exposure(
        exchanges=block.exchanges,
        served=block.served,
        tokens=block.tokens,
        looser=block.looser,
        documents=block.documents,
        documents_not_known=block.served if documents is None else documents,
        mentions=block.mentions,
        mentions_not_known=block.served if mentions is None else mentions,
    )


def after(account: Subject, since: datetime) -> Exposure:
    """Sum the blocks of an account that lie after a moment; blocks are cut at every notice, so none straddles."""
    total = Exposure()
    for _, block in account.exposures:
        if block.since >= since:
            total += of_block(block)
    return total


def of_holder(accounts: Iterable[Subject], since: datetime) -> Exposure:
    """Sum what the accounts of a holder were served after a moment."""
    return sum((after(account, since) for account in accounts), Exposure())


def gaps(accounts: Iterable[Subject], lost: Iterable[Lost], since: datetime) -> list[Gap]:
    """Return every span after a moment for which the sum of an account, or of all, is not whole (L10, L18).

    A block of an account that was linked later may lie across the moment: it was cut at the notices known then.
    """
    found = [
        Gap(since=one.since, until=one.until, exchanges=None, reason="gate_lost")
        for one in lost
        if one.until is None or one.until > since
    ]
    for account in accounts:
        found += [
            Gap(since=one.since, until=one.until, exchanges=one.exchanges, reason=one.reason)
            for one in account.gaps
            if one.until >= since
        ]
        found += [
            Gap(since=block.since, until=block.until, exchanges=block.exchanges, reason="sealed_across")
            for _, block in account.exposures
            if block.since < since <= block.until
        ]
    return sorted(found, key=lambda gap: gap.since)
