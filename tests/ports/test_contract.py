"""One contract, two answers: the folder asked directly, and the same folder asked over real HTTP.

Law: whatever stands behind the ports, known, not known and cut mean the same (L10).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from answerable.ports.directory import NoAccount, OneAccount, SeveralAccounts
from answerable.ports.entitlements import Plan
from answerable.ports.folder import ACCOUNTS, HOLDS, IMPORTS, Folder, history_file, write_message
from answerable.ports.history import HistoryCut, Message, MessageKind, Speaker
from answerable.ports.http_ports import HttpPorts
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier, IdentifierKind
from tests.ports.serving import asking, filled, served

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CORVIN = {"account": "u1", "emails": ["corvin@example.org"], "names": ["Corvin Vale"], "plan": "paid",
          "models": ["large", "huge"], "tools": ["search"]}  # fmt: skip

Ports = Folder | HttpPorts


@pytest.fixture(params=["folder", "http", "http in small pages"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Ports]]:
    """Return what connects to the folder in `tmp_path` in one of the ways."""
    with ExitStack() as ends:

        def connected() -> Ports:
            folder = filled(tmp_path)
            if request.param == "folder":
                return folder
            most = 2 if request.param.endswith("pages") else 1000
            return asking(ends.enter_context(served(folder, page_messages=most)))

        yield connected


def accounts(folder: Path, *lines: object) -> None:
    """Write the directory."""
    (folder / ACCOUNTS).write_text("".join(json.dumps(line) + "\n" for line in lines))


def history(folder: Path, *messages: Message, account: str = "u1") -> None:
    """Write what an account said."""
    path = history_file(folder, account)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(write_message(one) + b"\n" for one in messages))


def message(number: int, text: str = "hello") -> Message:
    """Return one thing said, an hour later for each number."""
    return Message(account="u1", conversation="c1", id=f"m{number}", role=Speaker.USER, text=text,
                   at=AT + timedelta(hours=number), kind=MessageKind.MESSAGE)  # fmt: skip


def read(found: Iterator[Message] | NotKnown) -> tuple[list[str], str]:
    """Return the ids that could be read, and why it broke off, if it did."""
    assert not isinstance(found, NotKnown), found
    ids: list[str] = []
    try:
        ids.extend(one.id for one in found)
    except HistoryCut as cut:
        return ids, str(cut)
    return ids, ""


def named(kind: IdentifierKind, value: str) -> list[Identifier]:
    """Return one identifier."""
    return [Identifier(kind, value)]


def test_whose_account_it_is(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """An exact identifier finds the one account, a name never does, and nobody is said of a whole directory alone."""
    accounts(tmp_path, CORVIN, {"account": "u2", "names": ["Corvin Vale"]})
    ports = connect()
    assert ports.resolve(named(IdentifierKind.EMAIL, "Corvin@EXAMPLE.org")) == OneAccount("u1")
    assert ports.resolve(named(IdentifierKind.NAME, "corvin vale")) == SeveralAccounts(("u1", "u2"))
    assert ports.resolve(named(IdentifierKind.EMAIL, "nobody@example.org")) == NoAccount()
    (tmp_path / ACCOUNTS).write_bytes((tmp_path / ACCOUNTS).read_bytes() + b"{torn\n")
    assert isinstance(ports.resolve(named(IdentifierKind.EMAIL, "nobody@example.org")), NotKnown)


def test_a_directory_that_is_not_there_is_not_known(connect: Callable[[], Ports]) -> None:
    """No directory is no statement about anybody."""
    assert isinstance(connect().resolve(named(IdentifierKind.EMAIL, "a@example.org")), NotKnown)


def test_what_an_account_may_use(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """A plan is told whole and sorted, or is not known."""
    accounts(tmp_path, CORVIN, {"account": "u2", "plan": "paid"})
    ports = connect()
    assert ports.of("u1") == Plan(plan="paid", models=("huge", "large"), tools=("search",))
    assert isinstance(ports.of("u2"), NotKnown)
    assert isinstance(ports.of("u3"), NotKnown)


def test_a_history_is_read_from_its_beginning_or_from_a_time(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """Five messages come as five, in their order, and those since a time as those."""
    history(tmp_path, *(message(number, "Grüße 👋\n" * 3) for number in range(5)))
    ports = connect()
    assert read(ports.fetch("u1")) == (["m0", "m1", "m2", "m3", "m4"], "")
    assert read(ports.fetch("u1", since=AT + timedelta(hours=3))) == (["m3", "m4"], "")
    assert isinstance(ports.fetch("u2"), NotKnown)


def test_an_empty_history_is_an_empty_one(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """Nothing said and nothing missing."""
    history(tmp_path)
    assert read(connect().fetch("u1")) == ([], "")


def test_what_is_missing_in_a_history_is_said_after_all_that_can_be_read(
    connect: Callable[[], Ports], tmp_path: Path
) -> None:
    """A torn line in the middle, an import that never ended: the rest is read, and then it breaks off."""
    history(tmp_path, *(message(number) for number in range(4)))
    path = history_file(tmp_path, "u1")
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"{torn\n" + b"".join(others))
    ids, cut = read(connect().fetch("u1"))
    assert ids == ["m0", "m1", "m2", "m3"]
    assert cut
    path.write_bytes(first)
    (tmp_path / IMPORTS).write_text('{"source":"export","account":null,"complete":false}\n')
    ids, cut = read(connect().fetch("u1"))
    assert ids == ["m0"]
    assert "export" in cut


def test_a_hold_is_confirmed_by_its_name_and_released_by_it(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """Ordering twice changes nothing; releasing names the same hold."""
    ports = connect()
    first = ports.hold("u1", "hold_1")
    assert isinstance(first, Confirmation)
    assert (first.account, first.hold) == ("u1", "hold_1")
    assert ports.hold("u1", "hold_1") == first
    released = ports.release("u1", "hold_1")
    assert isinstance(released, Confirmation)
    lines = [json.loads(line) for line in (tmp_path / HOLDS).read_text().splitlines()]
    assert [(line["account"], line["hold"], line["released"]) for line in lines] == [
        ("u1", "hold_1", False), ("u1", "hold_1", True),
    ]  # fmt: skip


def test_a_store_that_cannot_write_confirms_nothing(connect: Callable[[], Ports], tmp_path: Path) -> None:
    """What could not be noted is not kept."""
    ports = connect()
    (tmp_path / HOLDS).mkdir()
    assert isinstance(ports.hold("u1", "hold_1"), NotKnown)
