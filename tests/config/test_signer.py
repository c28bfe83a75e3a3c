"""The table of a signer that is a process of its own: where it is, and that nobody can use it unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from answerable.config import init_config, load
from answerable.config.rules import complaints
from answerable.config.tables import SignerTable
from answerable.edge import SeededMint
from tests.config.test_rules import ONE, SOUND, keys

VKEY = "answerable/record+01020304+AQ=="
HASH = "f" * 64


def complained(**more: Any) -> list[tuple[str | int, ...]]:
    """Return what is complained of, with a signer."""
    return keys(replace(SOUND, signer=SignerTable(**({"vkey": VKEY} | more))))


def test_a_socket_needs_no_token_and_an_address_does() -> None:
    """Over a socket the same user asks; over HTTP only who has the token."""
    assert complained() == []
    assert complained(token_env="T", token_hash=HASH) == []
    assert complained(token_env="T") == [("signer",)]
    for place in ({"address": "http://h:1"}, {"listen": "0.0.0.0:1"}):
        assert complained(**place) == [("signer",)]
        assert complained(**place, token_env="T") == [("signer",)]
        assert complained(**place, token_env="T", token_hash=HASH) == []


def test_the_key_is_the_records_own() -> None:
    """A key of another name can sign nothing here."""
    assert complained(vkey="other+01020304+AQ==") == [("signer", "vkey")]


def test_addresses_are_ones_that_can_be_used() -> None:
    """A port is a port; behind a TLS proxy the signer listens elsewhere; the token is nobody else's."""
    token = {"token_env": "T", "token_hash": HASH}
    assert complained(address="http://h:65536", **token) == [("signer",)]
    assert complained(address="https://h:1", **token) == [("signer", "listen")]
    assert complained(address="https://h:1", listen="h:2", **token) == []
    shared = replace(SOUND, signer=SignerTable(vkey=VKEY, token_env="T", token_hash=ONE.token_hash))
    assert [key for key, _ in complaints(shared)] == [("signer", "token_hash")]


def test_where_it_listens_follows_from_where_it_is_asked() -> None:
    """Unless the file says otherwise."""
    assert SignerTable(vkey=VKEY, address="http://h:1").place == "h:1"
    assert SignerTable(vkey=VKEY, address="unix:/s").place == "unix:/s"
    assert SignerTable(vkey=VKEY, address="https://h:1", listen="i:2").place == "i:2"


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """Signer and server mean the same socket, wherever they were started."""
    path = tmp_path / "answerable.toml"
    init_config(path, mint=SeededMint(1))
    origin = load(path).record.origin
    text = path.read_text()
    path.write_text(text + f'\n[signer]\nvkey = "{origin}+01020304+AQ=="\nkey_file = "apart/log.json"\n')
    signer = load(path).signer
    assert signer is not None
    assert (signer.address, signer.place) == (f"unix:{tmp_path}/keys/signer.sock",) * 2
    assert signer.key_file == tmp_path / "apart" / "log.json"
    path.write_text(path.read_text() + 'listen = "unix:/run/s"\naddress = "unix:deep/s"\n')
    signer = load(path).signer
    assert signer is not None
    assert (signer.address, signer.place) == (f"unix:{tmp_path}/deep/s", "unix:/run/s")


@pytest.mark.parametrize("address", ["keys/signer.sock", "ftp://h:1", "http://h", "http://h:1/path", "http://u@h:1"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    """What nobody could connect to is seen at the start."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"vkey": VKEY, "address": address}, SignerTable)
