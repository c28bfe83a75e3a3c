"""`answerable import`: conversations from a file into the folder that stands in for the operator's history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath
from answerable.config import load
from answerable.errors import ConfigError
from answerable.ports.intake import FolderSink
from answerable.screen.exports.imports import Format, import_file

File = Annotated[Path, typer.Argument(help="The file to read.")]
Form = Annotated[Format, typer.Option("--format", help="What kind of file it is.")]
User = Annotated[str | None, typer.Option("--user", help="Whose conversations they are.")]


def import_history(
    file: File, form: Form, user: User = None, config: ConfigPath = DEFAULT_CONFIG
) -> None:
    """Read conversations into the history that a notice makes the system look back into."""
    folder = load(config).ports.folder
    if folder is None:
        raise ConfigError("no folder stands in for the history", hint="set ports.folder")
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(file.name, total=None)
        report = import_file(
            file, form, FolderSink(folder), user=user,
            progress=lambda done, size: bar.update(task, completed=done, total=size),
        )
    for bad in report.bad:
        console.print(f"line {bad.line}: {bad.reason}", markup=False, highlight=False)
    if report.bad_count > len(report.bad):
        console.print(f"and {report.bad_count - len(report.bad)} more")
    typer.echo(f"{report.read} messages read, {report.written} new, {report.bad_count} records not readable")
    if not report.is_complete:
        typer.echo("something was lost: a look-back over this history says NOT KNOWN where it finds nothing")
        raise typer.Exit(2)
