"""`answerable work`: what time brings is written down, letters are carried, histories are read, until SIGTERM."""

from __future__ import annotations

import signal
import threading

import typer

from answerable.cli.check import begin_check
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath, log_to_stderr
from answerable.cli.wiring import open_adopted
from answerable.work.checking import check_step
from answerable.work.loop import run
from answerable.work.steps import steps


def work(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write down what time brings, look back, carry letters and seal what gates saw."""
    log_to_stderr()
    house = open_adopted(config)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        todo = steps(
            house.answerable, history=house.folder, notifier=house.notifier(), record=house.config.record.path
        )
        todo.append(check_step(house.answerable(), lambda: begin_check(house.config), house.config.record.path))
        typer.echo("ready")
        run(todo, stop)
    finally:
        house.close()
