"""Roles: each alone or together, by their names; and an end that loses nothing and keeps nobody waiting."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from answerable.cli.roles import ROLES, Stage, parts, read_roles
from answerable.cli.status import spelled
from answerable.config import init_config, load
from answerable.edge import SeededMint
from answerable.errors import ConfigError
from tests.running import PATIENCE_S, House, until


def ask(house: House, user: str, *, stream: bool = False) -> http.client.HTTPResponse:
    """Ask the model something through the gateway."""
    connection = http.client.HTTPConnection(urlsplit(house.gateway).netloc, timeout=PATIENCE_S)
    body = {"model": "stand-in-small", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    # The socket is then the response's alone.
    headers = {"content-type": "application/json", "x-answerable-user": user, "connection": "close"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    return connection.getresponse()


def answered(house: House, user: str) -> int:
    """Return the status that a user's question gets."""
    response = ask(house, user)
    response.read()
    return response.status


def test_roles_are_the_words_of_the_table() -> None:
    """In the table's order whatever is typed; another word is refused with the list."""
    assert read_roles("worker, gateway") == ("gateway", "worker")
    for text in ("portal", "api,console", "", "api,,worker"):
        with pytest.raises(ConfigError) as caught:
            read_roles(text)
        assert caught.value.hint == f"the roles are {', '.join(ROLES)}"


def test_all_roles_in_one_process(house: House) -> None:
    """One process serves, judges and works; status and health name it and its gate; it ends without a trace."""
    process = house.start("serve", "--roles", "gateway,api,worker")
    assert until(lambda: answered(house, "user-1") == 200, "the gateway has contact")
    response = ask(house, "user-1")
    response.read()
    assert [name.lower() for name, _ in response.getheaders()].count("date") == 1
    health = until(
        lambda: [one for one in [house.call("GET", "/v1/health").json] if one["processes"] and one["work"]["swept_at"]],
        "a sweep and the process are written down",
    )[0]
    (one,) = health["processes"]
    assert (one["roles"], one["version"]) == (["gateway", "api", "worker"], "0.1.0")
    assert [gate["in_force"] for gate in health["gates"]] == [True]
    gate = health["gates"][0]["gate"]
    said = until(lambda: [one for one in [house.run("status").stdout] if f"{gate}  in force" in one], "it is told")[0]
    assert f"{one['process']}  gateway api worker  0.1.0  up " in said
    assert max(len(line) for line in said.splitlines() if "key to pin" not in line) <= 80
    assert house.stop(process) == 0
    assert house.run("status").stdout.count("none") == 2


@pytest.mark.long
def test_a_role_alone(house: House) -> None:
    """The api without a gateway, the worker under either name; and what a role needs is said."""
    house.start("serve", "--roles", "api")
    assert house.gateway == ""
    house.start("serve", "--roles", "worker")
    house.start("work")
    until(lambda: house.call("GET", "/v1/health").json["work"]["swept_at"], "a sweep is written down")
    told = until(
        lambda: [one for one in [house.call("GET", "/v1/health").json["processes"]] if len(one) == 3], "three live"
    )[0]
    assert sorted(one["roles"][0] for one in told) == ["api", "worker", "worker"]
    found = house.run("serve", "--roles", "portal")
    assert (found.returncode, "gateway, api, worker" in found.stderr) == (1, True)
    assert [house.stop(one) for one in list(house.processes)] == [0, 0, 0]


def test_a_stream_is_cut_after_the_grace_and_recorded(house: House) -> None:
    """The end waits for what runs, but not for ever; the cut exchange is in the record, incomplete (L18)."""
    house.config.write_text(house.config.read_text().replace("[serve]", "[serve]\ngrace_s = 10"))
    process = house.start("serve")
    until(lambda: answered(house, "user-1") == 200, "the gateway has contact")
    case = house.flag("cut-1", user="user-1").json["case"]
    subject = house.call("GET", f"/v1/cases/{case}", who="lead-1").json["subject"]
    until(lambda: _rows(house, subject, lambda: answered(house, "user-1")), "the gateway knows of the case")
    response = ask(house, "user-1", stream=True)
    assert response.read1(10)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    until(lambda: _refuses(house.gateway), "nobody new is let in")
    assert house.flag("cut-2").status == 201, "the api serves on while the gateway ends"
    assert house.ended(process) == 0
    assert 10 <= time.monotonic() - began < PATIENCE_S
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    assert _complete(house, subject)[-1] == 0
    lines = [json.loads(line) for line in (house.home / "serve.log").read_text().splitlines()]
    rows = [one["told"] for one in lines if (one["logger"], one["message"]) == ("answerable.gateway", "exchange")]
    assert (rows[-1]["subject"], rows[-1]["complete"]) == (subject, False)


def _rows(house: House, subject: str, first: object) -> list[int]:
    assert callable(first)
    first()
    return _complete(house, subject)


def _complete(house: House, subject: str) -> list[int]:
    with sqlite3.connect(house.home / "record" / "bulk.db") as file:
        rows = file.execute("SELECT complete FROM exchange WHERE subject = ? ORDER BY at", (subject,)).fetchall()
    file.close()
    return [complete for (complete,) in rows]


@pytest.mark.long
def test_a_second_signal_ends_at_once_and_loses_nothing(house: House) -> None:
    """With a stream that would last, the first is patient; the second is not."""
    house.config.write_text(house.config.read_text().replace("[serve]", "[serve]\ngrace_s = 60"))
    process = house.start("serve")
    until(lambda: answered(house, "user-1") == 200, "the gateway has contact")
    token = house.flag("twice-1").json["id"]
    response = ask(house, "user-9", stream=True)
    assert response.read1(10)
    process.send_signal(signal.SIGTERM)
    until(lambda: _refuses(house.gateway), "nobody new is let in")
    assert process.poll() is None
    assert house.flag("twice-2").status == 201, "the api serves on while the gateway ends"
    assert house.stop(process) == -signal.SIGTERM
    response.close()
    house.start("serve")
    assert (house.flag("twice-1").json["id"], house.flag("twice-2").status) == (token, 200)


def _refuses(address: str) -> bool:
    try:
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE_S)
        connection.connect()
        connection.close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.long
def test_an_address_is_shared_by_those_who_both_say_so(house: House) -> None:
    """Otherwise the second is refused, with the way to mean it."""
    house.start("serve", "--roles", "api", "--share")
    port = house.api.rpartition(":")[2]
    house.config.write_text(house.config.read_text().replace('api = "127.0.0.1:0"', f'api = "127.0.0.1:{port}"'))
    refused = house.run("serve", "--roles", "api")
    assert (refused.returncode, "--share" in refused.stderr) == (1, True)
    second: subprocess.Popen[str] = house.start("serve", "--roles", "api", "--share")
    assert house.api.endswith(port)
    assert house.stop(second) == 0


@pytest.mark.long
def test_every_process_knows_of_every_gate(house: House) -> None:
    """A gate is in force for whoever asks, and NOT IN FORCE for all once it has been silent beyond its lease (L1)."""
    house.config.write_text(house.config.read_text().replace("[gate]", '[gate]\nname = "front-1"\nlease_s = 5'))
    first = house.start("serve", "--roles", "gateway,api")
    house.start("serve", "--roles", "api")
    until(lambda: _listed(house) == [("front-1", True)], "the other process knows")
    house.kill(first)
    until(lambda: _listed(house) == [("front-1", False)], "its silence is seen")
    assert "not_in_force" in house.call("GET", "/v1/health").json["reasons"]
    assert "front-1  NOT IN FORCE" in house.run("status").stdout
    house.forward(hours=24)
    until(lambda: _listed(house) == [], "gone for good, it leaves the list")


def _listed(house: House) -> list[tuple[str, bool]]:
    return [(one["gate"], one["in_force"]) for one in house.call("GET", "/v1/health").json["gates"]]


def test_without_a_model_there_is_no_gateway(tmp_path: Path) -> None:
    """Asked for by name it says what is missing."""
    init_config(tmp_path / "answerable.toml", mint=SeededMint(1))
    stage = Stage(config=load(tmp_path / "answerable.toml"), roles=("gateway",), share=False, house=None)
    with pytest.raises(ConfigError) as caught:
        parts(stage)
    assert caught.value.hint is not None
    assert "upstream.url" in caught.value.hint


def test_a_span_is_told_in_its_largest_unit() -> None:
    """Short enough for a narrow table."""
    told = [spelled(seconds) for seconds in (-1, 0.4, 119, 120, 7199, 7200, 172_799, 172_800)]
    assert told == ["0 s", "0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]
