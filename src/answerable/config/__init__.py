"""The operator's one file, answerable.toml.

Law: a configuration is either whole and sound, or nothing starts.
"""

from answerable.config.files import load, load_host, resolved
from answerable.config.rules import host_port, superiors
from answerable.config.starter import Starter, init_config
from answerable.config.tables import (
    Config,
    Fallback,
    GateTable,
    GatewayHost,
    Identity,
    Operator,
    Scope,
    Serve,
    Staff,
    Upstream,
    VendorKind,
    WebhookTable,
)
from answerable.config.tokens import from_environment, is_token, operator_by_token, staff_by_token, token_hash

__all__ = [
    "Config",
    "Fallback",
    "GateTable",
    "GatewayHost",
    "Identity",
    "Operator",
    "Scope",
    "Serve",
    "Staff",
    "Starter",
    "Upstream",
    "VendorKind",
    "WebhookTable",
    "from_environment",
    "host_port",
    "init_config",
    "is_token",
    "load",
    "load_host",
    "operator_by_token",
    "resolved",
    "staff_by_token",
    "superiors",
    "token_hash",
]
