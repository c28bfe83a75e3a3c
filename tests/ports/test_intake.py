"""The way messages come into the folder.

Law: an import is marked as begun before its first message, and no message is written twice or lost between two imports.
"""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from answerable.ports import intake
from answerable.ports.folder import ACCOUNTS, IMPORTS, Folder, history_file
from answerable.ports.history import HistoryCut, Message, Speaker
from answerable.ports.intake import FolderSink
from answerable.ports.unknown import NotKnown

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _message(number: int, account: str = "u1", text: str = "t") -> Message:
    return Message(account=account, conversation="c", id=f"m{number}", role=Speaker.USER, text=text, at=AT)


def _put(folder: Path, *messages: Message, complete: bool = True) -> int:
    sink = FolderSink(folder)
    sink.begin("file", None)
    for message in messages:
        sink.write(message)
    return sink.end(complete=complete)


def _ids(folder: Path, account: str = "u1") -> list[str]:
    found = Folder(folder).fetch(account)
    assert not isinstance(found, NotKnown)
    return [message.id for message in found]


def test_messages_come_in_once(tmp_path: Path) -> None:
    """The same message again is not written; the same id with other words is another message."""
    assert _put(tmp_path, _message(1), _message(2), _message(1)) == 2
    assert _put(tmp_path, _message(2), _message(3), _message(1, text="changed")) == 2
    assert _ids(tmp_path) == ["m1", "m2", "m3", "m1"]


def test_batches_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the batches and the memory of accounts, each account has its messages once and in order."""
    monkeypatch.setattr(intake, "BATCH_BYTES", 300)
    monkeypatch.setattr(intake, "ACCOUNTS_REMEMBERED", 2)
    messages = [_message(number % 10, f"u{number % 5}") for number in range(40)]
    assert _put(tmp_path, *messages) == 10
    assert [_ids(tmp_path, f"u{n}") for n in range(5)] == [[f"m{n}", f"m{n + 5}"] for n in range(5)]


def test_accounts_become_known_to_the_directory_once(tmp_path: Path) -> None:
    """An account that came with an import can be resolved; one that was listed, or listed badly, is not repeated."""
    (tmp_path / ACCOUNTS).write_text('{"account": "u1", "plan": "pro"}\nnope\n')
    _put(tmp_path, _message(1, "u1"), _message(1, "u2"))
    _put(tmp_path, _message(1, "u2"))
    assert (tmp_path / ACCOUNTS).read_text() == '{"account": "u1", "plan": "pro"}\nnope\n{"account":"u2"}\n'


def test_an_import_that_died_is_not_complete(tmp_path: Path) -> None:
    """Without `end` the history reads as cut, until the same source came in whole."""
    sink = FolderSink(tmp_path)
    _put(tmp_path, _message(1))
    sink.begin("file", None)
    with pytest.raises(HistoryCut):
        _ids(tmp_path)
    _put(tmp_path, complete=False)
    with pytest.raises(HistoryCut):
        _ids(tmp_path)
    _put(tmp_path)
    assert _ids(tmp_path) == ["m1"]
    assert [json.loads(line)["complete"] for line in (tmp_path / IMPORTS).read_text().splitlines()] == [
        False, True, False, False, False, False, True,
    ]  # fmt: skip


def test_a_torn_line_is_cut_away_before_the_next_append(tmp_path: Path) -> None:
    """What a crash left half is written again, whole."""
    _put(tmp_path, _message(1), _message(2))
    path = history_file(tmp_path, "u1")
    path.write_bytes(path.read_bytes()[:-5])
    assert _put(tmp_path, _message(1), _message(2)) == 1
    assert _ids(tmp_path) == ["m1", "m2"]


def test_a_file_that_was_erased_in_between_is_read_anew(tmp_path: Path) -> None:
    """Erasure under a running import does not make it believe that messages are there."""
    sink = FolderSink(tmp_path)
    sink.begin("file", None)
    sink.write(_message(1))
    sink._flush()
    history_file(tmp_path, "u1").write_bytes(b"")
    sink.write(_message(1))
    sink.end(complete=True)
    assert _ids(tmp_path) == ["m1"]


IMPORT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from answerable.ports import intake
from answerable.ports.history import Message, Speaker
intake.BATCH_BYTES = 500
at = datetime(2024, 3, 1, 12, tzinfo=UTC)
sink = intake.FolderSink(Path(sys.argv[1]))
sink.begin(sys.argv[2], "u1")
for number in range(300):
    sink.write(Message(account="u1", conversation="c", id=f"m{number}", role=Speaker.USER, text="t", at=at))
print(sink.end(complete=True))
"""


def test_two_imports_at_once_write_each_message_once(tmp_path: Path) -> None:
    """Two programs that import the same messages at the same time share the work and lose nothing."""
    command = [sys.executable, "-c", IMPORT, str(tmp_path)]
    both = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")]
    written = [int(program.communicate()[0]) for program in both]
    assert [program.returncode for program in both] == [0, 0]
    assert sum(written) == 300
    assert sorted(_ids(tmp_path)) == sorted(f"m{number}" for number in range(300))
