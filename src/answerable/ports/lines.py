"""Files of JSON lines that several processes append to and read at once.

Law: a line is whole or it is not there; what a crash tore off was never confirmed and is cut away before an append.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

# the longest line of ours: 4 Mi letters of text, each at worst escaped to six bytes, and the rest of the message
LINE_BYTES_MAX = 32 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024


def open_locked(path: Path) -> BinaryIO:
    """Open a file for appending under an exclusive lock, without the torn line that a crash may have left."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        whole = _end_of_lines(file, end)
        if whole != end:
            file.truncate(whole)
        file.seek(whole)
    except OSError:
        file.close()
        raise
    return file


def append_lines(path: Path, lines: Sequence[bytes]) -> None:
    """Append lines (without their newline) so that they are on disk when the call returns."""
    with open_locked(path) as file:
        file.write(b"".join(line + b"\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until what was appended to a file or entered into a folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_lines(path: Path) -> Iterator[bytes | None]:
    """Yield the lines that stood in the file when reading began; None for one that is torn or too long."""
    with path.open("rb") as file:
        # a writer holds the lock while it appends: what is behind the size we see now is whole
        fcntl.flock(file, fcntl.LOCK_SH)
        end = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        while file.tell() < end:
            line = file.readline(LINE_BYTES_MAX)
            is_whole = line.endswith(b"\n")
            while line and not line.endswith(b"\n"):
                line = file.readline(LINE_BYTES_MAX)
            yield line[:-1] if is_whole else None


def _end_of_lines(file: BinaryIO, end: int) -> int:
    """Return the offset behind the last newline before `end`."""
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
