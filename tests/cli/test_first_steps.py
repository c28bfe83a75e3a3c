"""The first steps of README.md, as somebody types them: the commands on the page are the ones that run here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from answerable_gate import strict
from tests.cli.test_serve import answered, ask
from tests.running import House, settle_house, until

ROOT = Path(__file__).parents[2]


def typed(house: House) -> str:
    """Return the commands of the page that show the gate holding, for the addresses of a house."""
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    (found,) = re.findall(r"```sh\n(# TOKEN is .*?)```", page, re.DOTALL)
    return str(found).replace("http://127.0.0.1:8700", house.api).replace("http://127.0.0.1:8701", house.gateway)


def shell(house: House, commands: str) -> str:
    """Type commands and return what they print."""
    environment = os.environ | {"TOKEN": house.tokens["classifier-1"]}
    done = subprocess.run(
        ["bash", "-c", commands], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_a_first_flag_holds_and_nobody_else_notices(house: House) -> None:
    """The flagged user's document is refused with a date and a way to object, another's is taken; somebody is named."""
    house.start("serve")
    until(lambda: answered(house, "somebody-else") == 200, "the gateway has contact")
    flag, others = typed(house).split("sleep 1; ")  # a second is enough where nothing else runs
    flagged = shell(house, flag)
    until(lambda: b"I was told" in ask(house, "somebody").read(), "the gateway holds what was flagged")
    refused, taken = re.findall(r"\{.*?\}(?=\{|$)", shell(house, others).strip(), re.DOTALL)
    assert '"case":"case_' in flagged
    assert re.search(r"looked at again by \d{4}-\d\d-\d\d\. You can object", refused)
    assert "error" not in taken
    (case,) = house.call("GET", "/v1/cases", who="lead-1").json["cases"]
    assert (case["owner"], case["tier"]) == ("lead-1", 1)


def test_who_serves_without_a_model_is_told(tmp_path: Path) -> None:
    """The file that `init` writes serves the api alone; that there is no gateway is said, and in UTC."""
    house = settle_house(tmp_path / "house")
    try:
        house.start("serve")
    finally:
        house.close()
    first = json.loads((house.home / "serve.log").read_text().splitlines()[0])
    assert house.gateway == ""
    assert (first["level"], "upstream.url is not set" in first["message"]) == ("warning", True)
    assert strict.moment(first["at"]).utcoffset() == timedelta(0)
