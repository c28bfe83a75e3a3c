"""The contract between Answerable and the operator's own systems, as it stands on the wire (docs/ports.md).

Law: every answer says what it is by its `result`; one that says anything else, or less, is no answer (L10).
"""

from typing import Literal

from msgspec import Struct

from answerable.vault.identifiers import IdentifierKind

RESOLVE = "/accounts/resolve"
MESSAGES = "/history/messages"
HOLD, RELEASE = "/holds", "/holds/release"
PLAN = "/entitlements"

JSON, NDJSON = "application/json", "application/x-ndjson"
QUESTION_BYTES_MAX = 64 * 1024
ANSWER_BYTES_MAX = 1024 * 1024
PAGE_BYTES_MAX = 33 * 1024 * 1024
"""A page of a history: one message of the longest there can be, or a thousand usual ones."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One document; a key that nobody here reads may have said that the rest is not the whole."""


class Named(Part, frozen=True, kw_only=True):
    """An identifier as somebody wrote it."""

    kind: IdentifierKind
    value: str


class WhoseAccount(Part, frozen=True, kw_only=True):
    """Asks whose account the identifiers belong to."""

    identifiers: tuple[Named, ...]


class Accounts(Part, frozen=True, kw_only=True):
    """Answers it: one account, several of which a person has to choose, none at all, or not known."""

    result: Literal["one", "several", "none", "not_known"]
    accounts: tuple[str, ...] = ()
    reason: str = ""


class WhichMessages(Part, frozen=True, kw_only=True):
    """Asks for a page of an account's messages; `after` is what the page before gave as `next`."""

    account: str
    since: str | None = None
    after: str | None = None


class PageEnd(Part, frozen=True, kw_only=True):
    """The last line of a page; a page without it was cut. `complete` is false where anything is missing in it."""

    end: Literal["page"]
    next: str | None
    complete: bool
    reason: str = ""


class NoMessages(Part, frozen=True, kw_only=True):
    """Answers instead of a page: it is not known what the account wrote."""

    result: Literal["not_known"]
    reason: str = ""


class WhichHold(Part, frozen=True, kw_only=True):
    """Orders an account's data to be kept, or says that this one hold has lapsed."""

    account: str
    hold: str


class HoldKept(Part, frozen=True, kw_only=True):
    """Answers it; `hold` is the one that was asked about, `reference` the operator's own word for it."""

    result: Literal["kept", "released", "not_known"]
    hold: str = ""
    reference: str = ""
    reason: str = ""


class WhichPlan(Part, frozen=True, kw_only=True):
    """Asks what an account may use now."""

    account: str


class PlanKnown(Part, frozen=True, kw_only=True):
    """Answers it, whole or not at all."""

    result: Literal["known", "not_known"]
    plan: str | None = None
    models: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    reason: str = ""
