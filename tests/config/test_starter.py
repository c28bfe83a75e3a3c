"""The starter file: it works, it is private, it replaces nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from answerable.config import init_config, load
from answerable.config.rules import complaints
from answerable.edge import RandomMint, SeededMint
from answerable.errors import ConfigError


def test_the_starter_file_loads(tmp_path: Path) -> None:
    """What is written is sound: two people who can countersign each other, one of them on duty."""
    path = tmp_path / "answerable.toml"
    init_config(path, mint=RandomMint())
    config = load(path)
    assert list(complaints(config)) == []
    assert [person.duty for person in config.staff] == [True, False]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_token_stands_in_the_file(tmp_path: Path) -> None:
    """Tokens are returned once, are all different, and only their hashes are kept; nor does a log show them."""
    path = tmp_path / "answerable.toml"
    starter = init_config(path, mint=SeededMint(1))
    assert len(set(starter.tokens.values())) == 5
    assert not any(token in path.read_text() + repr(starter) for token in starter.tokens.values())


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    """A second start keeps the first file, its people and its tokens."""
    path = tmp_path / "answerable.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError):
        init_config(path, mint=RandomMint())
    assert path.read_text() == "mine"
    with pytest.raises(ConfigError):
        init_config(tmp_path / "nowhere" / "answerable.toml", mint=RandomMint())


def test_every_record_has_an_origin_of_its_own(tmp_path: Path) -> None:
    """Two operators' ledgers are told apart by name."""
    origins = set()
    for name in ("a.toml", "b.toml"):
        init_config(tmp_path / name, mint=RandomMint())
        origins.add(load(tmp_path / name).record.origin)
    assert len(origins) == 2
