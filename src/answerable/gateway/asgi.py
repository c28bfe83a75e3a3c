"""ASGI as plain values: what the server hands over and takes back.

Law: a body is read up to its limit and never beyond.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from answerable.errors import AnswerableError, TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class ClientGone(AnswerableError):
    """The client left before its request was complete."""

    code = "client_gone"
    status = 499  # nobody reads it; nginx writes this number into its logs


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read a whole body; raise TooLarge beyond `limit` bytes, ClientGone where the client leaves."""
    body, is_whole = await begin_body(receive, limit)
    if not is_whole or len(body) > limit:
        raise TooLarge(f"The request is larger than {limit} bytes.")
    return body


async def begin_body(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """Read a body until it ends or has more than `limit` bytes, and say whether that is all of it."""
    message = await next_part(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):  # nearly every request of a conversation comes in one piece
        return body, True
    parts = [body]
    size = len(body)
    while message.get("more_body", False) and size <= limit:
        message = await next_part(receive)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
    return b"".join(parts), not message.get("more_body", False)


async def next_part(receive: Receive) -> Message:
    """Wait for the next part of a body; raise ClientGone where the client leaves."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    sized = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})
