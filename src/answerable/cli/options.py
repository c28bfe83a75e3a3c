"""What several commands take: where the configuration lies, and how a process writes its log."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from answerable_gate import strict

CONFIG_FILE = "answerable.toml"

ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration file.", envvar="ANSWERABLE_CONFIG")
]
DEFAULT_CONFIG = Path(CONFIG_FILE)


class _Lines(logging.Formatter):
    """One JSON line for each entry; what it tells as data and a trace stand inside its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; its time is UTC, as everywhere in the record."""
        at = strict.written(datetime.fromtimestamp(record.created, UTC))
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        if (told := getattr(record, "told", None)) is not None:
            line["told"] = told
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to_stderr() -> None:
    """Write every log entry of this process to stderr as a JSON line."""
    stream = logging.StreamHandler()
    stream.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[stream], force=True)
