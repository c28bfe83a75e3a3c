"""The import of files into the folder.

Law: it streams in bounded memory, and everything lost is in the report and in the history.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from answerable.errors import BadInput, NotFound, StoreUnavailable
from answerable.ports.folder import Folder
from answerable.ports.history import HistoryCut
from answerable.ports.intake import FolderSink
from answerable.ports.unknown import NotKnown
from answerable.screen.exports import imports
from answerable.screen.exports.imports import Format, ImportReport, import_file

LINE: dict[str, Any] = {"user": "u1", "conversation": "c1", "role": "user", "text": "t", "at": "2024-03-01T12:00:00Z"}

# The import as a program with 400 MiB of address space: the proof that it streams.
BOUNDED = """
import resource, sys
from pathlib import Path
from answerable.ports.intake import FolderSink
from answerable.ports.unknown import NotKnown
from answerable.screen.exports.imports import Format, import_file
resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))
report = import_file(Path(sys.argv[1]), Format(sys.argv[2]), FolderSink(Path(sys.argv[3])), user="u1")
sys.stdout.write(f"{report.read} {report.bad_count} {report.cut}")
"""


def _bounded(path: Path, form: Format) -> str:
    command = [sys.executable, "-c", BOUNDED, str(path), form, str(path.parent / "folder")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _claude(number: int, text: str) -> dict[str, Any]:
    message = {"uuid": f"m{number}", "sender": "human", "text": text, "created_at": "2024-03-01T12:00:00Z"}
    return {"uuid": f"c{number}", "name": "", "chat_messages": [message]}


def _openai(number: int, text: str) -> dict[str, Any]:
    message = {
        "id": f"m{number}",
        "author": {"role": "user"},
        "create_time": 1709294400.5,
        "content": {"parts": [text]},
    }
    return {"id": f"c{number}", "mapping": {"n": {"message": message, "parent": None, "children": []}}}


_MAKE: dict[Format, Callable[[int, str], dict[str, Any]]] = {Format.OPENAI: _openai, Format.CLAUDE: _claude}


def _import(path: Path, form: Format, user: str | None = "u1") -> tuple[ImportReport, Folder]:
    folder = path.parent / "folder"
    return import_file(path, form, FolderSink(folder), user=user), Folder(folder)


def _kept(folder: Folder, account: str = "u1") -> tuple[list[str], bool]:
    """Return the texts of an account's history and whether it is whole."""
    found = folder.fetch(account)
    assert not isinstance(found, NotKnown)
    texts: list[str] = []
    try:
        texts.extend(message.text for message in found)
    except HistoryCut:
        return texts, False
    return texts, True


@pytest.mark.parametrize("form", list(_MAKE))
def test_an_export_comes_into_the_history(form: Format, tmp_path: Path) -> None:
    """What an export holds can be fetched for the account, whole and in order; a second import adds nothing."""
    path = tmp_path / "conversations.json"
    path.write_text(json.dumps([_MAKE[form](n, f"text {n}") for n in range(3)]))
    report, folder = _import(path, form)
    assert (report.read, report.written, report.bad, report.is_complete) == (3, 3, (), True)
    assert _kept(folder) == (["text 0", "text 1", "text 2"], True)
    again, folder = _import(path, form)
    assert (again.read, again.written) == (3, 0)
    assert _kept(folder) == (["text 0", "text 1", "text 2"], True)


@pytest.mark.parametrize("form", list(_MAKE))
def test_a_cut_export_keeps_what_stood_before_and_is_cut(form: Format, tmp_path: Path) -> None:
    """A download that broke off gives its first conversations, and the history never reads as whole until mended."""
    path = tmp_path / "conversations.json"
    whole = json.dumps([_MAKE[form](n, f"text {n}") for n in range(3)], indent=1)
    path.write_text(whole[: whole.index("text 2")])
    report, folder = _import(path, form)
    assert (report.read, report.cut, report.bad_count) == (2, True, 1)
    assert report.bad[0].line > 1
    assert _kept(folder) == (["text 0", "text 1"], False)
    path.write_text(whole)
    report, folder = _import(path, form)
    assert report.written == 1
    assert _kept(folder) == (["text 0", "text 1", "text 2"], True)


@pytest.mark.parametrize("form", list(_MAKE))
def test_bad_conversations_and_bad_messages_have_their_lines(form: Format, tmp_path: Path) -> None:
    """A conversation that is no JSON and one with a bad message are reported; the rest is read."""
    broken = json.dumps(_MAKE[form](1, "x")).replace("2024-03-01", "9024-03-01").replace("1709294400.5", "1e99")
    sound = json.dumps(_MAKE[form](2, "sound"))
    path = tmp_path / "conversations.json"
    path.write_text(f'[\n{{"a": NaN}},\n{{"a":\n nope}},\n{broken},\n7,\n{sound}\n]')
    report, folder = _import(path, form)
    assert [record.line for record in report.bad] == [2, 4, 5, 6]
    assert _kept(folder) == (["sound"], False)


def test_json_lines_go_on_after_a_bad_line(tmp_path: Path) -> None:
    """Bad lines cost themselves alone; accounts in one file come into their own histories."""
    path = tmp_path / "log.jsonl"
    lines = [
        json.dumps(LINE),
        "nope",
        json.dumps(LINE | {"user": "u2", "text": "other"}),
        '{"user": "u1", "user": "u2"}',
        "[" * 9999,
        json.dumps(LINE | {"text": "last"}),
    ]
    path.write_text("\n".join(lines) + "\n")
    report, folder = _import(path, Format.JSONL, user=None)
    assert [record.line for record in report.bad] == [2, 4, 5]
    assert report.cut is False
    assert _kept(folder) == (["t", "last"], False)
    assert _kept(folder, "u2") == (["other"], False)


def test_json_lines_that_end_within_a_line_are_cut(tmp_path: Path) -> None:
    """A last line that broke off is a cut; a last line that lacks only its newline is read."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(LINE) + "\n" + json.dumps(LINE)[:-5])
    assert _import(path, Format.JSONL)[0].cut is True
    path.write_text(json.dumps(LINE))
    assert _import(path, Format.JSONL)[0].is_complete is True


@pytest.mark.parametrize("form", list(Format))
def test_an_empty_file_is_no_proof_of_silence(form: Format, tmp_path: Path) -> None:
    """An empty file brings nothing; for an export that is a cut."""
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert _import(path, form)[0].cut is (form is not Format.JSONL)


def test_progress_tells_the_bytes_read(tmp_path: Path) -> None:
    """Whoever watches hears of every stretch and at last of the whole file."""
    path = tmp_path / "log.jsonl"
    path.write_text((json.dumps(LINE) + "\n") * 3)
    told: list[tuple[int, int]] = []
    import_file(path, Format.JSONL, FolderSink(tmp_path / "f"), progress=lambda done, size: told.append((done, size)))
    size = path.stat().st_size
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(("form", "user"), [(Format.OPENAI, None), (Format.CLAUDE, None), (Format.JSONL, "a\nb")])
def test_whose_it_is_must_be_said(form: Format, user: str | None, tmp_path: Path) -> None:
    """An export without an account, and an account that is none, are refused before anything is read."""
    with pytest.raises(BadInput):
        import_file(tmp_path / "missing", form, FolderSink(tmp_path / "f"), user=user)
    assert not (tmp_path / "f").exists()


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    """A wrong path is an operating error with the path in it; nothing is noted."""
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(NotFound):
            import_file(path, Format.JSONL, FolderSink(tmp_path / "f"))
    assert not (tmp_path / "f").exists()


def test_a_folder_that_cannot_be_written_is_an_operating_error(tmp_path: Path) -> None:
    """A file where the folder should be is no crash."""
    (tmp_path / "f").write_text("")
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(LINE))
    with pytest.raises(StoreUnavailable):
        import_file(path, Format.JSONL, FolderSink(tmp_path / "f"))


def test_the_report_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred bad records are listed and the rest counted; a file of nothing else is left."""
    monkeypatch.setattr(imports, "BAD_MAX", 150)
    path = tmp_path / "log.jsonl"
    path.write_text("x\n" * 120)
    report, _ = _import(path, Format.JSONL)
    assert (len(report.bad), report.bad_count, report.cut) == (100, 120, False)
    path.write_text("x\n" * 1000)
    report, _ = _import(path, Format.JSONL)
    assert (report.bad_count, report.cut) == (150, True)


def test_a_line_of_fifty_megabytes_is_one_bad_line(tmp_path: Path) -> None:
    """A huge line is refused in bounded memory and the next one is read."""
    path = tmp_path / "log.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps(LINE)[:-1].encode() + b', "x": "' + b"y" * 50_000_000)
        file.write(b'\n"}\n' + json.dumps(LINE).encode() + b"\n")
    assert _bounded(path, Format.JSONL) == "1 2 False"


def test_an_export_larger_than_memory_streams(tmp_path: Path) -> None:
    """One line of 500 MB in two thousand conversations and one far too long is read within 400 MiB."""
    path = tmp_path / "conversations.json"
    conversation = json.dumps(_claude(1, "z" * 200_000)).encode()
    with path.open("wb") as file:
        file.write(b"[" + conversation)
        for _ in range(2_000):
            file.write(b"," + conversation)
        file.write(b', {"uuid": "' + b"q" * 100_000_000 + b'"},' + conversation + b"]")
    assert _bounded(path, Format.CLAUDE) == "2002 1 False"


@pytest.mark.long
@pytest.mark.parametrize("form", list(Format))
def test_a_line_of_two_gigabytes_is_one_bad_line(form: Format, tmp_path: Path) -> None:
    """Two gigabytes without a newline, a comma or an end cost one report and bounded memory."""
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.write(b"[" if form is not Format.JSONL else b"")
        file.truncate(2 * 1024**3)
        file.seek(0, 2)
        file.write(b"\n" + json.dumps(LINE).encode() + b"\n")
    expected = {Format.JSONL: "1 1 False", Format.OPENAI: "0 1 True", Format.CLAUDE: "0 1 True"}
    # as an array the line ends nowhere: what follows belongs to the element that never closes
    assert _bounded(path, form) == expected[form]
