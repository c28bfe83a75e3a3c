"""The import contracts of pyproject.toml hold, and each of them would notice a breach.

Law: who may import whom is decided by a machine; a contract that cannot fail is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.sources import ROOT, stands

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS = {contract["id"]: contract for contract in LINTER["contracts"]}

# room -> the contract that must stand as soon as the room does
ROOMS = {
    "gateway": "gateway-thin",
    "portal": "inlets-by-app",
    "console": "inlets-by-app",
    "api": "inlets-by-app",
    "ledger": "verify-alone",
}

# contract -> (file to plant, line to plant, the import that the report must name)
PLANTS = {
    "rooms": ("src/answerable/errors.py", "import answerable.core", "answerable.errors -> answerable.core"),
    "core-rooms": (
        "src/answerable/core/facts.py",
        "import answerable.core.policy",
        "answerable.core.facts -> answerable.core.policy",
    ),
    "core-pure": ("src/answerable/core/facts.py", "import logging", "answerable.core.facts -> logging"),
    "gate-beneath": (
        "gate/src/answerable_gate/__init__.py",
        "import answerable.core",
        "answerable_gate -> answerable.core",
    ),
    "gate-pure": ("gate/src/answerable_gate/__init__.py", "import time", "answerable_gate -> time"),
    "gateway-thin": (
        "src/answerable/gateway/__init__.py",
        "import answerable.config",
        "answerable.gateway -> answerable.config",
    ),
    "inlets-by-app": (
        "src/answerable/api/__init__.py",
        "import answerable.ledger",
        "answerable.api -> answerable.ledger",
    ),
    "verify-alone": (
        "src/answerable/ledger/verify.py",
        "import answerable.ledger.entries",
        "answerable.ledger.verify -> answerable.ledger.entries",
    ),
}


def _lint(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run import-linter over the packages of one tree."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo", *options],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree / 'gate' / 'src'}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copy the sources to where they may be spoiled."""
    for folder in ("src", "gate/src"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_clean_tree_keeps_every_contract(tree: Path) -> None:
    """The sources as they stand break no contract."""
    result = _lint(tree)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(CONTRACTS)} kept, 0 broken" in result.stdout


@pytest.mark.parametrize("contract", CONTRACTS)
def test_contract_names_a_planted_breach(contract: str, tree: Path) -> None:
    """Each contract fails for one forbidden line, and says which import broke it."""
    file, line, named = PLANTS[contract]
    with (tree / file).open("a") as source:
        source.write(f"\n{line}\n")
    result = _lint(tree, "--contract", contract)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{CONTRACTS[contract]['name']} BROKEN" in result.stdout
    assert named in result.stdout


def test_a_room_without_a_place_is_refused(tree: Path) -> None:
    """A new folder that no layer names breaks the build."""
    (tree / "src/answerable/attic").mkdir()
    (tree / "src/answerable/attic/__init__.py").write_text('"""Nobody said where this belongs."""\n')
    result = _lint(tree, "--contract", "rooms")
    assert result.returncode == 1
    assert "attic" in result.stdout


def test_every_contract_is_proven_and_every_room_has_its_own() -> None:
    """No contract stands unproven, and a room cannot come without the contract that binds it."""
    awaited = set(ROOMS.values()) - {contract for room, contract in ROOMS.items() if stands(room)}
    assert set(CONTRACTS) == set(PLANTS) - awaited


def test_gate_has_no_package_but_io() -> None:
    """The contract on the pure gate covers its modules, so a package beside `io` would escape it."""
    gate = ROOT / "gate/src/answerable_gate"
    assert {path.parent.name for path in gate.glob("*/**/*.py")} <= {"io"}


def test_inlets_by_app_lists_every_inlet_thatstands() -> None:
    """A new inlet is bound by the rule that it reads and writes through app alone."""
    inlets = [room for room, contract in ROOMS.items() if contract == "inlets-by-app"]
    standing = {f"answerable.{room}" for room in inlets if stands(room)}
    assert set(CONTRACTS.get("inlets-by-app", {}).get("source_modules", ())) == standing
