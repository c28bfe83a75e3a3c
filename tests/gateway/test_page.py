"""The page on the gateway says what there is."""

from __future__ import annotations

import re

import pytest

from answerable.gateway import exchange, upstream
from answerable.gateway.answers import NO_ROUTE
from answerable.gateway.asgi import ClientGone
from answerable.gateway.later import RUNS_MAX
from answerable.gateway.owners import OWNED_MAX
from answerable.gateway.recorder import ROWS_MAX
from answerable.gateway.routes import ROUTES
from answerable_gate import Limit
from answerable_gate.carrying import ALL
from answerable_gate.io import answers
from tests.sources import ROOT

PAGE = (ROOT / "docs/gateway.md").read_text(encoding="utf-8")
SAYING = [*(ROOT / "src/answerable/gateway").glob("*.py"), ROOT / "gate/src/answerable_gate/io/answers.py"]
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in SAYING)

OTHERS = {"other": "everything else", "messages_other": "everything else below `/messages`"}
CODES = {
    *re.findall(r'_restricted\("([a-z_]+)"', SOURCES),
    NO_ROUTE.code,
    *(answer.code for answer in vars(answers).values() if isinstance(answer, answers.Answer)),
    *re.findall(r'^    code = "([a-z_]+)"', SOURCES, re.MULTILINE),
} - {ClientGone.code}


def table() -> list[str]:
    """Write the capability matrix as it stands on the page."""
    lines = ["| route | requests below `/v1` | body read | not carried | withheld by |", "|---|---|---|---|---|"]
    for route in ROUTES:
        by_path: dict[str, list[str]] = {}
        for request in route.requests:
            method, path = request.split()
            by_path.setdefault(path.removesuffix("/*"), []).append(method)
        told = [f"{' '.join(dict.fromkeys(methods))} `{path}`" for path, methods in by_path.items()]
        requests = ", ".join(told) or OTHERS[route.name]
        missing = ", ".join(sorted(ALL - route.carries)) or "–"
        by = ", ".join(f"`{limit}`" for limit in route.withheld_by) or "–"
        lines.append(f"| {route.name} | {requests} | {'yes' if route.reads_body else 'no'} | {missing} | {by} |")
    return lines


def test_the_matrix_on_the_page_is_the_one_in_force() -> None:
    """Line by line."""
    assert "\n".join(table()) in PAGE


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained(code: str) -> None:
    """What a client can get it can look up."""
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("kind", sorted(set(re.findall(r'report\("([a-z_]+)"', SOURCES))))
def test_every_kind_of_log_line_is_named(kind: str) -> None:
    """What pages somebody he can look up."""
    assert f"`{kind}`" in PAGE


def test_the_numbers_are_the_codes() -> None:
    """Room, limits and silence are said as they are."""
    assert f"{ROWS_MAX:,}" in PAGE
    assert all(f"`{limit}`" in PAGE for limit in Limit)
    assert upstream.SILENCE_S == 600
    assert exchange.NotReadable.status == 415
    assert f"{OWNED_MAX:,} ids" in PAGE
    assert f"{RUNS_MAX:,} that" in PAGE
    assert len(CODES) >= 8
