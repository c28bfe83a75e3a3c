"""`answerable sign` beside serve and work, all of them real: away, silent, killed or contradicted, it costs nobody.

Law: without the signer nothing is lowered, everything else goes on, and the next checkpoint covers it all (L1, L8).
"""

from __future__ import annotations

import re
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerable.cli import sign
from answerable.config import init_config, load, token_hash
from answerable.edge import RandomMint
from answerable.errors import ConfigError
from answerable.ports.signer import LocalSigner, create_signing_key
from tests.running import House, command, settle_house, until
from tests.work.test_work import LIFT, a_gate, answer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house whose key was carried out of its folder, and that is signed for by a process of its own."""
    found = settle_house(tmp_path / "house")
    apart = found.home / "apart"
    apart.mkdir(mode=0o700)
    for path in (found.home / "keys").glob("log.json*"):
        path.rename(apart / path.name)
    vkey = LocalSigner(apart / "log.json").vkey
    with found.config.open("a") as file:
        file.write(f'\n[signer]\nvkey = "{vkey}"\nkey_file = "apart/log.json"\ntimeout_s = 10\n')
    try:
        yield found
    finally:
        found.close()


def behind(house: House) -> int:
    """Return how many entries no checkpoint covers."""
    return int(house.call("GET", "/v1/health").json["checkpoint"]["behind"])


def test_serve_and_work_never_open_the_key(house: House) -> None:
    """With the key on no disk they start, take in and write down; what is not signed is told, never hidden."""
    (house.home / "apart").rename(house.home / "elsewhere")
    house.start("serve")
    house.start("work")
    assert house.warn("n1", danger_now=True).status == 201
    assert "NOT SIGNING" in house.run("status").stdout
    assert house.run("check").returncode == 3
    house.forward(minutes=1)
    until(lambda: "not_sealed" in house.call("GET", "/v1/health").json["reasons"], "it is told")
    exported = house.run("export", "ledger", str(house.home / "out"))
    assert (exported.returncode, "nothing was signed" in exported.stderr) == (0, True), exported.stderr
    (house.home / "elsewhere").rename(house.home / "apart")
    signer = house.start("sign")
    until(lambda: behind(house) == 0, "one checkpoint covers all")
    assert "not_sealed" not in house.call("GET", "/v1/health").json["reasons"]
    assert house.run("check").returncode == 0
    key = LocalSigner(house.home / "apart" / "log.json").vkey
    assert house.run("export", "ledger", str(house.home / "again")).returncode == 0
    verified = command("verify", str(house.home / "again"), "--key", key)
    assert verified.returncode == 0, verified.stdout
    socket = house.home / "keys" / "signer.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert house.stop(signer) == 0
    assert not socket.exists()
    faults = [line for line in (house.home / "serve.log").read_text().splitlines() if "no checkpoint could" in line]
    assert len(faults) <= 2, faults


def test_cut_off_nothing_is_lowered_and_everything_else_goes_on(house: House) -> None:
    """Stopped, then killed: verbs are kept and defaults fall; a lift counts once the signer is back, and no sooner."""
    signer = house.start("sign")
    house.start("serve")
    house.start("work")
    case, gate = ready_to_lift(house), a_gate(house)
    proposal = {"proposal": house.act(case, "proposals", LIFT, "lead-1").json["proposal"]}
    assert house.act(case, "countersignatures", proposal, "partner-1").status == 201
    until(lambda: behind(house) == 0, "all is signed")
    signer.send_signal(signal.SIGSTOP)
    house.flag("fell-1", "user-40", hazard="mass_casualty")
    fell = house.warn("fell-2", "user-40", danger_now=True).json["case"]
    house.forward(hours=73)
    until(lambda: has_fallen(house, fell), "the default took effect, and somebody was paged")
    assert house.act(case, "lifts", proposal, "lead-1").status == 201
    assert all(house.flag(f"more-{number}", f"user-{number}").status == 201 for number in range(20, 30))
    assert answer(house, gate) == "refuse"
    house.kill(signer)
    assert house.flag("later-1", "user-41").status == 201
    assert answer(house, gate) == "refuse"
    assert behind(house) > 0
    house.start("sign")
    until(lambda: answer(house, gate) == "limit", "the proof reached the gate")
    until(lambda: behind(house) == 0, "the next checkpoint covers all")
    assert house.run("check").returncode == 0


def ready_to_lift(house: House) -> str:
    """Open a case, pause the account and answer everything in it; return the case."""
    flag, notice = house.flag("lift-1", hazard="mass_casualty"), house.warn("lift-2")
    case: str = notice.json["case"]
    for who in ("lead-1", "partner-1"):
        house.view(case, who)
    measure = {"level": "paused", "reason": "r", "proportionality": "p"}
    assert house.act(case, "decisions", measure, "lead-1").status == 201
    for kind, token in (("signal", flag.json["id"]), ("notice", notice.json["id"])):
        body = {kind: token, "outcome": "not_upheld", "text": "We looked."}
        assert house.act(case, "answers", body, "lead-1").status == 201
    return case


def has_fallen(house: House, case: str) -> bool:
    """Tell whether the default of a case has been written down as having taken effect: its owner was paged."""
    return any("default took effect" in one["subject"] and case in one["body"] for one in house.letters())


def test_a_record_rolled_back_behind_its_signer_is_never_signed(house: House) -> None:
    """An older copy of the record takes warnings in; nothing of it is signed, and health and `check` both tell."""
    house.start("sign")
    server = house.start("serve")
    house.flag("kept", "user-1")
    until(lambda: behind(house) == 0, "all is signed")
    assert house.stop(server) == 0
    shutil.copytree(house.home / "record", house.home / "copy")
    server = house.start("serve")
    assert all(house.flag(f"lost-{number}", f"user-{number}").status == 201 for number in range(5))
    until(lambda: behind(house) == 0, "all is signed")
    house.stop(server)
    shutil.rmtree(house.home / "record")
    (house.home / "copy").rename(house.home / "record")
    server = house.start("serve")
    assert house.flag("new", "user-9").status == 201
    found = house.run("check")
    assert (found.returncode, "were signed" in found.stdout) == (1, True), found.stdout
    house.forward(minutes=1)
    until(lambda: "not_sealed" in house.call("GET", "/v1/health").json["reasons"], "it is told")
    until(lambda: "nothing is signed any more" in (house.home / "serve.log").read_text(), "the log says it")
    assert all(house.flag(f"other-{number}", f"user-{number}").status == 201 for number in range(10, 30))
    found = house.run("check")
    assert (found.returncode, "signed other entries" in found.stdout) == (1, True), found.stdout
    assert behind(house) > 0


def test_over_http_with_a_name_that_is_wrong_and_then_right(house: House) -> None:
    """A name that leads nowhere stops nothing but lowering; with the right one and the token all is signed."""
    house.environment["SIGNER_TOKEN"] = "a-token-of-the-signer"
    with house.config.open("a") as file:
        file.write('listen = "127.0.0.1:0"\naddress = "http://signer.invalid:8702"\ntoken_env = "SIGNER_TOKEN"\n')
        file.write(f'token_hash = "{token_hash("a-token-of-the-signer")}"\n')
    server = house.start("serve")
    assert house.flag("one").status == 201
    assert behind(house) > 0
    assert house.stop(server) == 0
    house.start("sign")
    said = re.findall(r"listens on (http://[0-9.:]+)", (house.home / "sign.log").read_text())
    house.config.write_text(house.config.read_text().replace("http://signer.invalid:8702", said[-1]))
    house.start("serve")
    until(lambda: behind(house) == 0, "all is signed")


def test_a_signer_that_should_not_run_says_why(tmp_path: Path) -> None:
    """A second one on a socket, a folder that others enter, a key that nobody pins, and no table: one sentence each."""
    path, keys = tmp_path / "answerable.toml", tmp_path / "keys"
    init_config(path, mint=RandomMint())
    keys.mkdir(mode=0o700)
    for name in ("log.json", "other.json"):
        create_signing_key(keys / name, load(path).record.origin, mint=RandomMint())
    bare = path.read_text()
    sound = bare + f'\n[signer]\nvkey = "{LocalSigner(keys / "log.json").vkey}"\n'
    path.write_text(sound)
    sign._signer(load(path))
    with sign._listening(load(path)) as (listening, _):
        listening.listen()
        with pytest.raises(ConfigError, match="another signer listens"), sign._listening(load(path)):
            pass
        assert (keys / "signer.sock").exists()
    keys.chmod(0o755)
    with pytest.raises(ConfigError, match="others can enter"), sign._listening(load(path)):
        pass
    path.write_text(sound + 'key_file = "keys/other.json"\n')
    with pytest.raises(ConfigError, match=r"is not the key that signer\.vkey pins"):
        sign._signer(load(path))
    path.write_text(bare)
    with pytest.raises(ConfigError, match=r"there is no \[signer\]"):
        sign._signer(load(path))
