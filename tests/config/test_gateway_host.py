"""The file of a gateway's host: no record, everything it needs, and nothing that a record alone could use."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.config import Config, GatewayHost, init_config, load_host, resolved
from answerable.edge import SeededMint
from answerable.errors import ConfigError

FILE = """\
[upstream]
url = "https://model.example/v1"

[gate]
feed = "https://store.example:8700"
vkey = "log+00000000+AAAA"
key_file = "gate.key"
token_env = "GATE_TOKEN"
snapshot = "gate.snapshot"
"""


def written(home: Path, text: str) -> Path:
    """Write a file and return its path."""
    (home / "answerable.toml").write_text(text)
    return home / "answerable.toml"


def test_a_host_without_a_record_is_told_apart(tmp_path: Path) -> None:
    """A feed and no record make the file of a gateway's host; its paths are taken from its folder."""
    host = load_host(written(tmp_path, FILE))
    assert isinstance(host, GatewayHost)
    assert (host.gate.key_file, host.gate.snapshot) == (tmp_path / "gate.key", tmp_path / "gate.snapshot")
    assert resolved(host)["gate"]["on_cold_start"] == "refuse"


def test_a_record_makes_a_whole_configuration(tmp_path: Path) -> None:
    """Where there is a record a feed beside it changes only where the gateway asks."""
    path = tmp_path / "answerable.toml"
    init_config(path, mint=SeededMint(1))
    path.write_text(path.read_text() + 'feed = "http://127.0.0.1:8700"\nkey_file = "gate.key"\n')
    found = load_host(path)
    assert isinstance(found, Config)
    assert (found.gate.feed, found.gate.key_file) == ("http://127.0.0.1:8700", tmp_path / "gate.key")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('vkey = "log+00000000+AAAA"\n', "", "gate.vkey: a gateway apart from the record needs it"),
        ('token_env = "GATE_TOKEN"\n', "", "gate.token_env: a gateway apart from the record needs it"),
        ('key_file = "gate.key"\n', "", "gate: a gateway apart from the record needs key_file or key_env"),
        ('key_file = "gate.key"\n', 'key_file = "g"\nkey_env = "K"\n', "gate.key_env: give either key_file or key_env"),
        ("https://store.example:8700", "store.example:8700", "gate.feed: the address of the api"),
        ("https://store.example:8700", "https://a:b@store.example", "gate.feed: the address of the api"),
        ("[gate]\n", '[gate]\nname = "Gate One"\n', "gate.name: Expected `str` matching regex"),
        ("[gate]\n", '[staff]\nid = "lead-1"\n[gate]\n', "staff: Object contains unknown field"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    """Nothing starts on half a file, and nobody's name belongs into it."""
    assert old in FILE
    with pytest.raises(ConfigError) as caught:
        load_host(written(tmp_path, FILE.replace(old, new)))
    assert said in str(caught.value)


def test_an_empty_file_is_a_house_without_a_record(tmp_path: Path) -> None:
    """Where no feed is named either, what is missing is the record."""
    with pytest.raises(ConfigError, match="record"):
        load_host(written(tmp_path, ""))
