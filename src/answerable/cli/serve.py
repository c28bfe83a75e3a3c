"""`answerable serve`: the roles of one process, each on an address of its own, until SIGTERM; `answerable work` is one.

Law: what was accepted is committed before the process ends; what ends it is a signal, never a feed that stays open.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from answerable.cli.options import DEFAULT_CONFIG, ConfigPath, log_to_stderr
from answerable.cli.parts import Part
from answerable.cli.roles import ROLES, Stage, parts, read_roles
from answerable.cli.wiring import open_adopted
from answerable.config import Config, GatewayHost, load_host
from answerable.errors import ConfigError

_log = logging.getLogger("answerable.serve")

Roles = Annotated[
    str | None,
    typer.Option(help=f"Any of {','.join(ROLES)}. Without it: the api, and the gateway where a model is configured."),
]
Share = Annotated[bool, typer.Option("--share", help="Other processes may serve on the same addresses.")]


def serve(config: ConfigPath = DEFAULT_CONFIG, roles: Roles = None, share: Share = False) -> None:
    """Serve the api and, where a model is configured, the gateway before it; or the roles that are named."""
    log_to_stderr()
    found = load_host(config)
    if roles is None and found.upstream is None:
        _log.warning("no gateway here: upstream.url is not set, so there is no model to stand before")
    _serve(config, found, _default(found) if roles is None else read_roles(roles), share=share)


def work(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write down what time brings, look back, carry letters and seal: the short form of `serve --roles worker`."""
    log_to_stderr()
    _serve(config, load_host(config), ("worker",), share=False)


def _default(config: Config | GatewayHost) -> tuple[str, ...]:
    if isinstance(config, GatewayHost):
        return ("gateway",)
    return ("api",) if config.upstream is None else ("gateway", "api")


def _serve(path: Path, config: Config | GatewayHost, roles: tuple[str, ...], *, share: bool) -> None:
    needy = [name for name in roles if ROLES[name].needs_record]
    if needy and isinstance(config, GatewayHost):
        raise ConfigError(
            f"there is no record here for the role {needy[0]}", hint="a gateway's host serves --roles gateway alone"
        )
    house = open_adopted(path) if needy else None
    try:
        stage = Stage(config=config, roles=roles, share=share or config.serve.share, house=house)
        asyncio.run(_run(stage))
    finally:
        if house is not None:
            house.close()


async def _run(stage: Stage) -> None:
    """Begin every part, the last to end first; end all in their order once told to, or once one has ended by itself."""
    stop, told = _told_to_stop()
    made, tasks = parts(stage), dict[Part, asyncio.Task[None]]()
    for part in reversed(made):
        tasks[part] = asyncio.create_task(part.run())
        tasks[part].add_done_callback(lambda _: stop.set())
        await _begun(part, stop)
    if not stop.is_set():
        typer.echo(" ".join(["ready", *(part.said for part in made if part.said)]))
    await stop.wait()
    for part in made:
        part.end()
        await asyncio.wait([tasks[part]])
    fault = next((task.exception() for task in tasks.values() if task.exception() is not None), None)
    if fault is not None:
        raise fault
    if not told.is_set():
        raise ConfigError("a part of this process ended by itself", hint="its log says why")


async def _begun(part: Part, stop: asyncio.Event) -> None:
    waiting = [asyncio.create_task(part.begun()), asyncio.create_task(stop.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()


def _told_to_stop() -> tuple[asyncio.Event, asyncio.Event]:
    """Return what is set once the process is to end, and what is set where a signal said so; a second one ends it."""
    stop, told, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

    def tell() -> None:
        stop.set()
        told.set()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell)
    return stop, told
