"""The processes of the story: started here, known by their ids, and ended with it whatever happens.

Law: nothing that the demo started outlives it; a worker that is killed is killed the hard way, by its id.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from answerable.edge import RandomMint
from answerable.errors import AnswerableError

# How long a busy machine may take; who has died is seen at once.
START_S = 180.0
STOP_S = 20.0
LOOK_EVERY_S = 0.05
LOG_LINES = 12
PORTS = range(20_000, 32_000)


class NotStarted(AnswerableError):
    """A process of the demo did not come up."""

    code = "not_started"


def free_port() -> int:
    """Return a port of this machine that is free at this moment, and that the system gives to nobody by itself."""
    while True:
        port = PORTS[int(RandomMint().fraction() * len(PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(come: Callable[[], bool], within_s: float) -> bool:
    """Look again and again until something has come; False where it did not come in time."""
    for _ in range(int(within_s / LOOK_EVERY_S)):
        if come():
            return True
        time.sleep(LOOK_EVERY_S)
    return come()


@dataclass(slots=True)
class Processes:
    """Everything that runs for the story, by name; the logs lie in a folder."""

    logs: Path
    environment: dict[str, str]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Start a Python command under a name; what it prints goes to its log."""
        with self.log(name).open("ab") as log:
            # A session of its own: Ctrl-C reaches the demo alone, which then ends everything in order.
            self._running[name] = subprocess.Popen(  # noqa: S603 (our own program, with arguments from here)
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def wait_for(self, name: str, come: Callable[[], bool]) -> None:
        """Wait until a process serves; raise `NotStarted` with the end of its log where it does not."""
        if not until(lambda: come() or not self.is_alive(name), START_S) or not self.is_alive(name):
            raise NotStarted(f"{name} did not come up:\n{self.tail(name)}")

    def finish(self, *command: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        """Run a Python command to its end; return its status and what it printed."""
        done = subprocess.run(  # noqa: S603 (our own program, with arguments from here)
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, **self.environment, **(environment or {})},
            timeout=START_S,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace").strip()

    def is_alive(self, name: str) -> bool:
        """Tell whether a process still runs, by asking the system."""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Return a process's id."""
        return self._running[name].pid

    def kill(self, name: str) -> int:
        """End a process without any warning (SIGKILL) and return how it ended."""
        self._running[name].kill()
        return self._running[name].wait(STOP_S)

    def stop(self) -> None:
        """End everything: first kindly, then not; the last started first."""
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self._running.values()):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)

    def log(self, name: str) -> Path:
        """Return where a process writes."""
        return self.logs / f"{name}.log"

    def tail(self, name: str) -> str:
        """Return the last lines of a log."""
        lines = self.log(name).read_text("utf-8", "replace").splitlines()
        return "\n".join(lines[-LOG_LINES:])
