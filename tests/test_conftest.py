"""The rule that CI skips nothing, run on small repositories of its own.

Law: under ANSWERABLE_NO_SKIP=1 a skip is a failure, but for shared data that the machine does not have.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import ROOT

SKIPPED = 'import pytest\n\n\ndef test_it():\n    pytest.skip("{reason}")\n'
SKIPPED_WHOLE = 'import pytest\n\npytest.skip("{reason}", allow_module_level=True)\n'
EXPECTED_TO_FAIL = "import pytest\n\n\n@pytest.mark.xfail(strict=True)\ndef test_it():\n    assert False\n"


def _run(home: Path, text: str, *, no_skip: bool) -> str:
    """Run one test file under a copy of our conftest and return the closing line."""
    tests = home / "checkout" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "tests/conftest.py", tests)
    (tests / "test_one.py").write_text(text)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tests), str(tests)],
        env={**os.environ, "ANSWERABLE_NO_SKIP": "1" if no_skip else "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("text", [SKIPPED, SKIPPED_WHOLE])
def test_a_skip_fails_where_nothing_may_be_skipped(text: str, tmp_path: Path) -> None:
    """A test or a file that skips itself does not pass unseen."""
    closing = _run(tmp_path, text.format(reason="no browser"), no_skip=True)
    assert "1 failed" in closing or "1 error" in closing
    assert "skipped" not in closing


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    """On somebody's own machine a skip stays one."""
    assert "1 skipped" in _run(tmp_path, SKIPPED.format(reason="no browser"), no_skip=False)


def test_absent_shared_data_may_be_skipped(tmp_path: Path) -> None:
    """A checkout that stands alone passes without the data beside it."""
    assert "1 skipped" in _run(tmp_path, SKIPPED.format(reason="shared vectors absent"), no_skip=True)


def test_present_shared_data_may_not_be_skipped(tmp_path: Path) -> None:
    """Where the data is, it is used."""
    (tmp_path / "shared").mkdir()
    assert "1 failed" in _run(tmp_path, SKIPPED.format(reason="shared vectors absent"), no_skip=True)


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    """A test that is known to fail is reported as such and left alone."""
    assert "1 xfailed" in _run(tmp_path, EXPECTED_TO_FAIL, no_skip=True)
