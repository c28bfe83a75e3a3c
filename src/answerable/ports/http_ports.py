"""The ports over HTTP: the operator's own directory, history, stores and billing (docs/ports.md).

Law: what is not answered whole and in the contract's form is not known, and a history that stops early is cut (L10).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

from answerable.edge import rfc3339
from answerable.ports import http_contract as wire
from answerable.ports.directory import NoAccount, OneAccount, Resolution, SeveralAccounts
from answerable.ports.entitlements import Plan
from answerable.ports.folder import read_message
from answerable.ports.history import HistoryCut, Message
from answerable.ports.http_client import Asker
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier

PAGES_MAX = 10_000
PAGE_S, HISTORY_S = 60.0, 540.0
"""Within the ten minutes after which a look-back ends by itself."""
NOT_OF_THE_CONTRACT = NotKnown("its answer is not of the contract")

T = TypeVar("T")


class HttpPorts:
    """The operator's systems behind one address, as Directory, History, Preserve and Entitlements."""

    def __init__(self, asker: Asker) -> None:
        """Take whoever puts the questions."""
        self._asker = asker

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolution:
        """Return whose account the identifiers belong to."""
        named = tuple(wire.Named(kind=one.kind, value=one.raw) for one in identifiers)
        found = self._ask(wire.RESOLVE, wire.WhoseAccount(identifiers=named), wire.Accounts)
        if isinstance(found, NotKnown):
            return found
        accounts = tuple(dict.fromkeys(found.accounts))
        match found.result:
            case "one" if len(accounts) == 1:
                return OneAccount(accounts[0])
            case "several" if accounts:
                return SeveralAccounts(accounts)
            case "none" if not accounts:
                return NoAccount()
            case "not_known":
                return NotKnown(found.reason)
        return NOT_OF_THE_CONTRACT

    def of(self, account: str) -> Plan | NotKnown:
        """Return what the account may use now."""
        found = self._ask(wire.PLAN, wire.WhichPlan(account=account), wire.PlanKnown)
        if isinstance(found, NotKnown):
            return found
        if found.result == "not_known":
            return NotKnown(found.reason)
        if found.plan is None or found.models is None or found.tools is None:
            return NOT_OF_THE_CONTRACT
        return Plan(plan=found.plan, models=tuple(sorted(found.models)), tools=tuple(sorted(found.tools)))

    def hold(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Order the account's data to be kept."""
        return self._held(wire.HOLD, account, hold, "kept")

    def release(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Say that this hold has lapsed."""
        return self._held(wire.RELEASE, account, hold, "released")

    def _held(self, path: str, account: str, hold: str, result: str) -> Confirmation | NotKnown:
        found = self._ask(path, wire.WhichHold(account=account, hold=hold), wire.HoldKept)
        if isinstance(found, NotKnown):
            return found
        if found.result == "not_known":
            return NotKnown(found.reason)
        # Whoever confirms another hold than this one has confirmed none.
        if found.result != result or found.hold != hold or not found.reference:
            return NOT_OF_THE_CONTRACT
        return Confirmation(account=account, hold=hold, reference=found.reference)

    def fetch(self, account: str, *, since: datetime | None = None) -> Iterator[Message] | NotKnown:
        """Return the account's messages, asked for page by page as they are read."""
        asked = wire.WhichMessages(account=account, since=None if since is None else rfc3339(since))
        first = self._page(asked)
        return first if isinstance(first, NotKnown) else self._messages(asked, first)

    def _messages(self, asked: wire.WhichMessages, page: "_Page") -> Iterator[Message]:
        lost, seen, until = "", set[str](), self._asker.clock.monotonic() + HISTORY_S
        for _ in range(PAGES_MAX):
            for line in page.lines:
                message = read_message(line, asked.account)
                if message is None:
                    lost = "messages that are not of the contract"
                else:
                    yield message
            if page.end is None:
                raise HistoryCut("a page of the history has no end")
            lost = lost if page.end.complete else page.end.reason or "the operator's systems say so"
            after = page.end.next
            if after is None:
                break
            if after in seen:
                raise HistoryCut("the history goes in a circle")
            if self._asker.clock.monotonic() > until:
                raise HistoryCut(f"the history could not be read in {HISTORY_S:.0f} s")
            seen.add(after)
            following = self._page(msgspec.structs.replace(asked, after=after))
            if isinstance(following, NotKnown):
                raise HistoryCut(f"the history breaks off: {following.reason}")
            page = following
        else:
            raise HistoryCut(f"the history has more than {PAGES_MAX} pages")
        if lost:
            raise HistoryCut(f"the history is not whole: {lost}")

    def _page(self, asked: wire.WhichMessages) -> "_Page | NotKnown":
        question = _written(asked)
        if question is None:
            return NOT_OF_THE_CONTRACT
        found = self._asker.ask(wire.MESSAGES, question, bytes_max=wire.PAGE_BYTES_MAX, timeout_s=PAGE_S)
        if isinstance(found, NotKnown):
            return found
        if found.media_type == wire.NDJSON:
            *lines, last = [line for line in found.body.split(b"\n") if line.strip()] or [b""]
            end = _read(last, wire.PageEnd)
            return _Page(lines if end is not None else [*lines, last], end)
        told = _read(found.body, wire.NoMessages)
        return NotKnown(told.reason) if told is not None else NOT_OF_THE_CONTRACT

    def _ask(self, path: str, question: wire.Part, kind: type[T]) -> T | NotKnown:
        written = _written(question)
        if written is None:
            return NOT_OF_THE_CONTRACT
        found = self._asker.ask(path, written, bytes_max=wire.ANSWER_BYTES_MAX)
        if isinstance(found, NotKnown):
            return found
        read = _read(found.body, kind) if found.media_type == wire.JSON else None
        return NOT_OF_THE_CONTRACT if read is None else read


class _Page(msgspec.Struct, frozen=True):
    """A page of a history: its lines, and its last one where it has an end."""

    lines: list[bytes]
    end: wire.PageEnd | None


def _written(question: wire.Part) -> bytes | None:
    """Return a question as bytes; None for an account that no JSON can name."""
    try:
        return msgspec.json.encode(question)
    except UnicodeEncodeError:
        return None


def _read(body: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
