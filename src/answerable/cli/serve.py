"""`answerable serve`: the api and the gateway, two addresses in one process, until SIGTERM.

Law: what was accepted is committed before the process ends; what ends it is a signal, never a feed that stays open.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import typer
import uvicorn
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook
from starlette.applications import Starlette

from answerable.api import Inlet, build
from answerable.cli.options import DEFAULT_CONFIG, ConfigPath, log_to_stderr
from answerable.cli.wiring import House, open_adopted
from answerable.config import Config, from_environment, host_port, token_hash
from answerable.errors import ConfigError
from answerable.gateway import Gateway
from answerable.gateway import build as build_gateway
from answerable.work.loop import beat_file
from answerable.work.writer import Writer
from answerable_gate.io.proofs import pin

GATEWAY_NAME = "gateway"
GRACE_S = 10


class _Server(uvicorn.Server):
    """A server among others in one process: signals are for the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Take the configuration."""
        super().__init__(config)
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        self.begun.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def serve(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Serve the api and, where a model is configured, the gateway before it."""
    log_to_stderr()
    house = open_adopted(config)
    try:
        api = _listen(house.config.serve.api)
        gateway = _listen(house.config.serve.gateway) if house.config.upstream is not None else None
        asyncio.run(_serve(house, api, gateway))
    except BaseExceptionGroup as group:
        # Either server may fail, and the first fault is why the other was ended.
        raise group.exceptions[0] from group
    finally:
        house.close()


async def _serve(house: House, api_socket: socket.socket, gateway_socket: socket.socket | None) -> None:
    stop, base = _told_to_stop(), _address(api_socket)
    token, accepted = _gate_token(house)
    inlet = _inlet(house, accepted)
    api = _server(build(inlet))
    gateway = _server(_gateway(house, base, token)) if gateway_socket is not None else None
    async with asyncio.TaskGroup() as running:
        await _started(api, running.create_task(_run(api, api_socket, stop)))
        said = f"ready api={base}"
        if gateway is not None and gateway_socket is not None:
            await _started(gateway, running.create_task(_run(gateway, gateway_socket, stop)))
            said += f" gateway={_address(gateway_socket)}"
        typer.echo(said)
        await stop.wait()
        # The gateway first: what it has seen and not yet sent goes to the api.
        if gateway is not None:
            gateway.should_exit = True
            await gateway.ended.wait()
        inlet.stopping.set()
        api.should_exit = True


def _told_to_stop() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _run(server: _Server, listening: socket.socket, stop: asyncio.Event) -> None:
    """Serve until told to end; a server that ends by itself ends the process, for one half alone is no house."""
    try:
        await server.serve([listening])
    finally:
        server.ended.set()
    if not stop.is_set():
        raise ConfigError("a server ended by itself", hint="its log says why")


async def _started(server: _Server, task: asyncio.Task[None]) -> None:
    begun = asyncio.create_task(server.begun.wait())
    await asyncio.wait([begun, task], return_when=asyncio.FIRST_COMPLETED)
    begun.cancel()


def _inlet(house: House, gate_tokens: tuple[str, ...]) -> Inlet:
    return Inlet(
        config=house.config,
        writer=Writer(house.answerable()),
        reading=house.reading(),
        outside=house.answerable(),
        clock=house.clock,
        gate_tokens=gate_tokens,
        webhook_secrets=webhook_secrets(house.config),
        beat=beat_file(house.config.record.path),
    )


def webhook_secrets(config: Config) -> dict[str, str]:
    """Return the secret of each operator that signs; raise `ConfigError` where one is missing or none."""
    found = {}
    for operator in config.operators:
        if operator.webhook_secret_env is not None:
            secret = from_environment(operator.webhook_secret_env, os.environ)
            try:
                Webhook(secret)
            except (EmptyWebhookSecretError, ValueError) as error:
                raise ConfigError(f"{operator.webhook_secret_env} holds no webhook secret") from error
            found[operator.id] = secret
    return found


def _gate_token(house: House) -> tuple[str, tuple[str, ...]]:
    """Return the token of the gateway in this process, and the hashes of all that the api takes.

    Where the environment gives none, one is made for this process alone, which nobody else ever sees.
    """
    gate = house.config.gate
    given = os.environ.get(gate.token_env, "") if gate.token_env else ""
    token = given or house.mint.token("gate")
    accepted = {token_hash(token)} if not given else set()
    return token, tuple(sorted(accepted | ({gate.token_hash} if gate.token_hash else set())))


def _gateway(house: House, base: str, token: str) -> Gateway:
    config, upstream = house.config, house.config.upstream
    assert upstream is not None, "there is a gateway only before a model"
    return build_gateway(
        upstream=upstream.url,
        upstream_key=from_environment(upstream.key_env, os.environ) if upstream.key_env else None,
        feed_base=base,
        gate_token=token,
        gate_key=house.keyring.gate,
        pinned=pin(house.signer.vkey, config.record.origin),
        identity_header=config.gate.identity_header,
        name=GATEWAY_NAME,
        clock=house.clock,
        policy=house.reading().gate_policy(),
        body_bytes=config.limits.gateway_body_bytes,
    )


def _server(app: Starlette | Gateway) -> _Server:
    config = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, proxy_headers=False, ws="none",
        timeout_graceful_shutdown=GRACE_S, h11_max_incomplete_event_size=64 * 1024, lifespan="on",
    )
    return _Server(config)


def _listen(address: str) -> socket.socket:
    host, port = host_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise ConfigError(f"cannot listen on {address}: {error.strerror}") from error
    return found


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
