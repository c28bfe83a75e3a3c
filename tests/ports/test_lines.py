"""Files of JSON lines.

Law: a line is whole or it is not there.
"""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from answerable.ports import lines
from answerable.ports.lines import append_lines, open_locked, read_lines


@pytest.mark.parametrize("torn", [b"", b"x", b"y" * 200_000])
def test_a_torn_end_is_cut_away(torn: bytes, tmp_path: Path) -> None:
    """However long the torn end, what stood before it stays and what comes is whole."""
    path = tmp_path / "f"
    path.write_bytes(b"a\nb\n" + torn)
    append_lines(path, [b"c"])
    assert path.read_bytes() == b"a\nb\nc\n"


def test_a_file_of_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    """A file whose only line was torn holds nothing."""
    path = tmp_path / "f"
    path.write_bytes(b"torn")
    append_lines(path, [])
    assert path.read_bytes() == b""


def test_new_files_are_private(tmp_path: Path) -> None:
    """What holds conversations is readable by its owner alone."""
    append_lines(tmp_path / "f", [b"a"])
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600


def test_reading_ends_where_the_file_ended(tmp_path: Path) -> None:
    """Lines appended while somebody reads do not keep the reader going for ever."""
    path = tmp_path / "f"
    append_lines(path, [b"a", b"b"])
    seen = []
    for line in read_lines(path):
        seen.append(line)
        append_lines(path, [b"more"])
    assert seen == [b"a", b"b"]


def test_torn_and_endless_lines_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line too long and a line without end are said to be unreadable, the others are read."""
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 8)
    path = tmp_path / "f"
    path.write_bytes(b"a\n" + b"x" * 30 + b"\nb\ntorn")
    assert list(read_lines(path)) == [b"a", None, b"b", None]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """What cannot be opened is an error of the system."""
    with pytest.raises(OSError, match="directory"):
        open_locked(tmp_path)


def test_a_file_that_cannot_be_locked_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused lock is an error of the system and leaves nothing open."""
    def refuse(_file: object, _how: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="no locks"):
        open_locked(tmp_path / "f")
    # Of this file alone: what other tests left behind may close at any moment.
    held = (path for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    assert [path for path in held if os.path.realpath(path) == str((tmp_path / "f").resolve())] == []
