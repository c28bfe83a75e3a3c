"""The measurement of enforcement, with a few trials: what it measures happens."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.sources import ROOT


@pytest.mark.long
def test_a_decision_of_one_process_cuts_streams_in_two_others_and_defaults_need_no_server() -> None:
    """Each trial ends only when both streams are cut and both gateways refuse; none is cut before its time."""
    command = [sys.executable, str(ROOT / "bench" / "enforce.py"), "--trials", "3", "--accounts", "3"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert (told["gateways"], told["trials"], told["server_killed"]["streams"]) == (2, 3, 6)
    assert told["server_killed"]["due_to_cut_ms"]["p50"] >= 0
