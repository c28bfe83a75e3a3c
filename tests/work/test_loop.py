"""The loop: a step that fails stops no other, and all end when told."""

from __future__ import annotations

import threading

from answerable.work.loop import Step, run


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
