"""The page on the API speaks of what there is."""

from __future__ import annotations

import re
from typing import get_args

from answerable.api.routes import ROUTES
from answerable.config import Scope
from answerable.core.facts import Hazard
from tests.sources import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_every_route_is_documented_and_no_other() -> None:
    """What can be asked stands on the page, and what stands there can be asked."""
    routes = {f"{method} {route.path}" for route in ROUTES for method in (route.methods or ()) if method != "HEAD"}
    written = {one.partition("?")[0] for one in re.findall(r"`((?:GET|POST) /v1/[^`]*)`", PAGE)}
    assert written == routes


def test_words_of_the_wire_are_documented() -> None:
    """Every hazard and every scope stands on the page."""
    assert [word for word in (*(one.value for one in Hazard), *get_args(Scope)) if f"`{word}`" not in PAGE] == []
