"""For whom a request is: which source holds, and what names nobody."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from answerable.errors import AnswerableError, BadInput, NotAuthenticated
from answerable.gateway.bodies import read_members
from answerable.gateway.callers import Callers, Key, read_keys
from answerable.gateway.routes import Api

NOW = datetime(2026, 8, 1, tzinfo=UTC)
HEADER = b"x-answerable-user"
NOUGHT = "0" * 64


class Issued:
    """Tokens whose subject is their middle."""

    async def subject(self, token: str, *, now: datetime) -> str:
        """Read it."""
        assert now == NOW
        if not token.startswith("a."):
            raise NotAuthenticated
        return token.split(".")[1]


def hashed(key: str) -> bytes:
    """Hash a key."""
    return hashlib.sha256(key.encode()).digest()


KEYS = {hashed("sk-1"): Key("user", "account_1"), hashed("sk-2"): Key("tenant", "tenant_2")}
BOTH = Callers(header=HEADER, tokens=Issued(), keys=KEYS)


def who(callers: Callers, *headers: tuple[bytes, bytes], body: bytes | None = None, api: Api = "openai") -> str | None:
    """Ask for whom a request is."""
    caller = asyncio.run(callers.named(list(headers), now=NOW))
    return callers.said(caller, list(headers), read_members(body) if body is not None else None, api)


TOKEN = (b"authorization", b"Bearer a.token_user.c")
USER_KEY = (b"authorization", b"bearer sk-1")
TENANT_KEY = (b"x-api-key", b"sk-2")
SAFETY = (b"openai-safety-identifier", b"said_in_header")
BODY = b'{"user":"said_in_body"}'


@pytest.mark.parametrize(
    ("headers", "body", "identity"),
    [
        ([(HEADER, b"front"), TOKEN, SAFETY], BODY, "front"),
        ([TOKEN, SAFETY], BODY, "token_user"),
        ([USER_KEY, SAFETY], BODY, "account_1"),
        ([TENANT_KEY, SAFETY], BODY, "tenant_2/said_in_body"),
        ([TENANT_KEY, SAFETY], None, "tenant_2/said_in_header"),
        ([TENANT_KEY], b"{}", "tenant_2"),
        ([SAFETY], BODY, None),
        ([SAFETY], b"{}", None),
        ([], b"{}", None),
        ([(b"authorization", b"")], b"{}", None),
    ],
)
def test_the_first_source_that_is_there_holds(headers: Any, body: bytes | None, identity: str | None) -> None:
    """Header, token, key; body and safety identifier below a tenant alone, for who leaves his key out is nobody."""
    if headers == [(b"authorization", b"")]:
        with pytest.raises(NotAuthenticated):
            who(BOTH, *headers, body=body)
        return
    assert who(BOTH, *headers, body=body) == identity


def test_a_header_counts_only_where_a_front_server_writes_it() -> None:
    """Beside a credential of the caller's own, and alone."""
    callers = replace(BOTH, trusts_header=False)
    assert who(callers, USER_KEY, (HEADER, b"another")) == "account_1"
    assert who(callers, (HEADER, b"another"), body=BODY) is None
    assert callers.ours[0] == HEADER


def test_without_credentials_the_request_says_for_whom_it_is() -> None:
    """The body first, then the safety identifier."""
    callers = Callers(header=HEADER)
    assert who(callers, SAFETY, body=BODY) == "said_in_body"
    assert who(callers, SAFETY, body=b"{}") == "said_in_header"


def test_what_callers_write_counts_only_where_it_is_trusted() -> None:
    """A tenant's key then stands for the tenant alone."""
    callers = Callers(header=HEADER, keys=KEYS, trusts_body=False)
    assert who(callers, SAFETY, body=BODY) is None
    assert who(callers, TENANT_KEY, SAFETY, body=BODY) == "tenant_2"


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([(b"authorization", b"Bearer x.token_user.c")], NotAuthenticated),
        ([(b"authorization", b"Bearer sk-unknown")], NotAuthenticated),
        ([(b"api-key", b"sk-unknown")], NotAuthenticated),
        ([(b"authorization", b"Bearer \xff")], NotAuthenticated),
        ([TOKEN, TOKEN], BadInput),
        ([USER_KEY, TENANT_KEY], BadInput),
        ([(HEADER, b"front"), (HEADER, b"front")], BadInput),
        ([TENANT_KEY, SAFETY, SAFETY], BadInput),
        ([TENANT_KEY, (b"openai-safety-identifier", b"x" * 1020)], BadInput),
    ],
)
def test_a_doubtful_credential_is_never_nobody(headers: Any, error: type[AnswerableError]) -> None:
    """Nor is it the next source's."""
    with pytest.raises(error):
        who(BOTH, *headers, body=None if SAFETY[0] in dict(headers) else BODY)


def test_a_token_in_a_header_of_its_own_is_no_key() -> None:
    """Whatever it looks like it is verified; without one the keys are asked."""
    callers = Callers(header=HEADER, tokens=Issued(), token_header=b"x-token", keys=KEYS)
    with pytest.raises(NotAuthenticated):
        who(callers, (b"x-token", b"forged"), USER_KEY)
    assert who(callers, USER_KEY) == "account_1"
    assert callers.ours == (HEADER, b"x-token")


def test_without_configuration_credentials_are_for_the_model() -> None:
    """They are neither read nor checked here."""
    callers = Callers(header=HEADER)
    assert who(callers, (b"authorization", b"Bearer anything"), TENANT_KEY, body=BODY) == "said_in_body"
    assert callers.ours == (HEADER,)


def test_keys_are_a_line_each() -> None:
    """Comments and empty lines are none."""
    text = f"# ours\n\n{hashed('sk-1').hex()} user account_1\n{hashed('sk-2').hex()}  tenant  tenant_2\n"
    assert read_keys(text) == KEYS


@pytest.mark.parametrize(
    "line",
    [
        "sk-1 user a", NOUGHT, NOUGHT + " user", NOUGHT + " admin a", f"{NOUGHT} user a\n{NOUGHT} user b",
        NOUGHT + " tenant a/b",
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_named(line: str) -> None:
    """A gateway with half of its keys does not start."""
    with pytest.raises(ValueError, match=r"line [12]"):
        read_keys(line)
