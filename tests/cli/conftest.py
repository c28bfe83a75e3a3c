"""The house of these tests: one that serves nothing yet, and a stand-in for its model."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import House, settle_house

MODEL = """
import sys, asyncio, socket
import uvicorn
from answerable.gateway.stand_in import StandIn
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(StandIn(token_s=0.1, words=600), log_level="critical", timeout_graceful_shutdown=0)
asyncio.run(uvicorn.Server(config).serve([listening]))
"""


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """Serve the stand-in, whose streams take a minute, and return its address."""
    process = subprocess.Popen([sys.executable, "-c", MODEL], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def house(tmp_path: Path, model: str) -> Iterator[House]:
    """Return a house with a model before which a gateway can stand."""
    found = settle_house(tmp_path / "house", more=f'\n[upstream]\nurl = "{model}"\n')
    try:
        yield found
    finally:
        found.close()


