"""Tokens of staff, operators and gates: only their hashes stand in the file.

Law: a token is random and of at least 128 bits, so one SHA-256 keeps it; comparing tells nothing by its time.
"""

import hashlib
import hmac
from collections.abc import Mapping

from answerable.config.tables import Config, Operator, Staff
from answerable.errors import ConfigError


def token_hash(token: str) -> str:
    """Return how a token stands in the file: its SHA-256, enough for a random token of at least 128 bits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_token(token: str, expected: str | None) -> bool:
    """Tell in constant time whether a token is the one of this hash; nobody holds the token of no hash."""
    return expected is not None and hmac.compare_digest(token_hash(token), expected)


def staff_by_token(config: Config, token: str) -> Staff | None:
    """Return whose token this is; every hash is compared, so that time tells nothing of the order."""
    found = [person for person in config.staff if is_token(token, person.token_hash)]
    return found[0] if found else None


def operator_by_token(config: Config, token: str) -> Operator | None:
    """Return whose token this is; every hash is compared."""
    found = [operator for operator in config.operators if is_token(token, operator.token_hash)]
    return found[0] if found else None


def from_environment(variable: str, environment: Mapping[str, str]) -> str:
    """Return a secret that the file only names; raise ConfigError where it is not set."""
    value = environment.get(variable, "")
    if not value:
        raise ConfigError(
            f"the environment variable {variable} is not set", hint="answerable.toml names it as a secret"
        )
    return value
