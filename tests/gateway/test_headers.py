"""Headers on their way through."""

from __future__ import annotations

import pytest

from answerable.errors import BadInput
from answerable.gateway.headers import CREDENTIALS, answered, conversation_of, identity_in, requested

NAME = b"x-answerable-user"


@pytest.mark.parametrize(
    ("values", "identity"), [([], None), ([b""], None), ([b"  "], None), ([b"u1"], "u1"), (["Élan".encode()], "Élan")]
)
def test_the_trusted_header_names_the_account(values: list[bytes], identity: str | None) -> None:
    """Once, in UTF-8; empty is none."""
    assert identity_in([(NAME, value) for value in values], NAME) == identity


@pytest.mark.parametrize("values", [[b"a", b"b"], [b"a", b"a"], [b"a", b""], [b"a, b"], [b"\xff"], [b"x" * 2000]])
def test_a_doubtful_identity_is_refused(values: list[bytes]) -> None:
    """A second one, joined or apart, is what a client put beside the trusted one."""
    with pytest.raises(BadInput):
        identity_in([(NAME, value) for value in values], NAME)


def test_what_belongs_to_one_connection_stays_there() -> None:
    """Also what the connection header names, in both directions."""
    came = [
        (b"connection", b"close, X-Secret"), (b"x-secret", b"1"), (b"te", b"trailers"), (b"upgrade", b"h2c"),
        (b"transfer-encoding", b"chunked"), (b"keep-alive", b"1"), (b"proxy-authorization", b"p"), (b"host", b"h"),
        (b"expect", b"100-continue"), (b"x-answerable-conversation", b"c"), (b"accept", b"a"), (b"x-b", b"1"),
        (b"x-b", b"2"),
    ]  # fmt: skip
    assert requested(came, ()) == [("accept", "a"), ("x-b", "1"), ("x-b", "2")]
    back = [(b"Connection", b"X-Hop"), (b"X-Hop", b"1"), (b"Transfer-Encoding", b"chunked"), (b"X-B", b"\xff")]
    assert answered(back) == [(b"x-b", b"\xff")]


@pytest.mark.parametrize(
    "name", [b"x-http-method-override", b"x-method-override", b"x-original-url", b"x-rewrite-url", b"x-original-uri"]
)
def test_a_header_that_asks_for_something_else_is_not_passed_on(name: bytes) -> None:
    """What was judged is the path and method of the request; a lenient host would answer those of the header."""
    assert requested([(name, b"/v1/chat/completions"), (b"x-b", b"1")], ()) == [("x-b", "1")]


def test_the_callers_credentials_can_be_left_behind() -> None:
    """Everything by which an API knows a caller."""
    came = [(name, b"secret") for name in CREDENTIALS] + [(b"accept", b"a")]
    assert requested(came, CREDENTIALS) == [("accept", "a")]


def test_a_header_that_cannot_be_passed_on_is_refused() -> None:
    """It is not changed in silence."""
    with pytest.raises(BadInput):
        requested([(b"x-b", b"\xff")], ())


@pytest.mark.parametrize(
    ("value", "conversation"), [(b"c-1", "c-1"), (b"", None), (b"a b", None), (b"\xff", None), (b"c" * 129, None)]
)
def test_a_conversation_is_a_token(value: bytes, conversation: str | None) -> None:
    """Anything else is not kept."""
    assert conversation_of(value) == conversation
