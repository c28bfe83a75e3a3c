"""Exposure: what an account was served after somebody warned, summed from sealed blocks (R9, L18)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from answerable.core import orders
from answerable.core.cases import Case, Subject
from answerable.core.facts import ExposureSealed, Refused
from answerable.core.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Exchanges asked, exchanges served, tokens served, and exchanges served looser than standing."""

    exchanges: int = 0
    served: int = 0
    tokens: int = 0
    looser: int = 0

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            exchanges=self.exchanges + other.exchanges,
            served=self.served + other.served,
            tokens=self.tokens + other.tokens,
            looser=self.looser + other.looser,
        )


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
    orders.attempted(journal, block)
    return None


def after(account: Subject, since: datetime) -> Exposure:
    """Sum the blocks of an account that lie after a moment; blocks are cut at every notice, so none straddles."""
    total = Exposure()
    for _, block in account.exposures:
        if block.since >= since:
            total += Exposure(
                exchanges=block.exchanges, served=block.served, tokens=block.tokens, looser=block.looser
            )
    return total
