"""Tokens of the operator's sign-in, with real keys and a real place to fetch them from."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from answerable.errors import NotAuthenticated
from answerable.gateway import tokens
from answerable.gateway.callers import Callers
from answerable.gateway.tokens import Issuer, KeysAway, SignedTokens
from answerable_gate import Level
from tests.gateway.test_app import run
from tests.gateway.world import HEADER, World, follow_log, held, logged, until

NOW = datetime(2026, 8, 1, tzinfo=UTC)
PATIENCE_S = 60
KEY = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})
OTHER = ECKey.generate_key("P-256", {"kid": "k2", "use": "sig", "alg": "ES256"})
CLAIMS: dict[str, Any] = {
    "iss": "https://sign-in.example", "aud": "chat", "sub": "subject_a", "exp": int(NOW.timestamp()) + 600,
}  # fmt: skip


def token(key: Any = KEY, alg: str = "ES256", kid: str | None = "k1", **changes: Any) -> str:
    """Issue a token; a claim that is None is left out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return jwt.encode({"alg": alg, **({"kid": kid} if kid else {})}, claims, key, algorithms=[alg])


def written(folder: Path, *keys: ECKey) -> Path:
    """Write public keys into a file."""
    path = folder / "jwks.json"
    path.write_text(json.dumps(KeySet(list(keys)).as_dict(private=False)))
    return path


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a reading of keys take longer than on a machine with nothing else to do."""
    monkeypatch.setattr(tokens, "WAIT_S", PATIENCE_S)
    monkeypatch.setattr(tokens, "FETCH_S", PATIENCE_S)


class Ticking:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def issuer(jwks: str, **changes: Any) -> Issuer:
    """Name the sign-in."""
    told: dict[str, Any] = {"issuer": CLAIMS["iss"], "audience": "chat", "claim": "sub", "algorithms": ("ES256",)}
    return Issuer(jwks=jwks, **(told | changes))


def verify(given: str, place: Path, *, now: datetime = NOW, **changes: Any) -> str:
    """Verify one token."""
    return asyncio.run(SignedTokens(issuer(str(place), **changes), Ticking()).subject(given, now=now))


def test_a_token_names_its_account(tmp_path: Path) -> None:
    """By the claim that the operator chose."""
    place = written(tmp_path, OTHER, KEY)
    assert verify(token(), place) == "subject_a"
    assert verify(token(aud=["other", "chat"], account="account_1"), place, claim="account") == "account_1"


UNSIGNED = "eyJhbGciOiJub25lIn0." + token().split(".")[1] + "."


@pytest.mark.parametrize(
    "forged",
    [
        token(OTHER),
        token(kid="k9"),
        token()[:-8] + "AAAAAAAA",
        token(OctKey.import_key(json.dumps(KEY.as_dict(private=False))), "HS256"),
        UNSIGNED,
        token(iss="https://other.example"),
        token(iss=None),
        token(aud="mail"),
        token(aud=None),
        token(exp=None),
        token(exp="soon"),
        token(exp=int(NOW.timestamp()) - 60),
        token(nbf=int(NOW.timestamp()) + 60),
        token(sub=None),
        token(sub=""),
        token(sub=7),
        token(sub="x" * 1025),
        "a.b.c",
        "no token",
        "x" * 20_000,
    ],
)
def test_what_does_not_hold_names_nobody(tmp_path: Path, forged: str) -> None:
    """Forged, of others, for others, expired, not yet valid, or without an account."""
    with pytest.raises(NotAuthenticated):
        verify(forged, written(tmp_path, KEY))


def test_what_was_verified_is_remembered_no_longer_than_it_holds(tmp_path: Path, monkeypatch: Any) -> None:
    """Nor longer than five minutes, nor for more tokens than there is room for."""
    monkeypatch.setattr(tokens, "REMEMBERED_MAX", 2)

    async def story() -> None:
        place = written(tmp_path, KEY)
        signed = SignedTokens(issuer(str(place)), Ticking())
        short, long = token(exp=int(NOW.timestamp()) + 60), token()
        for given in (token(sub="first"), short, long):
            await signed.subject(given, now=NOW)
        assert len(signed._remembered) == 2
        ends = [until for _, until in signed._remembered.values()]
        assert ends == [NOW + timedelta(seconds=60), NOW + timedelta(seconds=300)]
        assert await signed.subject(short, now=NOW + timedelta(seconds=59)) == "subject_a"
        with pytest.raises(NotAuthenticated):
            await signed.subject(short, now=NOW + timedelta(seconds=91))

    asyncio.run(story())


class SignIn:
    """A place to fetch keys from."""

    def __init__(self, *keys: ECKey) -> None:
        self.keys, self.status, self.asked = list(keys), 200, 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def answer(self, _: web.Request) -> web.Response:
        """Give the keys."""
        self.asked += 1
        await self.goes_on.wait()
        return web.json_response(KeySet([*self.keys]).as_dict(private=False), status=self.status)

    def was_asked(self, times: int) -> bool:
        """Say whether so many have asked by now."""
        return self.asked >= times

    def during(self, story: Callable[[SignedTokens, Ticking], Awaitable[None]]) -> None:
        """Serve while a story runs."""

        async def told() -> None:
            app = web.Application()
            app.router.add_get("/jwks", self.answer)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            clock = Ticking()
            try:
                await story(SignedTokens(issuer(f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"), clock), clock)
            finally:
                await runner.cleanup()

        asyncio.run(told())


def test_keys_are_fetched_once_and_again_for_a_newer_one() -> None:
    """Not for each forged token, though: at most once in ten seconds."""
    sign_in = SignIn(KEY)

    async def story(signed: SignedTokens, clock: Ticking) -> None:
        names = await asyncio.gather(*(signed.subject(token(sub=f"s{n}"), now=NOW) for n in range(5)))
        assert (names, sign_in.asked) == ([f"s{n}" for n in range(5)], 1)
        sign_in.keys = [KEY, OTHER]
        newer = token(OTHER, kid="k2")
        for _ in range(3):
            with pytest.raises(NotAuthenticated):
                await signed.subject(newer, now=NOW)
        assert sign_in.asked == 1
        clock.at += 10
        assert await signed.subject(newer, now=NOW) == "subject_a"
        clock.at += 301
        await signed.subject(token(sub="later"), now=NOW)
        assert sign_in.asked == 3

    sign_in.during(story)


def test_a_sign_in_that_is_away_locks_nobody_out_who_was_known(caplog: Any) -> None:
    """Without any key it is a 503 and no verdict on the token; a withdrawn key ends with the next reading."""
    follow_log(caplog)
    sign_in = SignIn(KEY)

    async def story(signed: SignedTokens, clock: Ticking) -> None:
        sign_in.status = 503
        with pytest.raises(KeysAway):
            await signed.subject(token(), now=NOW)
        sign_in.status, clock.at = 200, clock.at + 10
        assert await signed.subject(token(), now=NOW) == "subject_a"
        sign_in.status, clock.at = 500, clock.at + 301
        assert await signed.subject(token(sub="b"), now=NOW) == "b"
        with pytest.raises(KeysAway):
            await signed.subject(token(OTHER, kid="k2"), now=NOW)
        sign_in.status, sign_in.keys, clock.at = 200, [OTHER], clock.at + 10
        await signed.subject(token(sub="c"), now=NOW)
        await until(lambda: not signed._is_away())
        with pytest.raises(NotAuthenticated):
            await signed.subject(token(sub="d"), now=NOW)

    sign_in.during(story)
    assert len(logged(caplog, "keys_not_read")) == 2


def test_a_sign_in_that_hangs_delays_nobody_whose_key_is_known(monkeypatch: Any) -> None:
    """Who brings an unknown key waits a moment, once for all who come, and is told that the keys are away."""
    sign_in = SignIn(KEY)

    async def story(signed: SignedTokens, clock: Ticking) -> None:
        await signed.subject(token(), now=NOW)
        monkeypatch.setattr(tokens, "WAIT_S", 0.05)
        monkeypatch.setattr(tokens, "FETCH_S", 3600)
        sign_in.goes_on.clear()
        newer = token(OTHER, kid="k2")
        for step, asked in ((10, 2), (0, 2), (301, 3), (0, 3)):
            clock.at += step
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(KeysAway):
                    await signed.subject(newer, now=NOW)
                await asyncio.gather(*(signed.subject(token(sub=f"{n} {clock.at}"), now=NOW) for n in range(5)))
                await until(partial(sign_in.was_asked, asked))
            assert sign_in.asked == asked
        sign_in.keys = [KEY, OTHER]
        sign_in.goes_on.set()
        await until(lambda: not signed._is_away())
        assert await signed.subject(newer, now=NOW) == "subject_a"

    sign_in.during(story)
    assert sign_in.asked == 3


def test_whose_key_is_no_key_of_the_sign_in_is_refused_while_its_keys_are_fresh() -> None:
    """At once, and without asking for each."""
    sign_in = SignIn(KEY)

    async def story(signed: SignedTokens, _: Ticking) -> None:
        await signed.subject(token(), now=NOW)
        sign_in.goes_on.clear()
        for kid in range(20):
            with pytest.raises(NotAuthenticated):
                await signed.subject(token(OTHER, kid=f"forged {kid}"), now=NOW)

    sign_in.during(story)
    assert sign_in.asked == 1


def test_before_there_are_keys_a_sign_in_that_hangs_is_a_503(monkeypatch: Any) -> None:
    """Within the wait, with a time to come again; whoever the header names is served meanwhile."""
    monkeypatch.setattr(tokens, "WAIT_S", 0.05)
    monkeypatch.setattr(tokens, "FETCH_S", 3600)
    sign_in = SignIn(KEY)
    sign_in.goes_on.clear()

    async def story(signed: SignedTokens, _: Ticking) -> None:
        async def asks(world: World) -> None:
            got = await world.chat(None, {"Authorization": f"Bearer {token()}"})
            assert (got.status, got.code, got.headers["retry-after"]) == (503, "keys_away", "5")
            assert (await world.chat("somebody")).status == 200

        world = World(changes={"callers": Callers(header=HEADER.lower().encode(), tokens=signed)})
        async with world.running():
            await asks(world)
        sign_in.goes_on.set()

    sign_in.during(story)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"EC"}]}', "x" * 10])
def test_a_file_without_keys_is_none(tmp_path: Path, content: str) -> None:
    """Whatever else it is."""
    place = tmp_path / "jwks.json"
    place.write_text(content)
    with pytest.raises(KeysAway):
        verify(token(), place)


def test_a_token_is_judged_at_the_gateway(tmp_path: Path) -> None:
    """Through real connections: the account's measure holds, a forged one is a 401, none reaches the model."""
    place = written(tmp_path, KEY)
    signed = SignedTokens(issuer(str(place)), lambda: 0.0)
    callers = Callers(header=HEADER.lower().encode(), tokens=signed)
    soon = int(datetime.now(UTC).timestamp()) + 600

    async def story(world: World) -> None:
        def bearer(given: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {given}"}

        other = await world.chat(None, bearer(token(sub="somebody", exp=soon)), user="subject_a")
        assert other.status == 200
        await world.hold(held(Level.PAUSED))
        assert (await world.chat(None, bearer(token(exp=soon)), user="somebody")).code == "account_restricted"
        forged = await world.chat(None, bearer(token(OTHER, exp=soon)))
        assert (forged.status, forged.code, forged.headers["www-authenticate"]) == (401, "not_authenticated", "Bearer")

    world = run(story, World(changes={"callers": callers}))
    assert [request["headers"]["authorization"] for request in world.upstream.requests] == ["Bearer upstream-key"]
