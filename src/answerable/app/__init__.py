"""The application: one method per verb, each one act on the record."""

from answerable.app.acts import Acts
from answerable.app.files import CaseFile
from answerable.app.genesis import Adoption
from answerable.app.helpdesk import DeskIn
from answerable.app.incoming import AccountIn, AccountState, NoticeIn, SignalIn, StateIn, Taken
from answerable.app.intake import PLAN_BYTES_MAX, Asked, Intake, plan_bytes
from answerable.app.ordering import CallIn, EventIn, OrderIn, Ordering
from answerable.app.reading import GateRules, Health, Reading
from answerable.app.vendors import Announced, Reported
from answerable.app.vendors import read as read_event
from answerable.app.verbs import Answerable, MeasureIn, ProposalIn
from answerable.store.protocol import CaseRow, Exchange
from answerable.vault.identifiers import Identifier, IdentifierKind

__all__ = [
    "PLAN_BYTES_MAX",
    "AccountIn",
    "AccountState",
    "Acts",
    "Adoption",
    "Announced",
    "Answerable",
    "Asked",
    "CallIn",
    "CaseFile",
    "CaseRow",
    "DeskIn",
    "EventIn",
    "Exchange",
    "GateRules",
    "Health",
    "Identifier",
    "IdentifierKind",
    "Intake",
    "MeasureIn",
    "NoticeIn",
    "OrderIn",
    "Ordering",
    "ProposalIn",
    "Reading",
    "Reported",
    "SignalIn",
    "StateIn",
    "Taken",
    "plan_bytes",
    "read_event",
]
