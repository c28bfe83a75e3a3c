"""`answerable migrate`, `copy` and `rebuild` as an operator runs them, on a house that serves before and after."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.postgres import database
from tests.running import House, command, settle_house
from tests.storage.version1 import begin

VARIABLE = "ANSWERABLE_DSN"


def _run(house: House, dsn: str, *arguments: str) -> tuple[int, str]:
    done = command(*arguments, "--config", str(house.config), environment={VARIABLE: dsn})
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_house_moves_into_a_database_and_goes_on(tmp_path: Path) -> None:
    """Served from files, copied, served from PostgreSQL; the old place is refused, and the check finds nothing."""
    house = settle_house(tmp_path / "house")
    try:
        server = house.start("serve")
        assert house.flag("one").status == 201
        with database() as dsn:
            record = str(house.home / "record")
            assert "end every process" in _run(house, dsn, "copy", record, f"env:{VARIABLE}", "--move")[1]
            house.stop(server)
            status, said = _run(house, dsn, "copy", record, f"env:{VARIABLE}", "--move")
            assert (status, f'dsn_env = "{VARIABLE}"' in said) == (0, True), said
            assert "was moved" in _run(house, dsn, "status")[1]
            text = house.config.read_text()
            house.config.write_text(text.replace("[record]\n", f'[record]\ndsn_env = "{VARIABLE}"\n'))
            house.environment[VARIABLE] = dsn
            server = house.start("serve")
            assert house.flag("two", "user-8").status == 201
            assert house.stop(server) == 0
            assert _run(house, dsn, "rebuild") == (0, "2 accounts read, 0 rows written or taken away\n")
            assert _run(house, dsn, "migrate") == (0, "nothing to do\n")
            status, said = _run(house, dsn, "check")
            assert (status, said.splitlines()[0]) == (0, "VERIFIED"), said
    finally:
        house.close()


def test_an_older_record_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    """The refusal names the command; --check says what is to be done by its exit status too; --post ends version 1."""
    house = settle_house(tmp_path / "house")
    with closing(sqlite3.connect(house.home / "record" / "record.db")) as file:
        meta = dict(file.execute("SELECT key, value FROM meta"))
    (house.home / "record").rename(tmp_path / "newer")
    begin(house.home / "record", origin=meta["origin"], mark=meta["mark"])
    refused = house.run("serve")
    assert (refused.returncode, "answerable migrate" in refused.stderr) == (1, True)
    looked = house.run("migrate", "--check")
    assert (looked.returncode, looked.stdout.split()[:3]) == (3, ["would", "do", "0002_pre"])
    done = house.run("migrate")
    assert (done.returncode, done.stdout.splitlines()[0].split()[:2]) == (0, ["done", "0002_pre"])
    assert "--post" in done.stdout
    assert "0002_post" in house.run("migrate", "--post").stdout
    assert house.run("migrate", "--post", "--check").stdout == "nothing to do\n"
