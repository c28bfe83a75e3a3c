"""Export: the folder that `verify.py` reads.

Law: a folder of that name is either the whole export or was never written.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from answerable.errors import Conflict
from answerable.ledger.verify import MAX_ENTRY


def write_export(directory: Path, entries: Iterable[bytes], checkpoints: Iterable[tuple[int, str]]) -> int:
    """Write entries (in tree order) and checkpoints (size, note); return how many entries. Conflict if not empty."""
    if directory.is_symlink() or (directory.exists() and not _is_empty_folder(directory)):
        raise Conflict(f"{directory} exists and is not an empty folder", hint="name a folder that does not exist yet")
    # Readable by the owner alone (mkdtemp): an export is the whole record.
    fresh = Path(tempfile.mkdtemp(dir=directory.absolute().parent, prefix=f".{directory.name}-"))
    try:
        count = _write_entries(fresh / "entries.jsonl", entries)
        _write_checkpoints(fresh, checkpoints)
        _sync(fresh)
        try:
            fresh.rename(directory)  # atomic, and refused by the system if somebody filled the target meanwhile
        except OSError as error:
            raise Conflict(f"{directory} was filled by somebody else meanwhile") from error
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    _sync(directory.absolute().parent)
    return count


def _is_empty_folder(directory: Path) -> bool:
    return directory.is_dir() and not any(directory.iterdir())


def _write_entries(path: Path, entries: Iterable[bytes]) -> int:
    count = 0
    with path.open("xb") as file:
        for entry in entries:
            assert len(entry) <= MAX_ENTRY, "an entry has 16 KiB at most"
            assert b"\n" not in entry, "an entry is canonical, so one line"
            file.write(entry + b"\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def _write_checkpoints(folder: Path, checkpoints: Iterable[tuple[int, str]]) -> None:
    (folder / "checkpoints").mkdir()
    newest = (-1, "")
    for size, note in checkpoints:
        _write_note(folder / "checkpoints" / str(size), note)
        newest = max(newest, (size, note))
    if newest[1]:
        _write_note(folder / "checkpoint", newest[1])
    _sync(folder / "checkpoints")


def _write_note(path: Path, note: str) -> None:
    with path.open("xb") as file:
        file.write(note.encode())
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make a folder's names durable."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
