"""The command line: everything an operator types works, and what is wrong is one sentence with a hint."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path

import pytest

from answerable.cli import app
from answerable.cli.wiring import read_policy
from answerable.errors import ConfigError
from tests.running import House, command, settle_house, until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house with a record that has begun."""
    found = settle_house(tmp_path_factory.mktemp("cli"))
    assert found.run("status").returncode == 0
    return found


def test_init_makes_a_house_that_is_ready(tmp_path: Path) -> None:
    """Configuration, keys and record, all for the owner alone; the tokens are shown once and open doors."""
    home = tmp_path / "house"
    made = command("init", str(home))
    assert made.returncode == 0, made.stderr
    assert re.search(r"lead-1 .*staff_[a-z0-9]{26}", made.stdout)
    assert re.search(r"record/[a-z0-9]{26}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", made.stdout)
    private = [home / "answerable.toml", *home.glob("keys/*"), *home.glob("record/*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    again = command("init", str(home))
    assert again.returncode == 1
    assert "never replaced" in again.stderr
    assert "Traceback" not in again.stderr


def test_a_lost_record_is_never_begun_anew(tmp_path: Path) -> None:
    """Keys that had a record do not silently get an empty one."""
    home = tmp_path / "house"
    assert command("init", str(home)).returncode == 0
    (home / "record").rename(tmp_path / "lost")
    found = command("status", "--config", str(home / "answerable.toml"))
    assert found.returncode == 1
    assert "restore" in found.stderr


def test_lost_keys_are_never_made_anew(tmp_path: Path) -> None:
    """A record whose keys are gone says so."""
    home = tmp_path / "house"
    assert command("init", str(home)).returncode == 0
    (home / "keys").rename(tmp_path / "lost")
    found = command("status", "--config", str(home / "answerable.toml"))
    assert found.returncode == 1
    assert not (home / "keys").exists()


def test_status_shows_the_key_to_pin(house: House) -> None:
    """Whoever verifies pins this line."""
    found = house.run("status")
    assert found.returncode == 0, found.stderr
    assert re.search(r"key to pin +record/\S+\+[0-9a-f]{8}\+\S+", found.stdout)
    assert "never" in found.stdout


def test_config_prints_what_holds(house: House) -> None:
    """Defaults included, and no secret."""
    found = house.run("config")
    shown = json.loads(found.stdout)
    assert shown["limits"]["notice_bytes"] == 65_536
    assert not any(token in found.stdout for token in house.tokens.values())


def test_a_wrong_configuration_is_one_sentence(tmp_path: Path) -> None:
    """File, line and key; no trace."""
    home = settle_house(tmp_path)
    home.config.write_text(home.config.read_text() + "\n[gatt]\n")
    found = home.run("config")
    assert found.returncode == 1
    assert "gatt" in found.stderr
    assert "Traceback" not in found.stderr
    assert "init" in command("status", "--config", str(tmp_path / "none.toml")).stderr


def test_a_policy_is_checked_before_it_is_adopted(tmp_path: Path) -> None:
    """Every broken rule is named."""
    policy = tmp_path / "policy.toml"
    shipped = Path("src/answerable/blobs/policies/startup.toml").read_text()
    policy.write_text(shipped)
    assert command("policy", "check", str(policy)).returncode == 0
    policy.write_text(shipped.replace('decide = "1h"', 'decide = "9h"'))
    found = command("policy", "check", str(policy))
    assert found.returncode == 1
    assert "tier 1: decide" in found.stderr
    with pytest.raises(ConfigError):
        read_policy(tmp_path / "none.toml")


def test_the_ledger_is_exported_and_verified(house: House, tmp_path: Path) -> None:
    """The folder verifies under the pinned key, and under no other."""
    assert house.run("export", "ledger", str(tmp_path / "out")).returncode == 0
    (key,) = re.findall(r"key to pin +(\S+)", house.run("status").stdout)
    assert command("verify", str(tmp_path / "out"), "--key", key).returncode == 0
    assert command("verify", str(tmp_path / "out"), "--key", "nonsense").returncode == 2
    assert house.run("export", "ledger", str(tmp_path / "out")).returncode == 1


def test_an_import_names_the_lines_it_could_not_read(house: House, tmp_path: Path) -> None:
    """What was lost is said, with its line, and the exit status says so too."""
    good = {"user": "u", "conversation": "c", "role": "user", "text": "hello", "at": "2026-01-01T00:00:00.000000Z"}
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(good) + "\nnot json\n")
    found = house.run("import", str(path), "--format", "jsonl")
    assert found.returncode == 2
    assert "line 2" in found.stderr
    assert "1 messages read, 1 new" in found.stdout
    assert house.run("import", str(tmp_path / "none"), "--format", "jsonl").returncode == 1
    path.write_text(json.dumps(good) + "\n")
    assert house.run("import", str(path), "--format", "jsonl").returncode == 0


def test_it_does_not_run_without_its_asserts() -> None:
    """Half of the house's guards are asserts: `python -O` is refused."""
    found = command("config", optimised=True)
    assert found.returncode == 1
    assert "-O" in found.stderr


def test_an_address_in_use_is_one_sentence(tmp_path: Path) -> None:
    """Starting twice on one address says which."""
    house = settle_house(tmp_path)
    house.start("serve")
    port = house.api.rpartition(":")[2]
    try:
        text = house.config.read_text().replace('api = "127.0.0.1:0"', f'api = "127.0.0.1:{port}"')
        house.config.write_text(text)
        found = house.run("serve")
        assert found.returncode == 1
        assert f"127.0.0.1:{port}" in found.stderr
        assert "Traceback" not in found.stderr
    finally:
        house.close()


def test_a_missing_secret_is_one_sentence(tmp_path: Path) -> None:
    """A key that the file names and the environment does not give is named."""
    house = settle_house(tmp_path, more='\n[upstream]\nurl = "http://127.0.0.1:9/v1"\nkey_env = "NO_SUCH_KEY"\n')
    found = house.run("serve")
    assert found.returncode == 1
    assert "NO_SUCH_KEY" in found.stderr
    assert "Traceback" not in found.stderr


def unsigned(home: Path) -> House:
    """Return a house for which a policy of its own is configured, in a new version that nobody has signed."""
    house = settle_house(home)
    shipped = Path("src/answerable/blobs/policies/startup.toml").read_text()
    text = shipped.replace('version = "startup-1"', 'version = "own-1"').replace('look = "15m"', 'look = "5m"')
    (home / "own.toml").write_text(text)
    house.config.write_text(house.config.read_text().replace('name = "startup"', 'file = "own.toml"'))
    return house


def test_nothing_runs_under_a_policy_that_nobody_signed(tmp_path: Path) -> None:
    """A record that has just begun has none: neither process starts, and each says which command to run."""
    assert command("init", str(tmp_path)).returncode == 0
    config = str(tmp_path / "answerable.toml")
    assert "none" in command("status", "--config", config).stdout
    for name in ("serve", "work"):
        found = command(name, "--config", config)
        assert found.returncode == 1
        assert "two of the staff must sign" in found.stderr
        assert f"answerable policy adopt --config {config}" in found.stderr
        assert "Traceback" not in found.stderr
    assert command("policy", "adopt", "--config", config).returncode == 1


def test_a_policy_waits_until_two_have_signed_it(tmp_path: Path) -> None:
    """The former one goes on, every inlet says so; what is signed is shown first, and the two are those who signed."""
    house = unsigned(tmp_path)
    try:
        house.start("serve")
        waits = {"in_force": "startup-1", "waiting": "policy own-1 waits for two signatures"}
        assert until(lambda: house.call("GET", "/v1/health").json["policy"], "health knows the policy") == waits
    finally:
        house.close()
    assert "policy own-1 waits for two signatures; startup-1 stays in force" in (tmp_path / "serve.log").read_text()
    assert "policy own-1 waits for two signatures" in house.run("status").stdout
    signed = house.sign("partner-1", "lead-1", "--by", "partner-1", "--by", "lead-1")
    assert signed.returncode == 0, signed.stderr
    assert re.search("tier 1: time to look +\\S? *15 min +\\S? *5 min +\\S? *stricter", signed.stdout), signed.stdout
    assert hashlib.sha256((tmp_path / "own.toml").read_bytes()).hexdigest() in signed.stdout
    assert "own-1 is in force, signed by partner-1 and lead-1" in signed.stdout
    assert "nothing waits" in house.run("policy", "adopt").stdout
    assert re.search(r"policy in force +own-1 *\n", house.run("status").stdout)


def test_a_signature_is_given_by_its_owner(tmp_path: Path) -> None:
    """One token twice, another's token, a machine's token, or one name alone: refused, and nothing is adopted."""
    house = unsigned(tmp_path)
    for first, second, more in (
        ("lead-1", "lead-1", ()),
        ("lead-1", "classifier-1", ()),
        ("lead-1", "partner-1", ("--by", "partner-1", "--by", "lead-1")),
        ("lead-1", "partner-1", ("--by", "lead-1")),
    ):
        found = house.sign(first, second, *more)
        assert found.returncode == 1, found.stdout
        assert "Traceback" not in found.stderr
        assert not any(token in found.stdout + found.stderr for token in house.tokens.values())
    assert "waits for two signatures" in house.run("status").stdout


def test_every_command_says_what_it_does() -> None:
    """No command without a sentence."""
    assert all(one.callback is not None and one.callback.__doc__ for one in app.registered_commands)
