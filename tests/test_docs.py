"""The documents speak of what there is: terms, commands, links, decisions (keys: tests/config/test_tables.py).

Law: what can be typed is documented, and what is documented can be typed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.sources import ROOT, product, stands

DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
SECTIONS = ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives.**", "**Enforced by**")


def _identifiers() -> set[str]:
    """Collect what the product defines: modules, classes, functions, fields and constants."""
    found: set[str] = set()
    for source in product():
        found.add(source.path.stem)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


def _terms() -> Iterator[tuple[str, list[str]]]:
    for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and "`" in cells[2]:
            yield cells[0], re.findall(r"`([A-Za-z_]+)`", cells[2])


def test_every_term_has_its_name_in_the_code() -> None:
    """A term of the glossary without a name in the code is a wish."""
    known = _identifiers()
    terms = list(_terms())
    assert len(terms) > 30
    assert [(term, name) for term, names in terms for name in names if name not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link inside the repository has a target."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_decisions_say_what_enforces_them(page: Path) -> None:
    """A decision has its five parts, and its number is its place."""
    text = page.read_text(encoding="utf-8")
    assert [section for section in SECTIONS if section not in text] == []
    assert text.startswith(f"# {page.stem[:4]} ")


def _commands() -> set[str]:
    """Ask the command line for everything that can be typed; empty while there is none."""
    if not stands("cli"):
        return set()
    return set(_walk(typer.main.get_command(import_module("answerable.cli").app), ()))


def _walk(command: Any, above: tuple[str, ...]) -> Iterator[str]:
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        if hasattr(inner, "commands"):
            yield from _walk(inner, (*above, name))
        elif not inner.hidden:
            yield " ".join((*above, name))


def test_every_command_is_documented() -> None:
    """Each command stands in README.md or docs/ as `answerable NAME`."""
    written = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in _commands() if f"answerable {name}" not in written] == []


def test_every_documented_command_exists() -> None:
    """Nobody is told to type what is not there."""
    commands = _commands()
    firsts = {name.split()[0] for name in commands}
    written = {word for page in PAGES for word in _typed(page)}
    assert not commands or written <= firsts, written - firsts


def _typed(page: Path) -> list[str]:
    return re.findall(r"(?:`|^|\n|bin/)answerable ([a-z]+)", page.read_text(encoding="utf-8"))
