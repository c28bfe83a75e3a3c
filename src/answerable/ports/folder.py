"""The stand-in for the operator's systems: one folder that serves accounts, histories, plans and holds.

Law: what the folder cannot read it reports as not known, and no file name carries an account (L10, L11).
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from answerable.edge import parse_time, rfc3339
from answerable.errors import BadInput
from answerable.ports.directory import NoAccount, OneAccount, Resolution, SeveralAccounts
from answerable.ports.entitlements import Plan
from answerable.ports.history import HistoryCut, Message, MessageKind, Speaker
from answerable.ports.lines import append_lines, read_lines
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier, IdentifierKind, normalise

ACCOUNTS = "accounts.jsonl"
IMPORTS = "imports.jsonl"
HOLDS = "holds.jsonl"
HISTORY = "history"
_NAME_LETTERS = 40


class AccountLine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of accounts.jsonl; models and tools are None where the operator did not say."""

    account: str
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    plan: str | None = None
    models: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None


class ImportLine(msgspec.Struct, kw_only=True):
    """One line of imports.jsonl: what an import brought in; the last line of a source and account is what holds.

    `account` is None where the source holds several accounts and a lost line may have been anybody's.
    """

    source: str
    account: str | None
    complete: bool


class MessageLine(msgspec.Struct, kw_only=True):
    """One line of history/<hash of the account>.jsonl."""

    account: str
    conversation: str
    id: str
    role: Speaker
    kind: MessageKind
    at: str
    text: str


class Folder:
    """A folder that answers as Directory, History, Entitlements and Preserve."""

    def __init__(self, path: Path, *, region: str | None = None) -> None:
        """Take the folder and the region (two letters) that completes telephone numbers without a country."""
        self.path = path
        self._region = region
        self._accounts_file = path / ACCOUNTS
        self._last: tuple[object, dict[str, AccountLine]] = None, {}

    def resolve(self, identifiers: Sequence[Identifier]) -> Resolution:
        """Return whose account the identifiers belong to, reading all of accounts.jsonl."""
        wanted = {key for identifier in identifiers if (key := self._key(identifier)) is not None}
        exact: dict[str, None] = {}
        named: dict[str, None] = {}
        is_whole = True
        try:
            for line in self._accounts():
                if line is None:
                    is_whole = False
                    continue
                kinds = {kind for kind, _ in wanted.intersection(map(self._key, _identifiers(line)))}
                if kinds - {IdentifierKind.NAME}:
                    exact[line.account] = None
                elif kinds:
                    named[line.account] = None
        except OSError as error:
            return NotKnown(f"{ACCOUNTS}: {error.strerror}")
        if len(exact) == 1:
            return OneAccount(next(iter(exact)))
        if exact or named:
            return SeveralAccounts(tuple(exact or named))
        return NoAccount() if is_whole else NotKnown(f"{ACCOUNTS} has lines that cannot be read")

    def fetch(self, account: str, *, since: datetime | None = None) -> Iterator[Message] | NotKnown:
        """Return the account's messages; the iterator ends in HistoryCut where an import lost something."""
        path = history_file(self.path, account)
        if not path.is_file():
            return NotKnown("no history is kept for this account")
        return self._messages(path, account, since)

    def of(self, account: str) -> Plan | NotKnown:
        """Return what the last line about the account says it may use."""
        try:
            last = self._last_lines().get(account)
        except OSError as error:
            return NotKnown(f"{ACCOUNTS}: {error.strerror}")
        if last is None or last.plan is None or last.models is None or last.tools is None:
            return NotKnown("the account's plan, models and tools are not written down")
        return Plan(plan=last.plan, models=tuple(sorted(last.models)), tools=tuple(sorted(last.tools)))

    def _last_lines(self) -> dict[str, AccountLine]:
        """Return the last line about each account; every flag asks, so the file is read again only once it changed."""
        found = self._accounts_file.stat()
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if self._last[0] != stamp:
            self._last = stamp, {line.account: line for line in self._accounts() if line is not None}
        return self._last[1]

    def hold(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Write the hold down; the folder itself never erases anything."""
        return self._note_hold(account, hold, released=False)

    def release(self, account: str, hold: str) -> Confirmation | NotKnown:
        """Write down that the hold lapsed."""
        return self._note_hold(account, hold, released=True)

    def _note_hold(self, account: str, hold: str, *, released: bool) -> Confirmation | NotKnown:
        reference = hashlib.sha256(msgspec.json.encode([account, hold])).hexdigest()[:_NAME_LETTERS]
        noted = {"account": account, "hold": hold, "reference": reference, "released": released}
        line = msgspec.json.encode(noted)
        try:
            path = self.path / HOLDS
            if not (path.is_file() and line in read_lines(path)):
                append_lines(path, [line])
        except OSError as error:
            return NotKnown(f"{HOLDS}: {error.strerror}")
        return Confirmation(account=account, hold=hold, reference=reference)

    def _accounts(self) -> Iterator[AccountLine | None]:
        for line in read_lines(self._accounts_file):
            try:
                yield None if line is None else msgspec.json.decode(line, type=AccountLine)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                yield None

    def _key(self, identifier: Identifier) -> tuple[IdentifierKind, str] | None:
        spelled = normalise(identifier, region=self._region)
        return None if spelled is None else (identifier.kind, spelled)

    def _messages(self, path: Path, account: str, since: datetime | None) -> Iterator[Message]:
        unreadable = 0
        try:
            for line in read_lines(path):
                message = None if line is None else read_message(line, account)
                if message is None:
                    unreadable += 1
                elif since is None or message.at >= since:
                    yield message
            lost = self._lost(account)
        except OSError as error:
            raise HistoryCut(f"the history breaks off: {error.strerror}") from error
        if unreadable:
            raise HistoryCut(f"{unreadable} lines of the history cannot be read")
        if lost:
            raise HistoryCut(f"an import lost something: {lost}")

    def _lost(self, account: str) -> str:
        """Return the source of an import that was not complete and may concern the account, or nothing."""
        path = self.path / IMPORTS
        last: dict[tuple[str, str | None], bool] = {}
        for line in read_lines(path) if path.is_file() else ():
            try:
                read = msgspec.json.decode(line or b"", type=ImportLine)
            except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
                return IMPORTS
            if read.account in {account, None}:
                last[read.source, read.account] = read.complete
        return ", ".join(sorted({source for (source, _), complete in last.items() if not complete}))


def history_file(folder: Path, account: str) -> Path:
    """Return where an account's history is kept; the account itself never becomes a file name."""
    # surrogatepass: whatever string an account is, it has a file
    name = hashlib.sha256(b"history\n" + account.encode("utf-8", "surrogatepass")).hexdigest()[:_NAME_LETTERS]
    return folder / HISTORY / f"{name}.jsonl"


def write_message(message: Message) -> bytes:
    """Return the one line of a message."""
    line = MessageLine(
        account=message.account,
        conversation=message.conversation,
        id=message.id,
        role=message.role,
        kind=message.kind,
        at=rfc3339(message.at),
        text=message.text,
    )
    return msgspec.json.encode(line)


def read_message(line: bytes, account: str) -> Message | None:
    """Return the message of a line, or None where it is none or another account's."""
    try:
        read = msgspec.json.decode(line, type=MessageLine)
        at = parse_time(read.at)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, BadInput):
        return None
    if read.account != account:
        return None
    return Message(
        account=account,
        conversation=read.conversation,
        id=read.id,
        role=read.role,
        text=read.text,
        at=at,
        kind=read.kind,
    )


def _identifiers(line: AccountLine) -> Iterator[Identifier]:
    yield Identifier(IdentifierKind.ACCOUNT, line.account)
    for kind, values in (
        (IdentifierKind.EMAIL, line.emails),
        (IdentifierKind.PHONE, line.phones),
        (IdentifierKind.HANDLE, line.handles),
        (IdentifierKind.URL, line.urls),
        (IdentifierKind.NAME, line.names),
    ):
        for value in values:
            yield Identifier(kind, value)
