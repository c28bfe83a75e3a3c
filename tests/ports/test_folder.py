"""The folder that stands in for the operator's systems.

Law: what the folder cannot read it reports as not known, and no file name carries an account.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from answerable.ports.directory import NoAccount, OneAccount, SeveralAccounts
from answerable.ports.entitlements import Plan
from answerable.ports.folder import ACCOUNTS, HOLDS, IMPORTS, Folder, history_file, read_message, write_message
from answerable.ports.history import HistoryCut, Message, MessageKind, Speaker
from answerable.ports.lines import append_lines
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier, IdentifierKind

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def a_message(text: str = "hello", *, account: str = "u1", at: datetime = AT, id_: str = "m1") -> Message:
    """Build a message."""
    return Message(account=account, conversation="c1", id=id_, role=Speaker.USER, text=text, at=at)


def _accounts(folder: Path, *lines: Any) -> Folder:
    (folder / ACCOUNTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Folder(folder, region="GB")


def _history(folder: Path, *lines: bytes, account: str = "u1") -> Folder:
    path = history_file(folder, account)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return Folder(folder)


def _fetch(folder: Folder, since: datetime | None = None) -> tuple[list[str], str]:
    """Return the texts of u1 and why the history broke off, if it did."""
    found = folder.fetch("u1", since=since)
    assert not isinstance(found, NotKnown)
    texts: list[str] = []
    try:
        texts.extend(message.text for message in found)
    except HistoryCut as error:
        return texts, str(error)
    return texts, ""


CORVIN = {
    "account": "u1",
    "emails": ["corvin@example.org"],
    "phones": ["020 7946 0018"],
    "handles": ["@corvin.v"],
    "urls": ["https://example.org/corvin"],
    "names": ["Corvin Vale"],
}


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (IdentifierKind.EMAIL, "Corvin@EXAMPLE.org"),
        (IdentifierKind.PHONE, "+44 20 7946 0018"),
        (IdentifierKind.HANDLE, "Corvin.V"),
        (IdentifierKind.URL, "example.org/corvin/"),
        (IdentifierKind.ACCOUNT, "u1"),
    ],
)
def test_an_exact_identifier_finds_its_account(kind: IdentifierKind, raw: str, tmp_path: Path) -> None:
    """Any spelling that surely means the same finds the one account."""
    folder = _accounts(tmp_path, {"account": "u2"}, CORVIN)
    assert folder.resolve([Identifier(kind, raw)]) == OneAccount("u1")


def test_a_name_alone_never_picks_an_account(tmp_path: Path) -> None:
    """Even where only one account bears the name a person has to choose; beside an exact one it does not count."""
    folder = _accounts(
        tmp_path, CORVIN, {"account": "u2", "names": ["Vale, Corvin"]}, {"account": "u3", "handles": ["x1"]}
    )
    name = Identifier(IdentifierKind.NAME, "corvin vale")
    assert folder.resolve([name]) == SeveralAccounts(("u1", "u2"))
    assert folder.resolve([name, Identifier(IdentifierKind.HANDLE, "x1")]) == OneAccount("u3")
    assert _accounts(tmp_path, CORVIN).resolve([name]) == SeveralAccounts(("u1",))


def test_identifiers_of_two_accounts_are_several(tmp_path: Path) -> None:
    """Where the identifiers disagree nobody is picked."""
    folder = _accounts(tmp_path, CORVIN, {"account": "u2", "emails": ["corvin@example.org"]})
    assert folder.resolve([Identifier(IdentifierKind.EMAIL, "corvin@example.org")]) == SeveralAccounts(("u1", "u2"))


def test_none_is_said_only_of_a_directory_read_whole(tmp_path: Path) -> None:
    """No file and an unreadable line are not known; what can be found beside the bad line is found."""
    other = [Identifier(IdentifierKind.EMAIL, "who@example.org")]
    assert isinstance(Folder(tmp_path).resolve(other), NotKnown)
    assert _accounts(tmp_path, CORVIN).resolve(other) == NoAccount()
    assert _accounts(tmp_path, CORVIN).resolve([]) == NoAccount()
    folder = _accounts(tmp_path, CORVIN, {"account": 7})
    assert isinstance(folder.resolve(other), NotKnown)
    assert folder.resolve([Identifier(IdentifierKind.ACCOUNT, "u1")]) == OneAccount("u1")


def test_messages_survive_writing_and_reading() -> None:
    """A line gives back the message that was written, and no other account's."""
    message = a_message("two\nlines \u2028 \x00 é", at=AT + timedelta(microseconds=1))
    line = write_message(message)
    assert b"\n" not in line
    assert read_message(line, "u1") == message
    assert read_message(line, "u2") is None


def test_history_is_fetched_from_a_time_on(tmp_path: Path) -> None:
    """Messages before `since` are left out, the one at it is not."""
    old, new = a_message("old"), a_message("new", at=AT + timedelta(days=1))
    folder = _history(tmp_path, write_message(old), write_message(new))
    assert _fetch(folder) == (["old", "new"], "")
    assert _fetch(folder, AT + timedelta(days=1)) == (["new"], "")


def test_an_absent_history_is_not_known(tmp_path: Path) -> None:
    """An account without a file has no empty history."""
    assert isinstance(Folder(tmp_path).fetch("u1"), NotKnown)


@pytest.mark.parametrize(
    "line", [b"nope", b"{}", b"[" * 9999, b"\xff", write_message(a_message(account="u2")), b"", b'{"at": "noon"}']
)
def test_an_unreadable_line_cuts_the_history_at_its_end(line: bytes, tmp_path: Path) -> None:
    """All that can be read is given, and then said that it is not all."""
    folder = _history(tmp_path, write_message(a_message("a")), line, write_message(a_message("b")))
    texts, reason = _fetch(folder)
    assert texts == ["a", "b"]
    assert "1 line" in reason


def test_a_line_with_a_wrong_time_is_unreadable() -> None:
    """A stored time has one spelling."""
    line = json.loads(write_message(a_message()))
    assert read_message(json.dumps(line | {"at": "2024-03-01"}).encode(), "u1") is None
    assert read_message(json.dumps(line).encode(), "u1") is not None


def test_a_torn_line_cuts_the_history(tmp_path: Path) -> None:
    """The half line that a crash left is no message and no silence."""
    folder = _history(tmp_path, write_message(a_message("a")))
    with history_file(tmp_path, "u1").open("ab") as file:
        file.write(write_message(a_message("b"))[:-3])
    texts, reason = _fetch(folder)
    assert texts == ["a"]
    assert reason


@pytest.mark.parametrize(
    ("imports", "is_whole"),
    [
        ([], True),
        ([("a", "u1", True)], True),
        ([("a", "u1", False)], False),
        ([("a", "u1", False), ("a", "u1", True)], True),
        ([("a", "u1", True), ("a", "u1", False)], False),
        ([("a", "u1", False), ("b", "u1", True)], False),
        ([("a", "u2", False)], True),
        ([("a", None, False)], False),
    ],
)
def test_an_import_that_lost_something_cuts_the_history(
    imports: list[tuple[str, str | None, bool]], is_whole: bool, tmp_path: Path
) -> None:
    """The last word on each source counts; one of several accounts counts for all of them."""
    folder = _history(tmp_path, write_message(a_message("a")))
    lines = [{"source": source, "account": account, "complete": done} for source, account, done in imports]
    (tmp_path / IMPORTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    texts, reason = _fetch(folder)
    assert texts == ["a"]
    assert (reason == "") is is_whole


def test_unreadable_import_notes_cut_the_history(tmp_path: Path) -> None:
    """Whether something was lost is itself not known then."""
    folder = _history(tmp_path, write_message(a_message("a")))
    (tmp_path / IMPORTS).write_text("nope\n")
    assert _fetch(folder) == (["a"], "an import lost something: imports.jsonl")


def test_a_history_that_fails_while_read_is_cut(tmp_path: Path) -> None:
    """A file that vanishes between asking and reading is a cut, not an end."""
    folder = _history(tmp_path, write_message(a_message("a")))
    found = folder.fetch("u1")
    assert not isinstance(found, NotKnown)
    history_file(tmp_path, "u1").unlink()
    with pytest.raises(HistoryCut):
        next(found)


def test_no_file_name_carries_an_account(tmp_path: Path) -> None:
    """Whatever an account is called, its file is named by a hash and lies in the folder."""
    for account in ("../../etc/passwd", "corvin@example.org", "", "\ud800", "a" * 500):
        path = history_file(tmp_path, account)
        assert path.parent == tmp_path / "history"
        assert path.stem.isalnum()
        assert len(path.name) < 60


def test_plans_are_what_the_last_line_says(tmp_path: Path) -> None:
    """Plan, models and tools come sorted from the newest line; anything unsaid is not known."""
    assert isinstance(Folder(tmp_path).of("u1"), NotKnown)
    bought = {"account": "u1", "plan": "pro", "models": ["b", "a"], "tools": []}
    folder = _accounts(
        tmp_path,
        {"account": "u1", "plan": "free", "models": [], "tools": []},
        bought,
        "nope",
        CORVIN | {"account": "u2"},
    )
    assert folder.of("u1") == Plan(plan="pro", models=("a", "b"), tools=())
    assert isinstance(folder.of("u2"), NotKnown)
    assert isinstance(folder.of("u3"), NotKnown)


def test_a_plan_that_changed_is_read_again(tmp_path: Path) -> None:
    """The answer is of the file as it is now: after a further line, after another file took its place, without one."""
    folder = _accounts(tmp_path, {"account": "u1", "plan": "free", "models": [], "tools": []})
    assert folder.of("u1") == Plan(plan="free", models=(), tools=())
    append_lines(tmp_path / "accounts.jsonl", [b'{"account":"u1","plan":"pro","models":[],"tools":[]}'])
    assert folder.of("u1") == Plan(plan="pro", models=(), tools=())
    (tmp_path / "other").write_text('{"account":"u1","plan":"new","models":[],"tools":[]}\n')
    (tmp_path / "other").replace(tmp_path / "accounts.jsonl")
    assert folder.of("u1") == Plan(plan="new", models=(), tools=())
    (tmp_path / "accounts.jsonl").unlink()
    assert isinstance(folder.of("u1"), NotKnown)


def test_a_hold_is_written_once_and_confirmed(tmp_path: Path) -> None:
    """Ordering the same hold again changes nothing; a folder that cannot be written confirms nothing."""
    folder = Folder(tmp_path)
    first = folder.hold("u1", "hold_1")
    assert isinstance(first, Confirmation)
    assert folder.hold("u1", "hold_1") == first
    assert folder.hold("u1", "hold_2") != first
    assert (tmp_path / HOLDS).read_text().count("\n") == 2
    assert folder.release("u1", "hold_1") == first
    assert (tmp_path / HOLDS).read_text().count("\n") == 3
    assert isinstance(Folder(tmp_path / "missing").hold("u1", "hold_1"), NotKnown)


def test_kinds_and_roles_are_the_spoken_words() -> None:
    """What stands in a history file is what the documents say."""
    assert [str(kind) for kind in MessageKind] == ["message", "title", "memory", "file", "image"]
    assert [str(role) for role in Speaker] == ["user", "assistant", "system", "tool"]
