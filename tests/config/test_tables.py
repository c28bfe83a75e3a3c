"""The keys: each is bounded, and each stands in docs/configuration.md with its danger."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from answerable.config.tables import Config, GateTable, Identity, Limits, Operator, Record, Serve, Staff, Table

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def tables() -> dict[str, type[Table]]:
    """Return every table of the file by its name there."""
    return {
        field.name: kind
        for field in msgspec.structs.fields(Config)
        for kind in (field.type, *get_args(field.type))
        if isinstance(kind, type) and issubclass(kind, Table)
    }


def test_every_key_is_described_with_its_danger() -> None:
    """The page lists exactly the keys there are, each with three cells, none empty."""
    rows = [line.strip("| ").split(" | ") for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    described = [row[0].strip("`") for row in rows]
    keys = [f"{name}.{field.name}" for name, table in tables().items() for field in msgspec.structs.fields(table)]
    assert described == keys
    assert len(tables()) == len(msgspec.structs.fields(Config))
    assert all(len(row) == 3 and all(len(cell) > 5 for cell in row) for row in rows)


def test_every_default_is_described() -> None:
    """A default that the page names is the one that holds."""
    lines = {found[1]: found[0] for found in re.finditer(r"^\| `([a-z_.]+)` \|.*$", DOCS.read_text(), re.MULTILINE)}
    for name, table in (("gate", GateTable), ("serve", Serve)):
        for field in msgspec.structs.fields(table):
            if isinstance(field.default, str | int):
                default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
                assert re.search(rf"[Dd]efault `?{re.escape(default)}`?\.", lines[f"{name}.{field.name}"]), field.name
    sizes = {"body_bytes": "1 MiB", "bulk_bytes": "64 MiB", "gateway_body_bytes": "8 MiB", "notice_bytes": "64 KiB"}
    for name, size in sizes.items():
        number, unit = size.split()
        assert getattr(Limits(), name) == int(number) << {"KiB": 10, "MiB": 20}[unit]
        assert f"Default {size}" in lines[f"limits.{name}"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Record, {"path": "r", "origin": "Has Space"}),
        (Record, {"path": "r", "origin": ""}),
        (Serve, {"api": "8700"}),
        (Serve, {"api": "h:123456"}),
        (Serve, {"api": "h:1\n"}),
        (Staff, {"id": "A B", "name": "n", "role": "lead", "token_hash": "0" * 64}),
        (Staff, {"id": "a", "name": "", "role": "lead", "token_hash": "0" * 64}),
        (Staff, {"id": "a", "name": "n", "role": "lead", "token_hash": "0" * 63}),
        (Staff, {"id": "a", "name": "n", "role": "lead", "token_hash": "0" * 64, "emails": ["nobody"]}),
        (Staff, {"id": "a", "name": "n", "role": "lead", "token_hash": "0" * 64, "superiors": "b"}),
        (Operator, {"id": "a", "scopes": ["all"]}),
        (Operator, {"id": "a", "scopes": ["signals"], "webhook_secret_env": "whsec_abc"}),
        (GateTable, {"on_stale": "open"}),
        (GateTable, {"lease_s": 601}),
        (GateTable, {"lease_s": True}),
        (GateTable, {"identity_header": "X-User"}),
        (Identity, {"algorithms": ["HS256"]}),
        (Identity, {"algorithms": ["none"]}),
        (Identity, {"algorithms": []}),
        (Identity, {"token_header": "X-Token"}),
        (Limits, {"body_bytes": 10}),
        (Limits, {"identifiers": 0}),
    ],
)
def test_a_value_out_of_bounds_is_refused(kind: type[Table], values: dict[str, Any]) -> None:
    """Every key has a form and bounds; a secret put where its variable's name belongs is refused too."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, kind, dec_hook=lambda _, value: Path(value))
