"""A house in memory for the parts of work: the real application on the executable specification of the stores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from answerable.app import Acts, Answerable, Identifier, IdentifierKind, Intake, NoticeIn, SignalIn, Taken
from answerable.app.genesis import Person, adopt, establish
from answerable.app.identifying import Index
from answerable.core.facts import Hazard, Role, StaffId
from answerable.edge import ManualClock, SeededMint
from answerable.ports.signer import LocalSigner, create_signing_key
from answerable.store.memory import MemoryStore
from answerable.store.protocol import Store
from answerable.vault.keys import make_keyring

ORIGIN = "record/test"
START = datetime(2026, 4, 30, 12, 0, tzinfo=UTC)


@dataclass
class InMemory:
    """The verbs over a store in memory, and the clock that the test moves."""

    answerable: Answerable
    store: Store
    clock: ManualClock

    def adopt(self, text: str) -> None:
        """Bring another policy into force."""
        assert adopt(self.answerable.acts, policy=text, signers=SIGNERS) is None

    def flag(self, key: str, user: str = "user-7", **more: Any) -> Taken:
        """Raise a flag."""
        return self.answerable.raise_signal(replace(a_flag(key, user), **more))

    def warn(self, key: str, user: str = "user-7", **more: Any) -> Taken:
        """Give notice."""
        return self.answerable.receive_notice(replace(a_notice(key, user), **more))


STAFF = [
    Person(id="lead-1", name="L", role=Role.LEAD, duty=True, superior=None),
    Person(id="partner-1", name="P", role=Role.PARTNER, duty=False, superior=None),
]
SIGNERS = (StaffId("lead-1"), StaffId("partner-1"))


def in_memory(folder: Path, store: Store | None = None) -> InMemory:
    """Return a house with two people and the shipped policy."""
    mint, clock = SeededMint(7), ManualClock(START)
    store = store or MemoryStore(origin=ORIGIN)
    keyring = make_keyring(mint)
    acts = Acts(store=store, keyring=keyring, clock=clock, mint=mint)
    index = Index(keyring=keyring)
    establish(acts, index, staff=STAFF, policy=policy(), signers=SIGNERS)
    create_signing_key(folder / "log.json", ORIGIN, mint=mint)
    answerable = Answerable(
        acts, Intake(acts, index, directory=None, entitlements=None), LocalSigner(folder / "log.json")
    )
    return InMemory(answerable, store, clock)


def policy() -> str:
    """Return a shipped policy."""
    return (resources.files("answerable.blobs") / "policies" / "startup.toml").read_text("utf-8")


def a_flag(key: str, user: str = "user-7") -> SignalIn:
    """Return a flag."""
    return SignalIn(id=key, source="c", model="m", version="1", label="x", hazard=Hazard.THREAT, user=user)


def a_notice(key: str, user: str = "user-7") -> NoticeIn:
    """Return a notice by the person at risk."""
    return NoticeIn(
        id=key,
        source="desk",
        text="He follows me.",
        subject=(Identifier(IdentifierKind.ACCOUNT, user),),
        person=(Identifier(IdentifierKind.EMAIL, "mara@example.org"),),
        reporter_is_person=True,
        hazard=Hazard.STALKING,
    )
