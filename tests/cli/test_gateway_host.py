"""A gateway on a host of its own: it needs what its folder holds and the feed, and nothing of the record."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from answerable.cli.gateways import callers_of, policy_before_contact, reach, read_key
from answerable.cli.kit import gateway
from answerable.cli.wiring import open_house
from answerable.config import init_config, load, load_host
from answerable.edge import RandomMint, SystemClock
from answerable.errors import ConfigError, KeyFault
from answerable.gateway.callers import Key
from answerable.vault.keys import load_keyring
from answerable_gate.io.proofs import pin, snapshot_key, unsealer
from answerable_gate.snapshot import place
from tests.cli.test_serve import answered, ask
from tests.running import House, until


def kit(house: House, home: Path) -> House:
    """Carry what a gateway's host needs into a folder, on a free port, and return that host."""
    gateway(home, feed=house.api or "http://store.example:8700", config=house.config)
    config = home / "answerable.toml"
    config.write_text(config.read_text().replace("127.0.0.1:8701", "127.0.0.1:0"))
    return House(home=home, tokens=house.tokens, environment={"ANSWERABLE_GATE_TOKEN": house.tokens["gate"]})


@pytest.fixture
def silent(tmp_path: Path) -> House:
    """Return a house of which nothing runs."""
    home = tmp_path / "house"
    home.mkdir()
    starter = init_config(home / "answerable.toml", mint=RandomMint())
    open_house(load(home / "answerable.toml")).close()
    return House(home=home, tokens=starter.tokens)


def test_a_host_holds_the_gates_key_and_no_other(silent: House, tmp_path: Path) -> None:
    """For its owner's eyes alone; no hash of anybody's token, nobody's name; never over what stands there."""
    home = tmp_path / "host"
    kit(silent, home)
    assert sorted(path.name for path in home.iterdir()) == ["answerable.toml", "gate.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
    assert read_key(home / "gate.key") == load_keyring(silent.home / "keys").gate
    found = tomllib.loads((home / "answerable.toml").read_text())
    assert sorted(found) == ["gate", "serve", "upstream"]
    assert (found["gate"]["feed"], "token_hash" in found["gate"]) == ("http://store.example:8700", False)
    assert policy_before_contact(load_host(home / "answerable.toml")).preamble
    with pytest.raises(ConfigError, match="cannot be made"):
        kit(silent, home)


def test_a_host_knows_callers_as_its_house_does(silent: House, tmp_path: Path) -> None:
    """The files by which they are known go with it, and to which hosts its routes lead."""
    (silent.home / "keys.json").write_text('{"keys": []}')
    (silent.home / "ours").write_text("0" * 64 + " tenant tenant_1\n")
    identity = '[identity]\njwks = "keys.json"\nissuer = "i"\naudience = "a"\nkeys_file = "ours"\ntrust_body = false\n'
    upstream = '[upstream]\nurl = "https://model.example/v1"\nkey_env = "MODEL_KEY"\n'
    upstream += '[[upstream.routes]]\npath = "/messages"\nurl = "https://other.example/v1"\nkey_env = "OTHER_KEY"\n'
    silent.config.write_text(silent.config.read_text() + identity + upstream)
    home = tmp_path / "host"
    kit(silent, home)
    host = load_host(home / "answerable.toml")
    assert host.upstream is not None
    routes = [(one.path, one.url, one.key_env) for one in host.upstream.routes]
    assert routes == [("/messages", "https://other.example/v1", "OTHER_KEY")]
    callers = callers_of(host, SystemClock())
    assert callers.tokens is not None
    assert callers.keys == {bytes(32): Key("tenant", "tenant_1")}
    assert (callers.trusts_body, callers.trusts_header) == (False, False)
    (home / "callers").write_text("sk-1 user a\n")
    with pytest.raises(ConfigError, match="keys_file"):
        callers_of(load_host(home / "answerable.toml"), SystemClock())


def test_a_house_without_a_token_for_gates_has_no_kit(silent: House, tmp_path: Path) -> None:
    """A host that could never read the feed is not begun."""
    silent.config.write_text(silent.config.read_text().partition("[gate]")[0])
    with pytest.raises(ConfigError, match="no gate may read"):
        kit(silent, tmp_path / "host")
    assert not (tmp_path / "host").exists()


def test_a_key_that_others_read_is_refused(tmp_path: Path) -> None:
    """As every key; and half a key is none."""
    path = tmp_path / "gate.key"
    path.write_text("ab" * 32 + "\n")
    path.chmod(0o644)
    with pytest.raises(KeyFault, match="others"):
        read_key(path)
    path.chmod(0o600)
    assert read_key(path) == bytes.fromhex("ab" * 32)
    for text in ("ab" * 31, "AB" * 32, "ab" * 40, ""):
        path.write_text(text)
        with pytest.raises(KeyFault, match="64"):
            read_key(path)


def test_a_gateway_protects_without_the_record(house: House, tmp_path: Path) -> None:
    """What falls due falls due here; killed it is NOT IN FORCE under its name, restarted in force, stopped gone."""
    house.config.write_text(house.config.read_text().replace("[gate]", "[gate]\nlease_s = 2"))
    house.start("serve", "--roles", "api")
    host = kit(house, tmp_path / "host")
    text = host.config.read_text().replace("[gate]", '[gate]\nname = "front-1"')
    host.config.write_text(text + f'\n[clock]\noffset_file = "{house.home}/clock.offset"\n')
    try:
        process = host.start("serve")
        until(lambda: answered(host, "user-1") == 200, "the gateway has contact")
        house.flag("apart-1", user="user-1", hazard="mass_casualty")
        house.forward(hours=2)
        until(lambda: b"I was told" in ask(host, "user-1").read(), "what was due is in force here")
        until(lambda: b"I was told" not in ask(host, "user-2").read(), "in contact, nothing holds for others")
        assert not (host.home / "record").exists()
        host.kill(process)
        until(lambda: listed(house) == [("front-1", False)], "its silence is seen")
        process = host.start("serve")
        until(lambda: listed(house) == [("front-1", True)], "it is back")
        assert (host.stop(process), listed(house)) == (0, [])
    finally:
        host.close()


@pytest.mark.long
def test_what_was_due_stays_due_with_the_store_away(house: House, tmp_path: Path) -> None:
    """A gateway that is killed and started again while nobody serves the feed knows what its host knew (L1)."""
    house.config.write_text(house.config.read_text().replace("[gate]", '[gate]\non_stale = "allow"'))
    house.start("serve", "--roles", "api")
    host = kit(house, tmp_path / "host")
    host.config.write_text(host.config.read_text() + f'\n[clock]\noffset_file = "{house.home}/clock.offset"\n')
    try:
        process = host.start("serve")
        house.flag("away-1", user="user-1", hazard="mass_casualty")
        house.forward(hours=2)
        until(lambda: b"I was told" in ask(host, "user-1").read(), "what was due is in force here")
        snapshot, feed = host.home / "gate.snapshot", house.feed()
        unseal = unsealer(snapshot_key(read_key(host.home / "gate.key")))
        pinned, last = pin(feed[0]["key"], feed[0]["origin"]), feed[-1]["seq"]
        until(lambda: snapshot.exists() and place(snapshot.read_bytes(), unseal, pinned) == last, "the host keeps it")
        house.close()
        host.kill(process)
        process = host.start("serve")
        told = [b"I was told" in ask(host, user).read() for user in ("user-1", "user-2")]
        assert told == [True, False], "on_stale allows whoever nothing is held of"
        host.kill(process)
        snapshot.unlink()
        host.start("serve")
        assert answered(host, "user-1") == 503, "without it nobody is known, and on_cold_start refuses"
    finally:
        host.close()


def listed(house: House) -> list[tuple[str, bool]]:
    """Return the gates that health shows."""
    return [(one["gate"], one["in_force"]) for one in house.call("GET", "/v1/health").json["gates"]]


def test_what_a_host_cannot_do_is_said(silent: House, tmp_path: Path) -> None:
    """No record, no role that needs one; no token, no gateway."""
    host = kit(silent, tmp_path / "host")
    refused = host.run("serve", "--roles", "gateway,worker")
    assert (refused.returncode, "there is no record here for the role worker" in refused.stderr) == (1, True)
    with pytest.raises(ConfigError, match="ANSWERABLE_GATE_TOKEN is not set"):
        reach(load_host(host.config), feed=None, token=None, policy=None)
