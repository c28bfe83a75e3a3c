"""The application: one method per verb, each one act on the record."""

from answerable.app.acts import Acts
from answerable.app.files import CaseFile
from answerable.app.incoming import AccountIn, NoticeIn, SignalIn, Taken
from answerable.app.intake import Asked, Intake
from answerable.app.reading import GateRules, Health, Reading
from answerable.app.verbs import Answerable, MeasureIn, ProposalIn
from answerable.store.protocol import CaseRow, Exchange
from answerable.vault.identifiers import Identifier, IdentifierKind

__all__ = [
    "AccountIn",
    "Acts",
    "Answerable",
    "Asked",
    "CaseFile",
    "CaseRow",
    "Exchange",
    "GateRules",
    "Health",
    "Identifier",
    "IdentifierKind",
    "Intake",
    "MeasureIn",
    "NoticeIn",
    "ProposalIn",
    "Reading",
    "SignalIn",
    "Taken",
]
