"""The roles of `answerable serve`: what each is made of, and in which order they end.

Law: the gateway ends first, so that what it saw is taken; the record is let go last.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from answerable.api import Inlet
from answerable.api import build as build_api
from answerable.cli.check import begin_check
from answerable.cli.gateways import InContact, Reach, build_gateway, farewell, reach
from answerable.cli.listening import address_of, give_up_the_dead, listen
from answerable.cli.parts import Part, Serving, Working
from answerable.cli.wiring import House
from answerable.config import Config, GatewayHost, from_environment, token_hash
from answerable.edge import RandomMint
from answerable.errors import ConfigError
from answerable.ports.vendor import OpenAICases
from answerable.work import signs
from answerable.work.checking import check_step
from answerable.work.gates import LOOK_S, GateWatch
from answerable.work.loop import Step
from answerable.work.steps import steps
from answerable.work.vendors import Vendor
from answerable.work.writer import Writer

HOST_LETTERS = 28


@dataclass(kw_only=True)
class Stage:
    """What the parts of one process share; `house` is None where no role needs the record."""

    config: Config | GatewayHost
    roles: tuple[str, ...]
    share: bool
    house: House | None
    gates: signs.Gates = field(default_factory=signs.Gates)

    @property
    def host(self) -> str:
        """Return this machine's name in letters that a gate's name may have."""
        return re.sub("[^a-z0-9.-]", "-", socket.gethostname().lower())[:HOST_LETTERS].strip("-.") or "host"

    @property
    def own_name(self) -> str:
        """Return the name of this process among those of the record."""
        return f"{self.host}-{os.getpid()}"

    @property
    def record(self) -> House:
        """Return the house; there is one wherever a role needs it."""
        assert self.house is not None, "the table of roles says who needs the record"
        return self.house

    @cached_property
    def inner(self) -> socket.socket | None:
        """Return where the gateway of this process reaches the api of this process and of no other."""
        together = {"gateway", "api"} <= set(self.roles) and self.config.gate.feed is None
        return listen("127.0.0.1:0", share=False) if together else None

    @cached_property
    def own_token(self) -> str | None:
        """Return the token made for the gateway of this process alone, which nobody else ever sees; None for others."""
        gate = self.config.gate
        is_given = bool(gate.token_env and os.environ.get(gate.token_env))
        return None if self.inner is None or is_given else RandomMint().token("gate")


@dataclass(frozen=True, slots=True)
class ServeRole:
    """A role of a process: what makes its part, and whether that needs the record."""

    part: Callable[[Stage], Part]
    needs_record: bool = True


def gateway_part(stage: Stage) -> Part:
    """Return the gateway before the model."""
    config = stage.config
    if config.upstream is None:
        raise ConfigError("there is no model to put a gateway before", hint="give its address as upstream.url")
    listening = listen(config.serve.gateway, share=stage.share)
    port = listening.getsockname()[1]
    name = config.gate.name or (stage.own_name if stage.share else f"{stage.host}-{port}")
    found = _reach(stage)
    return Serving(
        "gateway", InContact(build_gateway(config, found, name=name)), [listening], grace_s=config.serve.grace_s,
        web_sockets=True, ended=lambda: farewell(found, name=name),
    )  # fmt: skip


def _reach(stage: Stage) -> Reach:
    feed = None if stage.inner is None else address_of(stage.inner)
    policy = None if stage.house is None else stage.house.reading().gate_policy()
    return reach(stage.config, feed=feed, token=stage.own_token, policy=policy)


def api_part(stage: Stage) -> Part:
    """Return the api over the record."""
    house = stage.record
    sockets = [listen(house.config.serve.api, share=stage.share)]
    give_up_the_dead(sockets[0])
    if stage.inner is not None:
        sockets.append(stage.inner)
    inlet = Inlet(
        config=house.config,
        writer=Writer(house.answerable()),
        reading=house.reading(),
        outside=house.answerable(),
        clock=house.clock,
        gate_tokens=_gate_tokens(stage),
        webhook_secrets=webhook_secrets(house.config),
        vendor_secrets=vendor_secrets(house.config),
        gates=stage.gates,
    )
    return Serving(
        "api", build_api(inlet), sockets, grace_s=house.config.serve.grace_s, ending=inlet.stopping.set
    )


def _gate_tokens(stage: Stage) -> tuple[str, ...]:
    """Return the hashes of the tokens that the api takes from gates."""
    own = token_hash(stage.own_token) if stage.own_token is not None else None
    return tuple(sorted(one for one in (stage.config.gate.token_hash, own) if one is not None))


def webhook_secrets(config: Config) -> dict[str, str]:
    """Return the secret of each operator that signs; raise `ConfigError` where one is missing or none."""
    found = {}
    for operator in config.operators:
        if operator.webhook_secret_env is not None:
            found[operator.id] = _secret(operator.webhook_secret_env)
    return found


def vendor_secrets(config: Config) -> dict[str, str]:
    """Return the secret of each vendor's webhook; raise `ConfigError` where one is missing or none."""
    return {one.name: _secret(one.secret_env) for one in config.webhooks}


def _secret(variable: str) -> str:
    secret = from_environment(variable, os.environ)
    try:
        Webhook(secret)
    except (EmptyWebhookSecretError, ValueError) as error:
        raise ConfigError(f"{variable} holds no webhook secret") from error
    return secret


def vendors(config: Config) -> dict[str, Vendor]:
    """Return where the notices of each vendor are read that only announces them."""
    found = {}
    for one in config.webhooks:
        if one.key_env is not None:
            key = from_environment(one.key_env, os.environ)
            found[one.name] = Vendor(one, OpenAICases(one.url, key))
    return found


def worker_part(stage: Stage) -> Part:
    """Return what writes down what time brings, carries letters and looks back."""
    house = stage.record
    reading, read_of = house.reading(), vendors(house.config)

    def todo() -> list[Step]:
        working = steps(
            house.answerable, history=house.ports.history, preserve=house.ports.preserve, notifier=house.notifier(),
            vendors=read_of,
        )  # fmt: skip
        watch = GateWatch(house.answerable(), lambda: reading.gate_policy().lease_s)
        leads = house.store.leads
        watching = Step("gates", lambda: leads("gates") and watch.look(), LOOK_S)
        return [*working, watching, check_step(house.answerable(), lambda: begin_check(house.config))]

    return Working(todo)


def signs_part(stage: Stage) -> Part:
    """Return what says, every two seconds, that this process lives and which gates it hears."""
    house = stage.record
    acts, name, since = house.acts(), stage.own_name, house.clock.now()

    def say() -> bool:
        now = acts.now(house.store.high_water())
        alive = signs.alive(name, roles=stage.roles, version=version("answerable"), since=since, at=now)
        heard = stage.gates.beats(now, house.clock.monotonic(), within_s=2 * signs.EVERY_S)
        house.store.beat([alive, *heard])
        return False

    def end() -> None:
        now = acts.now(house.store.high_water())
        house.store.beat([signs.ended(name, at=now), *stage.gates.beats(now, house.clock.monotonic(), within_s=60)])

    return Working(lambda: [Step("signs", say, signs.EVERY_S)], ended=end)


# In the order in which they end.
ROLES = {
    "gateway": ServeRole(gateway_part, needs_record=False),
    "api": ServeRole(api_part),
    "worker": ServeRole(worker_part),
}


def read_roles(text: str) -> tuple[str, ...]:
    """Return the roles of a list as `api,worker` in the order of the table; raise ConfigError at another word."""
    named = [name.strip() for name in text.split(",")]
    unknown = [name for name in named if name not in ROLES]
    if unknown:
        raise ConfigError(f"there is no role {unknown[0]!r}", hint=f"the roles are {', '.join(ROLES)}")
    return tuple(name for name in ROLES if name in named)


def parts(stage: Stage) -> list[Part]:
    """Return the parts of a process in the order in which they end."""
    found = [role.part(stage) for name, role in ROLES.items() if name in stage.roles]
    return [*found, signs_part(stage)] if stage.house is not None else found
