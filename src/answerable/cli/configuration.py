"""`answerable config`: what holds, defaults included."""

from __future__ import annotations

import json

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.config import load_host, resolved


def config(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Read the configuration, check it, and print what holds, defaults included."""
    typer.echo(json.dumps(resolved(load_host(config)), indent=2, ensure_ascii=False))
