"""The loop: a step that fails stops no other, and all end when told."""

from __future__ import annotations

import threading
from pathlib import Path

from answerable.work.loop import Step, beat_file, run, write_beat


def test_a_step_that_fails_stops_no_other() -> None:
    """Each step has its own thread and its own fate."""
    stop, good, bad = threading.Event(), [], []

    def fails() -> bool:
        bad.append(1)
        raise RuntimeError("again and again")

    def works() -> bool:
        good.append(1)
        if len(good) >= 5 and len(bad) >= 5:
            stop.set()
        return len(good) % 2 == 0

    run([Step("bad", fails, 0.001), Step("good", works, 0.001)], stop)
    assert len(good) >= 5
    assert len(bad) >= 5


def test_the_beat_is_whole(tmp_path: Path) -> None:
    """A reader finds the last beat or the one before, never half of one, and no other file is left."""
    for text in ("one", "two"):
        write_beat(beat_file(tmp_path), text)
    assert beat_file(tmp_path).read_text() == "two\n"
    assert list(tmp_path.iterdir()) == [beat_file(tmp_path)]
