"""The loop of `answerable work`: every step in a thread of its own until told to stop; one that fails stops no other.

Law: nothing here protects anybody; it writes down what the gates did already, and carries letters (L1).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from answerable.errors import Conflict

_log = logging.getLogger("answerable.work")

PAUSE_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """Something done again and again; `run` tells whether there is more at once, `every_s` is the pause else."""

    name: str
    run: Callable[[], bool]
    every_s: float


def run(steps: list[Step], stop: threading.Event) -> None:
    """Run every step in its own thread until `stop` is set, and wait for the last of them to end."""
    threads = [threading.Thread(target=_repeat, args=(step, stop), name=step.name) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _repeat(step: Step, stop: threading.Event) -> None:
    pause = step.every_s
    while not stop.is_set():
        try:
            is_more, pause = step.run(), step.every_s
        except Conflict as error:
            _log.debug("%s met another process: %s", step.name, error)
            is_more = False
        except Exception:  # noqa: BLE001 - no step may end another
            # A store that is away is asked ever more seldom, and said so as often.
            is_more, pause = False, min(2 * pause, max(step.every_s, PAUSE_MAX_S))
            _log.exception("%s failed; it is tried again", step.name)
        if not is_more:
            stop.wait(pause)
