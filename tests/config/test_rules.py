"""The rules between keys: who may share what, and that somebody could countersign."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from answerable.config import Config, Operator, Staff, host_port, superiors
from answerable.config.rules import KeyPath, complaints
from answerable.config.tables import (
    GateTable,
    Identity,
    Keys,
    PolicyChoice,
    Ports,
    Record,
    Serve,
    Upstream,
    UpstreamRoute,
)
from answerable.core.words import Role


def somebody(name: str, role: Role = Role.REVIEWER, **more: Any) -> Staff:
    """Return one of the staff with a token of their own."""
    return Staff(**({"id": name, "name": name, "role": role, "token_hash": name.ljust(64, "0")} | more))


ONE, TWO = somebody("one", Role.LEAD), somebody("two", Role.PARTNER)
SOUND = Config(
    record=Record(path=Path("record")),
    keys=Keys(path=Path("keys")),
    policy=PolicyChoice(name="startup"),
    staff=(ONE, TWO),
)


def keys(config: Config) -> list[KeyPath]:
    """Return the keys that are complained of."""
    return [key for key, _ in complaints(config)]


def with_staff(*staff: Staff) -> Config:
    """Return the sound configuration with other people."""
    return replace(SOUND, staff=staff)


def test_a_sound_house_has_no_complaints() -> None:
    """Two people of whom neither is above the other, and a shipped policy, are enough."""
    assert keys(SOUND) == []
    assert keys(replace(SOUND, policy=PolicyChoice(file=Path("p.toml")))) == []


def test_exactly_one_policy() -> None:
    """Neither and both are refused: which one runs is never guessed."""
    for policy in (PolicyChoice(), PolicyChoice(name="startup", file=Path("p.toml"))):
        assert keys(replace(SOUND, policy=policy)) == [("policy",)]


def test_inlets_have_an_address_each() -> None:
    """Two inlets on one address, or a port that is none, are refused; two free ports are two."""
    assert keys(replace(SOUND, serve=Serve(api="h:1", gateway="h:1"))) == [("serve", "gateway")]
    assert keys(replace(SOUND, serve=Serve(api="h:65536", gateway="h:1"))) == [("serve", "api")]
    assert keys(replace(SOUND, serve=Serve(api="h:0", gateway="h:0"))) == []


def test_an_address_is_split_at_its_last_colon() -> None:
    """Names, IPv4 and bracketed IPv6 addresses give host and port."""
    assert host_port("127.0.0.1:8700") == ("127.0.0.1", 8700)
    assert host_port("[::1]:8700") == ("::1", 8700)


@pytest.mark.parametrize(
    "url",
    [
        "model.example/v1", "ftp://model.example", "https://", "https://key@model.example", "https://model.example/v1?k=1",
        "https://model.example#x", "https://model.example:99999", "https://model.example:0", "https://[::1",
    ],
)  # fmt: skip
def test_the_upstream_is_a_base_address(url: str) -> None:
    """No other scheme, no credentials, no query: conversations go to one host that the file names."""
    assert keys(replace(SOUND, upstream=Upstream(url=url))) == [("upstream", "url")]
    upstream = Upstream(url="https://a.example/v1", routes=(UpstreamRoute(path="/messages", url=url),))
    assert keys(replace(SOUND, upstream=upstream)) == [("upstream", "routes")]


def test_a_route_has_one_host() -> None:
    """Two for one path would be one of them by chance."""
    route = UpstreamRoute(path="/messages", url="https://a.example/v1")
    assert keys(replace(SOUND, upstream=Upstream(url="https://a.example/v1", routes=(route,)))) == []
    assert keys(replace(SOUND, upstream=Upstream(url="https://a.example/v1", routes=(route, route)))) == [
        ("upstream", "routes")
    ]


@pytest.mark.parametrize("url", ["https://model.example/v1", "http://127.0.0.1:9000", "http://[::1]:9000/v1"])
def test_a_base_address_is_taken(url: str) -> None:
    """Plain and TLS addresses with and without a path are base addresses."""
    assert keys(replace(SOUND, upstream=Upstream(url=url))) == []


@pytest.mark.parametrize(
    ("staff", "expected"),
    [
        ([ONE, TWO, somebody("one", token_hash="f" * 64)], ("staff", 2, "id")),
        ([ONE, TWO, somebody("three", superior="nobody")], ("staff", 2, "superior")),
        ([ONE, TWO, somebody("three", superior="three")], ("staff", 2, "superior")),
        ([ONE, TWO, somebody("three", Role.COMMERCIAL, duty=True)], ("staff", 2, "duty")),
        ([ONE, TWO, somebody("three", token_hash=ONE.token_hash)], ("staff", 2, "token_hash")),
        ([ONE, TWO, somebody("three", emails=("A@b.org", "a@b.org"))], ("staff", 2, "emails")),
        ([ONE], ("staff",)),
        ([ONE, somebody("three", Role.COMMERCIAL)], ("staff",)),
        ([ONE, somebody("three", superior="one")], ("staff",)),
    ],
)
def test_a_house_that_cannot_answer_is_refused(staff: Sequence[Staff], expected: KeyPath) -> None:
    """Doubled ids and tokens, loose ends, commercial deciders (R12) and a single line of command (L4) never start."""
    assert keys(with_staff(*staff)) == [expected]


def test_a_circle_of_superiors_is_seen_at_everybody_in_it() -> None:
    """A circle makes each their own superior; the walk upwards still ends."""
    circle = [somebody("a", superior="b"), somebody("b", superior="c"), somebody("c", superior="a")]
    outside = somebody("d", superior="a")
    config = with_staff(*circle, outside, ONE)
    assert [key for key in keys(config) if key[-1] == "superior"] == [
        ("staff", place, "superior") for place in range(3)
    ]
    assert superiors(config, outside) == ["a", "b", "c"]


def test_siblings_under_one_lead_can_countersign() -> None:
    """Two reviewers of one lead stand beside each other: one pair is enough."""
    assert keys(with_staff(ONE, somebody("a", superior="one"), somebody("b", superior="one"))) == []


HASH = "e" * 64


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ([Operator(id="src", scopes=("signals",))], ("operators", 0)),
        ([Operator(id="src", scopes=(), token_hash=HASH)], ("operators", 0, "scopes")),
        ([Operator(id="one", scopes=("signals",), token_hash=HASH)], ("operators", 0, "id")),
        ([Operator(id="src", scopes=("signals",), webhook_secret_env="S")] * 2, ("operators", 1, "id")),
        ([Operator(id="webhook", scopes=("signals",), webhook_secret_env="S")], ("operators", 0, "id")),
        ([Operator(id="src", scopes=("signals",), token_hash=ONE.token_hash)], ("operators", 0, "token_hash")),
    ],
)
def test_a_source_is_recognisable(operators: Sequence[Operator], expected: KeyPath) -> None:
    """Each source has an id, a secret and a scope of its own, so that it can be recalled alone."""
    assert keys(replace(SOUND, operators=tuple(operators))) == [expected]


def test_the_gate_shares_no_token() -> None:
    """The token that lies in the gateway's environment is nobody's signature."""
    assert keys(replace(SOUND, gate=GateTable(token_hash=TWO.token_hash))) == [("gate", "token_hash")]
    assert keys(replace(SOUND, gate=GateTable(token_hash=HASH))) == []


TOKENS = Identity(jwks="jwks.json", issuer="https://sign-in.example", audience="chat")
MODEL = Upstream(url="https://model.example/v1", key_env="MODEL_KEY")


def test_tokens_are_of_one_issuer_and_for_this_service() -> None:
    """And their keys come from a file or over TLS."""
    assert keys(replace(SOUND, identity=TOKENS, upstream=MODEL)) == []
    assert keys(replace(SOUND, identity=replace(TOKENS, issuer=None))) == [("identity", "issuer")]
    assert keys(replace(SOUND, identity=replace(TOKENS, audience=None))) == [("identity", "audience")]
    assert keys(replace(SOUND, identity=replace(TOKENS, jwks=None))) == [("identity", "jwks")]
    assert keys(replace(SOUND, identity=replace(TOKENS, jwks="http://a.example"))) == [("identity", "jwks")]


def test_callers_credentials_end_at_a_gateway_with_a_key_of_its_own() -> None:
    """Else they would be what the model is asked with."""
    bare = replace(MODEL, key_env=None)
    for identity in (TOKENS, Identity(keys_file=Path("callers"))):
        assert keys(replace(SOUND, identity=identity, upstream=bare)) == [("upstream", "key_env")]
        other = replace(MODEL, routes=(UpstreamRoute(path="/messages", url="https://a.example/v1"),))
        assert keys(replace(SOUND, identity=identity, upstream=other)) == [("upstream", "routes")]
    assert keys(replace(SOUND, upstream=bare)) == []


def test_the_ports_are_asked_over_tls_or_on_this_machine_and_with_a_token() -> None:
    """Whom a notice is about travels in no clear text, and nobody without the token can ask."""

    def of(url: str | None, token: str | None = "T") -> list[KeyPath]:
        return keys(replace(SOUND, ports=Ports(url=url, token_env=token)))

    for url in ("https://h.example/answerable", "http://127.0.0.1:8710", "http://[::1]:1/x", "http://localhost:1"):
        assert of(url) == []
    for url in ("http://h.example/x", "http://10.0.0.1:1", "ftp://localhost", "https://u@h.example", "h", "http://h:x"):
        assert of(url) == [("ports", "url")], url
    assert of("https://h.example", None) == [("ports", "token_env")]
    assert of(None) == [("ports", "token_env")]
    assert of(None, None) == []
