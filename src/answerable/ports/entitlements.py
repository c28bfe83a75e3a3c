"""The port to what an account may use: plan, models, tools.

Law: what is not known is never read as "nothing paid": the gate freezes only what was really told (L10).
"""

from dataclasses import dataclass
from typing import Protocol

from answerable.ports.unknown import NotKnown


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an account may use at this moment; models and tools are sorted."""

    plan: str
    models: tuple[str, ...]
    tools: tuple[str, ...]


class Entitlements(Protocol):
    """The operator's billing, as far as it decides what is served."""

    def of(self, account: str) -> Plan | NotKnown:
        """Return what the account may use now."""
