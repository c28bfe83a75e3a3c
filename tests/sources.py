"""The source files of the project, read once, for the tests that look at code as text.

Law: what is checked is what is there; no list of files is kept by hand.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (ROOT / "src/answerable", ROOT / "gate/src/answerable_gate")

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: where it is, what it is called when imported, what it says."""

    path: Path
    module: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()


@dataclass(frozen=True, slots=True)
class Function:
    """One function or method and the names around it."""

    source: Source
    node: AnyFunction
    owner: str

    @property
    def where(self) -> str:
        """The file and the qualified name."""
        return f"{self.source.name}:{self.owner}{self.node.name}"

    @property
    def lines(self) -> int:
        """The length from `def` to the last line."""
        assert self.node.end_lineno is not None
        return self.node.end_lineno - self.node.lineno + 1


@cache
def product() -> tuple[Source, ...]:
    """Read the two packages."""
    return tuple(_read(path, package.parent) for package in PACKAGES for path in sorted(package.rglob("*.py")))


@cache
def others() -> tuple[Source, ...]:
    """Read tests and measurements."""
    folders = (ROOT / "tests", ROOT / "bench")
    return tuple(_read(path, ROOT) for folder in folders for path in sorted(folder.rglob("*.py")))


def functions(sources: tuple[Source, ...]) -> Iterator[Function]:
    """Go through every function and method, also those inside others."""
    for source in sources:
        yield from _functions(source, source.tree, "")


def stands(room: str) -> bool:
    """Say whether a room of answerable has been built."""
    home = ROOT / "src/answerable" / room
    return home.with_suffix(".py").exists() or (home / "__init__.py").exists()


def _read(path: Path, base: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    parts = path.relative_to(base).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Source(path, module, text, ast.parse(text, filename=str(path)))


def _functions(source: Source, parent: ast.AST, owner: str) -> Iterator[Function]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(source, node, owner)
        inner = owner + f"{node.name}." if isinstance(node, ast.ClassDef | AnyFunction) else owner
        yield from _functions(source, node, inner)
