"""The model behind the gateway: what goes to it and what comes back, as bytes.

Law: status, headers and body pass untouched but for what belongs to one connection only (RFC 9110 section 7.6.1).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    InvalidURL,
    ServerTimeoutError,
    TCPConnector,
)
from multidict import CIMultiDict
from yarl import URL

from answerable.errors import AnswerableError, ConfigError
from answerable.gateway.asgi import Headers
from answerable.gateway.headers import CREDENTIALS, HANDSHAKE, answered, requested
from answerable.gateway.reply import Reply
from answerable.gateway.routes import Api
from answerable.gateway.shields import Named

CONNECT_S = 10.0
SILENCE_S = 600.0  # what official clients wait for an answer
_ADDED_BY_CLIENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

Sent = bytes | AsyncIterator[bytes] | None


class UpstreamDown(AnswerableError):
    """The model could not be reached, or broke off."""

    code = "upstream_unreachable"
    status = 502


class UpstreamSlow(AnswerableError):
    """The model did not answer in time."""

    code = "upstream_timeout"
    status = 504


class Host(NamedTuple):
    """Where the requests below a path go (b"" is every one), and the key that replaces the caller's there."""

    path: bytes
    url: str
    key: str | None

    def takes(self, target: bytes) -> bool:
        """Say whether a request is its own."""
        return target.startswith(self.path) and target[len(self.path) : len(self.path) + 1] in (b"", b"/", b"?")


class Upstream:
    """Asks the model; one event loop owns it between `open` and `close`."""

    def __init__(self, base: str, key: str | None, *, silence_s: float, routes: Iterable[Host] = ()) -> None:
        """Take the base address as `https://model.example/v1`, its key, and other hosts for some of the routes."""
        others = sorted(routes, key=lambda host: len(host.path), reverse=True)
        self._hosts = [one._replace(url=one.url.rstrip("/")) for one in (*others, Host(b"", base, key))]
        if not all(URL(one.url).scheme in ("http", "https") and URL(one.url).host for one in self._hosts):
            raise ConfigError("upstream.url is no address", hint="write it as https://model.example/v1")
        self._timeout = ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        self._session: ClientSession | None = None

    def open(self) -> None:
        """Begin; connections are made when they are needed."""
        self._session = ClientSession(
            # A stream holds its connection for minutes: a limit would make others wait for it unseen.
            connector=TCPConnector(limit=0),
            cookie_jar=DummyCookieJar(),  # a cookie kept here would be shared by all accounts
            auto_decompress=False,
            skip_auto_headers=_ADDED_BY_CLIENT,
            timeout=self._timeout,
        )

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        body: Sent,
        *,
        drop: Collection[bytes] = (),
        plain: bool,
        api: Api = "openai",
    ) -> ClientResponse:
        """Send a request and wait for the head of its answer; `target` is path and query below the base.

        With `plain` the answer comes uncompressed, so that it can be counted, and cut with a last event. Raise
        UpstreamDown or UpstreamSlow.
        """
        assert self._session is not None, "open first"
        host = self._host(target)
        # What is passed on in pieces keeps the length that the client gave, unless it came in pieces too.
        is_measured = isinstance(body, bytes | None) or any(key == b"transfer-encoding" for key, _ in headers)
        passed = _passed(host, headers, _dropped(tuple(drop), host.key is not None, is_measured, plain), api)
        if plain:
            passed["Accept-Encoding"] = "identity"
        try:
            return await self._session.request(
                method, _url(host.url + target.decode("ascii")), headers=passed, data=body, allow_redirects=False
            )
        except (ServerTimeoutError, TimeoutError) as error:
            raise UpstreamSlow from error
        except (ClientError, InvalidURL, OSError, UnicodeDecodeError) as error:
            raise _broken(error) from error

    def has_key(self, target: bytes) -> bool:
        """Say whether the operator's own key replaces the caller's."""
        return self._host(target).key is not None

    async def connect(
        self, target: bytes, headers: Headers, protocols: Sequence[str], *, drop: Collection[bytes]
    ) -> ClientWebSocketResponse:
        """Open a web socket; raise UpstreamDown or UpstreamSlow."""
        assert self._session is not None, "open first"
        host = self._host(target)
        passed = _passed(host, headers, _dropped((*drop, *HANDSHAKE), host.key is not None, False, False), "openai")
        try:
            return await self._session.ws_connect(
                _url(host.url + target.decode("ascii")), headers=passed, protocols=protocols, max_msg_size=0
            )
        except (ServerTimeoutError, TimeoutError) as error:
            raise UpstreamSlow from error
        except (ClientError, InvalidURL, OSError, UnicodeDecodeError) as error:
            raise UpstreamDown from error

    def _host(self, target: bytes) -> Host:
        hosts = self._hosts
        # The last takes every request; most gateways have no other.
        return hosts[0] if len(hosts) == 1 else next(host for host in hosts if host.path == b"" or host.takes(target))


def _passed(host: Host, headers: Headers, drop: Collection[bytes], api: Api) -> CIMultiDict[str]:
    passed = CIMultiDict(requested(headers, drop))
    if host.key is not None and api == "anthropic":
        passed["X-Api-Key"] = host.key
    elif host.key is not None:
        passed["Authorization"] = f"Bearer {host.key}"
    return passed


async def give_back(response: ClientResponse, reply: Reply, extra: Headers) -> None:
    """Pass an answer back as it comes, and let go of it.

    Raise UpstreamDown or UpstreamSlow where it breaks off, Named if shielded.
    """
    try:
        if reply.hold is not None and response.headers.get("Content-Encoding", "identity") != "identity":
            raise Named  # it cannot be looked through
        is_stream = response.headers.get("Content-Type", "").lower().startswith("text/event-stream")
        await reply.begin(response.status, answered(response.raw_headers) + extra, is_stream=is_stream)
        content = response.content
        is_last = False
        while not is_last:
            try:
                chunk = await content.readany()
            except (ServerTimeoutError, TimeoutError) as error:
                raise UpstreamSlow from error
            except (ClientError, OSError) as error:
                raise _broken(error) from error
            is_last = content.at_eof()
            await reply.part(chunk, is_last=is_last)
    finally:
        if not response.closed:  # read to its end it has given its connection back
            response.close()


def _broken(error: Exception) -> AnswerableError:
    # Where a body that passes in pieces was broken off on this side, the client of the next connection says so here.
    cause = error.__cause__
    return cause if isinstance(cause, AnswerableError) else UpstreamDown()


@lru_cache(maxsize=64)
def _dropped(drop: tuple[bytes, ...], has_key: bool, is_measured: bool, plain: bool) -> frozenset[bytes]:
    """Give the headers that do not go on besides those that never do; a gateway has a handful of such sets."""
    measured = (b"content-length",) if is_measured else ()
    return frozenset((*drop, *measured, *(CREDENTIALS if has_key else ()), *((b"accept-encoding",) if plain else ())))


@lru_cache(maxsize=64)
def _url(address: str) -> URL:
    return URL(address, encoded=True)
