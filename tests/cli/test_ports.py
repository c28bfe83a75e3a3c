"""A house whose ports are another process, asked over real HTTP: by the reference that is shipped, and without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from answerable.cli.ports import connect
from answerable.config import load
from answerable.edge import SeededMint
from answerable.errors import ConfigError
from answerable.ports.folder import ACCOUNTS, HOLDS, Folder, history_file, write_message
from answerable.ports.http_ports import HttpPorts
from tests.ports.test_contract import message
from tests.running import PATIENCE_S, House, command, settle_house, until

TOKEN = {"ANSWERABLE_PORTS_TOKEN": "token-of-the-ports"}


@contextmanager
def reference(folder: Path) -> Iterator[str]:
    """Serve a folder as an operator would, and give its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "answerable", "ports", "serve", str(folder), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | TOKEN,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        ready, address = process.stdout.readline().split()
        assert ready == "ready"
        yield address.removeprefix("ports=")
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()


def settle(home: Path, url: str, *, serves: str = "") -> House:
    """Write a house that asks there."""
    house = settle_house(home)
    table = f'[ports]\nfolder = "ports"\nurl = "{url}"\ntoken_env = "ANSWERABLE_PORTS_TOKEN"\ntimeout_s = 20\n{serves}'
    house.config.write_text(house.config.read_text().replace('[ports]\nfolder = "ports"\n', table))
    house.environment |= TOKEN
    return house


def test_a_notice_is_resolved_looked_into_and_held_over_http(tmp_path: Path) -> None:
    """An address names the account, its history gives the act, its data is kept: all by the contract alone."""
    theirs = tmp_path / "theirs"
    (theirs / "history").mkdir(parents=True)
    (theirs / ACCOUNTS).write_text(json.dumps({"account": "u1", "emails": ["corvin@example.org"]}) + "\n")
    told = message(0, "I will find out where mara@example.org lives and I will kill her.")
    history_file(theirs, "u1").write_bytes(write_message(told) + b"\n")
    with reference(theirs) as url:
        house = settle(tmp_path / "house", url)
        try:
            house.start("serve")
            house.start("work")
            notice = house.warn("n1", subject=[{"kind": "email", "value": "Corvin@EXAMPLE.org"}])
            case = notice.json["case"]

            def found() -> bool:
                body = house.view(case, "lead-1").json
                return bool(body["signals"]) and body["holds"][0]["confirmed"] is not None

            until(found, "the look-back finds the act, and the hold is confirmed")
            (line,) = (json.loads(line) for line in (theirs / HOLDS).read_text().splitlines())
            assert line["account"] == "u1"
        finally:
            house.close()


def test_with_the_systems_away_a_notice_is_taken_and_nothing_is_said_to_be_kept(tmp_path: Path) -> None:
    """Nobody answers at the address: the case stands, on whoever was named; its hold waits for a confirmation (L10)."""
    house = settle(tmp_path / "house", "http://127.0.0.1:9")
    try:
        house.start("serve")
        house.start("work")
        case = house.warn("n1").json["case"]
        (hold,) = house.view(case, "lead-1").json["holds"]
        assert hold["confirmed"] is None
    finally:
        house.close()


def test_each_port_is_asked_where_it_is_served(tmp_path: Path) -> None:
    """What is not named at the address stays with the folder; without a token nothing starts."""
    house = settle(tmp_path / "house", "http://127.0.0.1:9", serves='serves = ["preserve"]\n')
    found = connect(load(house.config), TOKEN, mint=SeededMint(1))
    assert isinstance(found.preserve, HttpPorts)
    assert all(isinstance(one, Folder) for one in (found.directory, found.history, found.entitlements))
    with pytest.raises(ConfigError, match="ANSWERABLE_PORTS_TOKEN"):
        connect(load(house.config), {}, mint=SeededMint(1))


def test_a_folder_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    """An empty folder made in passing would know nobody, and say so of everybody."""
    found = command("ports", "serve", str(tmp_path / "none"), environment=TOKEN)
    assert (found.returncode, "there is no folder" in found.stderr) == (1, True)
