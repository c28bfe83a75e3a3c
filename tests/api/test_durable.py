"""No lost intake: whatever was answered is still there after any number of kills (L17)."""

from __future__ import annotations

import threading
import time
from http.client import HTTPException
from pathlib import Path

from tests.running import House, command, serving, until

ROUNDS, SENDERS = 4, 3


def test_what_was_answered_survives_every_kill(tmp_path: Path) -> None:
    """serve is killed at random moments under load; each flag and notice that had its receipt is found again."""
    promised: list[tuple[str, str, str]] = []
    with serving(tmp_path) as house:
        for turn in range(ROUNDS):
            stop = threading.Event()
            senders = [
                threading.Thread(target=send, args=(house, f"{turn}-{number}", promised, stop))
                for number in range(SENDERS)
            ]
            before = len(promised)
            for sender in senders:
                sender.start()
            until(lambda before=before: len(promised) > before, "somebody has his receipt")
            time.sleep(0.3 + 0.23 * turn)
            house.kill(house.processes[0])
            stop.set()
            for sender in senders:
                sender.join()
            house.start("serve")
        for kind, key, token in promised:
            again = house.flag(key, user=f"user-{key}") if kind == "flag" else house.warn(key, user=f"user-{key}")
            assert (again.status, again.json["id"]) == (200, token)
        key = house.feed()[0]["key"]
        exported = house.run("export", "ledger", str(tmp_path / "out"))
        assert exported.returncode == 0, exported.stderr
    verified = command("verify", str(tmp_path / "out"), "--key", key)
    assert verified.returncode == 0, verified.stdout


def send(house: House, who: str, promised: list[tuple[str, str, str]], stop: threading.Event) -> None:
    """Send flags and notices and note each receipt."""
    number = 0
    while not stop.is_set():
        number += 1
        key = f"{who}-{number}"
        kind = "flag" if number % 2 else "notice"
        try:
            answer = house.flag(key, user=f"user-{key}") if kind == "flag" else house.warn(key, user=f"user-{key}")
        except (OSError, HTTPException):
            return
        if answer.status == 201:
            promised.append((kind, key, answer.json["id"]))
