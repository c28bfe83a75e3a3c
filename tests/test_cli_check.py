"""`answerable check`: a sound record is verified, a changed one is named, by exit status, page and JSON."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.running import settle_house


def test_the_record_is_checked_and_an_edit_is_named(tmp_path: Path) -> None:
    """0 and VERIFIED; then an alias is taken away: 1 and its name, and so in status and health once work looked."""
    house = settle_house(tmp_path)
    try:
        server = house.start("serve")
        assert house.flag("one").status == 201
        assert house.stop(server) == 0
        sound = house.run("check")
        assert (sound.returncode, sound.stdout.splitlines()[0]) == (0, "VERIFIED"), sound.stdout
        with sqlite3.connect(house.home / "record" / "record.db") as file:
            assert file.execute("DELETE FROM gate_alias").rowcount
        altered = house.run("check", "--json")
        assert altered.returncode == 1
        assert json.loads(altered.stdout)["first_bad"].startswith("gate_alias")
        house.start("work")
        while "FAILED" not in (shown := house.run("status").stdout):
            assert house.processes[0].poll() is None
        assert "gate_alias" in shown
        house.start("serve")
        health = house.call("GET", "/v1/health")
        assert health.status == 503
        assert "record_altered" in health.json["reasons"]
    finally:
        house.close()


def test_without_a_record_there_is_nothing_to_check(tmp_path: Path) -> None:
    """It is said in one sentence, and none is begun."""
    house = settle_house(tmp_path)
    (house.home / "record").rename(tmp_path / "lost")
    found = house.run("check")
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert not (house.home / "record" / "record.db").exists()
