"""Tokens: whose they are, by hash alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerable.config import (
    from_environment,
    init_config,
    is_token,
    load,
    operator_by_token,
    staff_by_token,
    token_hash,
)
from answerable.edge import SeededMint
from answerable.errors import ConfigError


def test_a_token_stands_as_its_sha_256() -> None:
    """The format of the file is the plain hash, so that any program can make one (FIPS 180-4, the message abc)."""
    assert token_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_token_is_its_holders_alone(tmp_path: Path) -> None:
    """Each token finds its own holder, in its own room, and any other text finds nobody."""
    tokens = init_config(tmp_path / "a.toml", mint=SeededMint(1)).tokens
    config = load(tmp_path / "a.toml")
    for holder in ("lead-1", "partner-1"):
        found = staff_by_token(config, tokens[holder])
        assert found is not None
        assert found.id == holder
        assert operator_by_token(config, tokens[holder]) is None
    operator = operator_by_token(config, tokens["classifier-1"])
    assert operator is not None
    assert operator.id == "classifier-1"
    for stranger in (tokens["gate"], tokens["classifier-1"], "", "\ud800", config.staff[0].token_hash):
        assert staff_by_token(config, stranger) is None
    assert is_token(tokens["gate"], config.gate.token_hash)


def test_nobody_holds_the_token_of_no_hash() -> None:
    """Where no hash is given no token is right, not even the empty one."""
    assert not is_token("", None)


def test_a_secret_comes_from_the_environment() -> None:
    """A secret that is not set, or empty, is refused by the name of its variable."""
    assert from_environment("KEY", {"KEY": "value"}) == "value"
    for environment in ({}, {"KEY": ""}):
        with pytest.raises(ConfigError, match="KEY"):
            from_environment("KEY", environment)
