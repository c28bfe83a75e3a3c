"""`answerable simulate`: an operator rehearses a policy, sees it in 80 columns, and sees which law broke."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from answerable.cli import app
from answerable.errors import BadInput, ConfigError
from tests.mutants import plants
from tests.postgres import server

RUN = CliRunner()


def test_the_table_fits_eighty_columns() -> None:
    """What an operator sees says what was counted and which laws held, in 80 columns."""
    shown = RUN.invoke(app, ["simulate", "--policy", "startup", "--days", "3", "--seed", "2"])
    assert shown.exit_code == 0, shown.output
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert "Protected by silence" in shown.output and "L1 silence protects" in shown.output
    assert "BROKEN" not in shown.output


def test_json_says_the_same_for_the_same_seed() -> None:
    """L16: one seed, one object, with the counts of every law."""
    first, again = (RUN.invoke(app, ["simulate", "--days", "2", "--seed", "9", "--json"]) for _ in range(2))
    assert first.output == again.output
    found = json.loads(first.output)
    assert found["policy"] == "staffed-1" and found["breach"] is None
    assert found["checks"]["L8 the ledger only grows"] > 10


def test_the_record_may_lie_in_files_or_in_a_database() -> None:
    """L16: what a seed writes does not depend on where; a database is named by the environment, or refused."""
    days = ["simulate", "--days", "1", "--seed", "9", "--json"]
    memory, files = (json.loads(RUN.invoke(app, [*days, "--store", kind]).output) for kind in ("memory", "sqlite"))
    assert memory == files
    unnamed = RUN.invoke(app, [*days, "--store", "postgres"], env={"ANSWERABLE_DSN": ""})
    assert isinstance(unnamed.exception, ConfigError)
    found = RUN.invoke(app, [*days, "--store", "postgres"], env={"ANSWERABLE_DSN": server()})
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["breach"] is None


def test_a_broken_law_is_named_with_what_led_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that breaks a law ends with the law, the seed, the step and the last acts, and exit status 1."""
    plants.feed_entry_lost(monkeypatch)
    shown = RUN.invoke(app, ["simulate", "--days", "20", "--seed", "4"])
    assert shown.exit_code == 1
    assert "BROKEN" in shown.output
    assert "seed 4, step" in shown.output and "the last acts:" in shown.output


def test_a_policy_that_breaks_a_rule_is_refused(tmp_path: Path) -> None:
    """A policy file that does not load is no policy to rehearse; one that is not there is said so."""
    loose = tmp_path / "loose.toml"
    loose.write_text('version = "loose"\n')
    refused = RUN.invoke(app, ["simulate", "--policy", str(loose)])
    assert isinstance(refused.exception, BadInput)
    missing = RUN.invoke(app, ["simulate", "--policy", str(tmp_path / "none.toml")])
    assert isinstance(missing.exception, ConfigError)
