"""Export: the folder is whole or is not there.

Law: what is written is what the verifier reads, and nothing that stood there is overwritten.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerable.errors import Conflict
from answerable.ledger.export import write_export
from answerable.ledger.verify import audit_folder, report
from tests.ledger.logs import KEY, note_for, some_entries

ENTRIES = some_entries(["system", "case:c_1", "case:c_1", "subject:s_1"])
NOTES = [(size, note_for(ENTRIES[:size]).decode()) for size in (4, 2)]


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("exists", [False, True])
def test_an_export_verifies(tmp_path: Path, *, exists: bool) -> None:
    """Into a folder that is not there, or is empty; only the owner may read it."""
    target = tmp_path / "export"
    if exists:
        target.mkdir()
    assert write_export(target, iter(ENTRIES), NOTES) == 4
    assert report(audit_folder(target, [KEY]))["verdict"] == "VERIFIED"
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert names(tmp_path) == ["export"]


def test_an_export_without_checkpoints_is_written_and_not_verified(tmp_path: Path) -> None:
    """A ledger that has signed nothing yet can be exported; the verdict is the verifier's."""
    write_export(tmp_path / "export", ENTRIES, [])
    assert report(audit_folder(tmp_path / "export", [KEY]))["verdict"] == "NOT CHECKED"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder with something in it, a file, and a link are refused, and stay as they were."""
    full, file, link = tmp_path / "full", tmp_path / "file", tmp_path / "link"
    full.mkdir()
    (full / "letter").write_text("mine")
    file.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    for target in (full, file, link):
        with pytest.raises(Conflict, match="not an empty folder"):
            write_export(target, ENTRIES, NOTES)
    assert names(tmp_path) == ["file", "full", "link"]
    assert (full / "letter").read_text() == file.read_text() == "mine"


def test_an_export_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    """If the source fails in the middle, neither the folder nor a part of it remains."""

    def broken() -> Iterator[bytes]:
        yield ENTRIES[0]
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError):
        write_export(tmp_path / "export", broken(), NOTES)
    assert names(tmp_path) == []


def test_a_folder_filled_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Somebody else's file, put there while the export was being written, stays."""
    target = tmp_path / "export"

    def slow() -> Iterator[bytes]:
        target.mkdir()
        (target / "letter").write_text("mine")
        yield from ENTRIES

    with pytest.raises(Conflict, match="meanwhile"):
        write_export(target, slow(), NOTES)
    assert names(tmp_path) == ["export"]
    assert names(target) == ["letter"]


@pytest.mark.parametrize("entry", [b"a\nb", b"x" * 16_385])
def test_only_entries_are_exported(tmp_path: Path, entry: bytes) -> None:
    """A newline in an entry would make two lines of one leaf."""
    with pytest.raises(AssertionError):
        write_export(tmp_path / "export", [entry], [])
    assert names(tmp_path) == []
