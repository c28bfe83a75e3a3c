"""The configuration to begin with: two people who can countersign each other, and fresh tokens.

Law: an existing file is never replaced, and a token is shown once and kept nowhere.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from answerable.config.tokens import token_hash
from answerable.edge import Mint
from answerable.errors import ConfigError

STARTER = """\
# Answerable. Every key and its danger: docs/configuration.md. `answerable config` prints what holds.

[record]
path = "record"
origin = "{origin}"

[keys]
path = "keys"

[policy]
name = "startup"

[serve]
api = "127.0.0.1:8700"
gateway = "127.0.0.1:8701"

# The model behind the gateway. Its key is read from the environment, never from here.
# [upstream]
# url = "https://model.example/v1"
# key_env = "UPSTREAM_KEY"

# Two people, of whom neither is above the other. Only the hash of a token stands here.
[[staff]]
id = "lead-1"
name = "Duty lead"
role = "lead"
duty = true
token_hash = "{lead}"

[[staff]]
id = "partner-1"
name = "Outside partner"
role = "partner"
token_hash = "{partner}"

[[operators]]
id = "classifier-1"
scopes = ["signals", "notices"]
token_hash = "{operator}"

[[operators]]
id = "billing-1"
scopes = ["accounts"]
token_hash = "{billing}"

[ports]
folder = "ports"

[gate]
token_hash = "{gate}"
token_env = "ANSWERABLE_GATE_TOKEN"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """The tokens of a new configuration, by who holds them; they are shown once and kept nowhere."""

    tokens: dict[str, str] = field(repr=False)


def init_config(path: Path, *, mint: Mint) -> Starter:
    """Write a configuration that works, for two people, and return their fresh tokens; never over an existing file."""
    tokens = {"lead-1": mint.token("staff"), "partner-1": mint.token("staff")}
    tokens |= {"classifier-1": mint.token("op"), "billing-1": mint.token("op"), "gate": mint.token("gate")}
    text = STARTER.format(
        origin=mint.token("record").replace("_", "/"),
        lead=token_hash(tokens["lead-1"]),
        partner=token_hash(tokens["partner-1"]),
        operator=token_hash(tokens["classifier-1"]),
        billing=token_hash(tokens["billing-1"]),
        gate=token_hash(tokens["gate"]),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made: {error.strerror}", hint="an existing file is never replaced"
        ) from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return Starter(tokens=tokens)
