"""Bodies: what comes in is read within limits and strictly, or refused with a reason and a status.

Law: whatever is sent, the answer is a problem document and never a fault of ours.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from answerable.edge import parse_time
from answerable.errors import AnswerableError, BadInput, TooLarge

T = TypeVar("T")

BODY_SECONDS_MAX = 30
CHUNK_SECONDS_MAX = 30
LINE_BYTES_MAX = 1 << 20
YEARS = range(2000, 2101)
JSON = "application/json"
NDJSON = "application/x-ndjson"


class Invalid(AnswerableError):
    """The input can be read, and is not what it should be."""

    code = "invalid"
    status = 422


class Unsupported(AnswerableError):
    """The body is of another type than is read here."""

    code = "unsupported_media_type"
    status = 415


class TooSlow(AnswerableError):
    """The body did not arrive in time."""

    code = "too_slow"
    status = 408


class Gone(AnswerableError):
    """The sender left before the body was whole."""

    code = "client_gone"
    status = 400


def media_type(request: Request) -> str:
    """Return the type of a body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def whole(request: Request, limit: int) -> bytes:
    """Return a body of at most `limit` bytes."""
    refuse_by_length(request, limit)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(f"a body here has at most {limit} bytes")
    except TimeoutError as error:
        raise TooSlow from error
    except ClientDisconnect as error:
        raise Gone from error
    return bytes(body)


def refuse_by_length(request: Request, limit: int) -> None:
    """Raise `TooLarge` where the sender says beforehand that the body is too large."""
    said = request.headers.get("content-length", "0")
    if not said.isascii() or not said.isdigit():
        raise BadInput("the length of the body is no number")
    if len(said) > 15 or int(said) > limit:
        raise TooLarge(f"a body here has at most {limit} bytes")


async def chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yield a long body in pieces; raise `TooLarge` past the limit, `TooSlow` where it stands still."""
    refuse_by_length(request, limit)
    read, stream = 0, request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(CHUNK_SECONDS_MAX):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlow from error
        except ClientDisconnect as error:
            raise Gone from error
        read += len(chunk)
        if read > limit:
            raise TooLarge(f"a body here has at most {limit} bytes")
        yield chunk


def decode(content: bytes, shape: type[T]) -> T:
    """Read one JSON document of a shape; duplicate keys, NaN, broken letters and deep nesting are refused."""
    found = decode_line(content, shape)
    try:
        # msgspec takes the last of two equal keys; who sends two may have shown another reader the first.
        json.loads(content, object_pairs_hook=_distinct, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error or 'nested too deeply'}") from error
    return found


def decode_line(content: bytes, shape: type[T]) -> T:
    """Read one JSON line of a shape, of equal keys the last."""
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as error:
        raise Invalid(str(error)) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadInput(f"not JSON: {error}") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def moment(text: str) -> datetime:
    """Read a time of the wire; one far from now is a mistake, not a time."""
    at = parse_time(text)
    if at.year not in YEARS:
        raise Invalid("a time lies between the years 2000 and 2100")
    return at
