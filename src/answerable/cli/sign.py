"""`answerable sign`: the process that holds the key of the log and what it signed last, until SIGTERM.

Law: it signs what grows out of the last thing it signed and nothing else, for whoever may ask (L8).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from answerable.api.bodies import decode, whole
from answerable.api.identity import bearer
from answerable.api.problems import respond
from answerable.cli.listening import address_of, listen, serve_alone
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath, log_to_stderr
from answerable.cli.wiring import signing_key
from answerable.config import Config, is_token, load
from answerable.errors import AnswerableError, ConfigError, Conflict, NotAuthenticated
from answerable.ports.signer import LocalSigner
from answerable.ports.signer_remote import CHECKPOINTS, LAST, REQUEST_BYTES, UNIX, SignRequest

NOTE = "text/plain; charset=utf-8"

_log = logging.getLogger("answerable.signer")


def sign(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Hold the key of the log and sign checkpoints for `serve` and `work`, which then never open it."""
    log_to_stderr()
    found = load(config)
    signer = _signer(found)
    with _listening(found) as (listening, address):
        app = build(signer, found.signer.token_hash if found.signer else None)
        asyncio.run(serve_alone(app, listening, "signer", address))


def build(signer: LocalSigner, token_hash: str | None) -> Starlette:
    """Return the service over a key; without a `token_hash` whoever can connect may ask."""

    async def get_last(request: Request) -> Response:
        _admit(request, token_hash)
        return Response(await run_in_threadpool(signer.signed_note), media_type=NOTE)

    async def post_checkpoint(request: Request) -> Response:
        _admit(request, token_hash)
        asked = decode(await whole(request, REQUEST_BYTES), SignRequest)

        def given(old: int, _new: int) -> Sequence[bytes]:
            if old != asked.since:
                raise Conflict(f"the last one signed is of {old} entries, and the proof begins at {asked.since}")
            return asked.proof

        return Response(await run_in_threadpool(signer.sign, asked.text, given), media_type=NOTE)

    routes = [Route(LAST, get_last, methods=["GET"]), Route(CHECKPOINTS, post_checkpoint, methods=["POST"])]
    errors = {AnswerableError: respond, HTTPException: respond, Exception: respond}
    return Starlette(routes=routes, exception_handlers=errors)


def _admit(request: Request, token_hash: str | None) -> None:
    if token_hash is not None and not is_token(bearer(request) or "", token_hash):
        raise NotAuthenticated


def _signer(config: Config) -> LocalSigner:
    """Return the key, once it is the one that everybody else pins."""
    if config.signer is None:
        raise ConfigError("there is no [signer] in the configuration: `serve` and `work` sign by themselves")
    path = signing_key(config)
    signer = LocalSigner(path)
    if signer.vkey != config.signer.vkey:
        raise ConfigError(f"{path} is not the key that signer.vkey pins", hint=f"its key to pin is {signer.vkey}")
    _log.info("%s signed %d entries last", signer.name, signer.signed_last().size)
    return signer


@contextmanager
def _listening(config: Config) -> Iterator[tuple[socket.socket, str]]:
    assert config.signer is not None, "there is a signer to run"
    place = config.signer.place
    if place.startswith(UNIX):
        path = Path(place.removeprefix(UNIX))
        with _unix_socket(path) as found:
            yield found, place
        return
    with listen(place, share=False) as found:
        yield found, address_of(found)


@contextmanager
def _unix_socket(path: Path) -> Iterator[socket.socket]:
    """Give a socket that its owner alone can connect to, and take its name away at the end."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
        raise ConfigError(f"others can enter the signer's folder: {path.parent}", hint=f"chmod 700 {path.parent}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as found:
        try:
            _clear(path)
            found.bind(str(path))
            path.chmod(0o600)
        except OSError as error:
            raise ConfigError(f"cannot listen on {UNIX}{path}: {error.strerror or error}") from error
        mine = path.stat().st_ino
        try:
            yield found
        finally:
            with suppress(FileNotFoundError):
                if path.stat().st_ino == mine:
                    path.unlink()


def _clear(path: Path) -> None:
    """Remove the name that a killed signer left; raise ConfigError where one listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"another signer listens on {UNIX}{path}")
