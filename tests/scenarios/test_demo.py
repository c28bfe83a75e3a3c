"""`answerable demo --once`, as anybody would run it: the story happens, and each number is what it must be.

Law: the last line is one JSON object, measured; nothing that was started is left behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from answerable.edge import parse_time
from tests.postgres import server

STORY_S = 900
DEMO = [sys.executable, "-m", "answerable", "demo", "--once"]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "COLUMNS": "80"}


def _children(folder: Path) -> list[str]:
    """Return the command lines of running processes that mention a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def test_the_story_happens_and_its_numbers_are_measured(tmp_path: Path) -> None:
    """From the first flag to the flipped byte, in one run, with nothing left behind."""
    done = subprocess.run(
        DEMO, env=_environment(tmp_path), capture_output=True, text=True, timeout=STORY_S, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told) == {
        "cases", "first_notice_at", "deadline_at", "served_before_deadline", "refused_after_deadline",
        "served_after_deadline", "second_account_first_verdict", "workers_alive_at_deadline",
        "restore_attempts_refused", "ledger_verified", "tamper_detected",
    }
    assert told["cases"] == 1
    assert (parse_time(told["deadline_at"]) - parse_time(told["first_notice_at"])).total_seconds() == pytest.approx(
        3600, abs=60
    )
    assert told["served_before_deadline"] > 0
    assert told["refused_after_deadline"] > 0
    assert told["served_after_deadline"] == 0
    assert told["second_account_first_verdict"] == "limit"
    assert told["workers_alive_at_deadline"] == 0
    assert told["restore_attempts_refused"] == 3
    assert told["ledger_verified"] is True
    assert told["tamper_detected"] is True
    assert _children(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[:-1])


@pytest.mark.long
def test_the_story_happens_on_a_database_that_ends_with_it(tmp_path: Path) -> None:
    """Where a server is named the record lies there, the numbers are the same, and nothing is left there either."""
    environment = {**_environment(tmp_path), "ANSWERABLE_DSN": server()}
    done = subprocess.run(DEMO, env=environment, capture_output=True, text=True, timeout=STORY_S, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["cases"], told["served_after_deadline"], told["restore_attempts_refused"]) == (1, 0, 3)
    assert told["ledger_verified"] is told["tamper_detected"] is True
    assert _children(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    """SIGTERM in the middle of the story ends every process it started, and its folder goes."""
    demo = subprocess.Popen(DEMO, env=_environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + STORY_S
        while len(_children(tmp_path)) < 2 and demo.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        assert len(_children(tmp_path)) >= 2
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=STORY_S)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 130
    assert _children(tmp_path) == []
    assert list(Path(tmp_path).iterdir()) == []


def test_a_story_that_does_not_happen_fails_loudly(tmp_path: Path) -> None:
    """A step that does not come about ends with status 1 and the step's name, and without any number."""
    broken = (
        "from answerable.cli.demo import house; given = house.House.wire;"
        "house.House.wire = lambda self, who: given(self, 'portal-1' if who == 'classifier-1' else who);"
        "from answerable.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", broken, "demo", "--once"], env=_environment(tmp_path), capture_output=True, text=True,
        timeout=STORY_S, check=False,
    )
    assert done.returncode == 1
    assert "classifier-1 POST /v1/signals: 201" in " ".join(done.stderr.split())
    assert "served_after_deadline" not in done.stdout
    assert _children(tmp_path) == []
