"""`answerable demo`: the founding story with invented people, through real HTTP, the real gate and the real record.

Law: everything it starts ends with it; what it prints was measured a moment ago.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from answerable.cli.demo import chapters, closing
from answerable.cli.demo.asking import Asking
from answerable.cli.demo.house import ACCOUNT, DSN, SMALL, House
from answerable.cli.demo.processes import Processes
from answerable.cli.demo.stage import Stage
from answerable.cli.demo.telling import LEAD, Telling
from answerable.errors import AnswerableError

INTERRUPTED = 130
Once = Annotated[bool, typer.Option("--once", help="End by itself; the last line is one JSON object.")]

RESULT = (
    "cases", "first_notice_at", "deadline_at", "served_before_deadline", "refused_after_deadline",
    "served_after_deadline", "second_account_first_verdict", "workers_alive_at_deadline", "restore_attempts_refused",
    "ledger_verified", "tamper_detected",
)
STORY = (
    chapters.flag, chapters.next_day, chapters.three_days, chapters.notice, chapters.silence, closing.other_account,
    closing.comes_back, closing.the_record,
)


def demo(once: Once = False) -> None:
    """Play the story of one warning on this machine, and leave everything running to be tried.

    Where ANSWERABLE_DSN names a PostgreSQL server, the record lies in a database there that ends with the demo.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without these letters shows another sign; it never stops the story.
        sys.stdout.reconfigure(errors="replace")
    console = Console(highlight=False)
    stage = Stage(console, pauses=console.is_terminal and not once)
    with _ended_by_signals(), _database(os.environ.get(DSN)) as environment, _home() as home:
        logs = home / "logs"
        logs.mkdir()
        processes = Processes(logs, environment)
        try:
            story = _begin(home, processes, stage)
            for chapter in STORY:
                chapter(story)
            _end(story, once=once)
        except KeyboardInterrupt:
            stage.say("\nEnded.")
            raise typer.Exit(INTERRUPTED if once else 0) from None
        finally:
            processes.stop()
    if once:
        typer.echo(json.dumps({name: story.measured[name] for name in RESULT}))


def _begin(home: Path, processes: Processes, stage: Stage) -> Telling:
    stage.say("\n[bold]Answerable: one warning, and what becomes of it[/bold]\n")
    stage.say(
        "A story in seven short chapters, played on this machine by the real programs: the record, a worker, a",
        "gateway, and behind it a stand-in that is no model. Only time is moved. The people are invented; the pattern",
        "is the one that a lawsuit of April 2026 alleges, and that no court has found.",
    )
    house = House(home, processes)
    house.open(chapters.FLAG_DAY)
    stage.note("running", f"record :{house.api}, gateway :{house.gateway.port}, model :{house.model.port}, a worker")
    return Telling(house=house, stage=stage, asking=Asking(house))


def _end(story: Telling, *, once: bool) -> None:
    stage, house = story.stage, story.house
    stage.say("\nWhat each number means: docs/demo.md. How the house thinks: docs/concepts.md. Why: docs/why.md.")
    if once:
        return
    stage.say(f"\nEverything still runs, on {house.now:%-d %B %Y}. In another terminal:\n")
    body = json.dumps({"model": SMALL, "messages": [{"role": "user", "content": "hello"}]})
    stage.command(
        f"curl -s {house.gateway.base}/v1/chat/completions -H 'x-answerable-user: {ACCOUNT}' "
        f"-H 'content-type: application/json' -d '{body}'"
    )
    stage.command(f"curl -s {house.wire(LEAD).base}/v1/cases -H 'authorization: Bearer {house.tokens[LEAD]}'")
    stage.command(f"answerable status --config {house.config}")
    stage.say("\nCtrl-C ends all of it and removes its folder.")
    threading.Event().wait()


@contextmanager
def _database(server: str | None) -> Iterator[dict[str, str]]:
    """Give the environment that names a database of the demo's own, an empty one where no server was named."""
    if not server:
        yield {}
        return
    from answerable.simulation.database import own_database  # noqa: PLC0415 - its parts may not be installed

    with own_database(server) as dsn:
        yield {DSN: dsn}


@contextmanager
def _home() -> Iterator[Path]:
    """Give a folder that goes with the demo; where the story fails it stays, and its logs with it."""
    home = Path(tempfile.mkdtemp(prefix="answerable-demo-"))
    try:
        yield home
    except AnswerableError as error:
        error.hint = error.hint or f"the logs of its processes are in {home / 'logs'}"
        raise
    except BaseException:
        shutil.rmtree(home)
        raise
    shutil.rmtree(home)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let a polite end and a closed terminal do what Ctrl-C does, so that nothing stays behind."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
