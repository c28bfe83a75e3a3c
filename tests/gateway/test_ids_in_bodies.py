"""An id in a body is its maker's on every route, however the body is written and in whatever pieces it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from answerable.gateway.owners import Owners, made_by
from answerable.gateway.routes import ROUTES
from answerable_gate import Level
from tests.gateway.test_app import run
from tests.gateway.test_matrix import EXTRA
from tests.gateway.test_owners import made
from tests.gateway.world import HEADER, World, held

FORM = "multipart/form-data; boundary=x"
POSTS = tuple(
    request.split()[1].replace("{id}", "a_1").replace("/*", "/a_1/more")
    for route in ROUTES
    for request in route.requests or (EXTRA[route.name],)
    if request.startswith("POST ")
)


def bodies(its: str) -> dict[str, tuple[str, bytes]]:
    """Write bodies that name an id, by what is special about each."""
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in its)
    return {
        "file": ("application/json", json.dumps({"training_file": its}).encode()),
        "list": ("application/json", json.dumps({"name": "n", "file_ids": ["file-of-nobody", its]}).encode()),
        "attachment": ("application/json", json.dumps({"content": "Hi", "attachments": [{"file_id": its}]}).encode()),
        "resource": (
            "application/json",
            json.dumps({"tool_resources": {"code_interpreter": {"file_ids": [its]}}}).encode(),
        ),
        "batch": ("application/json", json.dumps({"requests": [{"params": {"messages": [{"source": its}]}}]}).encode()),
        "first of two": ("application/json", b'{"file_id":"%s","file_id":"f"}' % its.encode()),
        "second of two": ("application/json", b'{"file_id":"f" , "file_id"\n:\t"%s"}' % its.encode()),
        "escaped, of two": ("application/json", b'{"file_id":"%s","file_id":"f"}' % escaped.encode()),
        "behind quotes": ("application/json", b'{"name":"\\\\\\"","file_id":"%s"}' % its.encode()),
        "UTF-16": ("application/json", json.dumps({"file_id": its}).encode("utf-16")),
        "UTF-32": ("application/json", json.dumps({"file_id": its}).encode("utf-32-be")),
        "no type": ("", json.dumps({"file_id": its}).encode()),
        "lines": (FORM, b'--x\r\n\r\n{"n":1}\n{"body":{"previous_response_id":"%s"}}\r\n--x--' % its.encode()),
        "part": (FORM, b'--x\r\nContent-Disposition: form-data; name="file_id"\r\n\r\n%s\r\n--x--' % its.encode()),
        "part cut off": (FORM, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s' % its.encode()),
        "fields": ("application/x-www-form-urlencoded", b"a=b&file_id=%%%02X%s" % (ord(its[0]), its[1:].encode())),
        "long": ("application/json", json.dumps({"text": "x" * 200_000, "file_id": its}).encode()),
    }


async def post(world: World, path: str, who: str | None, kind: str, body: Any) -> int:
    """Send a body of a kind and give the status."""
    named = {"Content-Type": kind} | ({HEADER: who} if who else {})
    async with world.session.post(world.base + path, data=body, headers=named) as response:
        return response.status


async def in_two(body: bytes, border: int) -> AsyncIterator[bytes]:
    """Cut a body in two pieces that come one after the other."""
    for piece in (body[:border], body[border:]):
        yield piece
        await asyncio.sleep(0.02)


def test_anothers_id_is_unknown_on_every_route() -> None:
    """404 before the model is asked, in whatever way it is written."""

    async def story(world: World) -> None:
        for name, (kind, body) in bodies(await made(world, "/v1/files")).items():
            if name != "long":
                got = {path: await post(world, f"/v1{path}", "somebody", kind, body) for path in POSTS}
                assert (name, got) == (name, dict.fromkeys(POSTS, 404))

    assert run(story).upstream.served == 1


def test_ones_own_passes_and_with_nobody_named_its_makers_measures_hold() -> None:
    """However it is written; only in what passes in pieces a request must say for whom it is."""

    async def story(world: World) -> None:
        its = await made(world, "/v1/files")
        path = "/v1/vector_stores/vs_1/files"
        for kind, body in bodies(its).values():
            assert await post(world, path, "subject_a", kind, body) == 200
            passes = kind == FORM or len(body) > world.given["body_bytes"]
            assert await post(world, path, None, kind, in_two(body, 20)) == (404 if passes else 200)
        await world.hold(held(Level.PAUSED))
        kind, body = bodies(its)["list"]
        assert await post(world, path, None, kind, body) == 403

    run(story)


def test_what_is_too_long_to_be_read_whole_is_looked_through_on_its_way() -> None:
    """It has no limit, and the model never has all of it."""

    async def story(world: World) -> None:
        kind, body = bodies(await made(world, "/v1/files"))["long"]
        for path in ("/v1/messages/batches", "/v1/assistants", "/v1/fine_tuning/jobs"):
            assert await post(world, path, "somebody", kind, body) == 404
            assert await post(world, path, "subject_a", kind, body) == 200

    assert run(story).upstream.served == 4


def test_no_border_between_pieces_hides_an_id() -> None:
    """Wherever a form is cut."""

    async def story(world: World) -> None:
        its = await made(world, "/v1/files")
        kind, body = bodies(its)["part"]
        at = body.index(its.encode())

        for border in (at - 4, at - 1, at, at + 1, at + len(its) - 1, at + len(its), at + len(its) + 1):
            assert await post(world, "/v1/images/edits", "somebody", kind, in_two(body, border)) == 404

    assert run(story).upstream.served == 1


def test_a_text_that_mentions_an_id_is_no_use_of_it() -> None:
    """A conversation may be about one."""

    async def story(world: World) -> None:
        its = await made(world, "/v1/files")
        for said in (f"What is {its}?", f'He wrote "{its}" to me.'):
            body = json.dumps({"content": said, "role": "user"}).encode()
            assert await post(world, "/v1/threads/thread_1/messages", "somebody", "application/json", body) == 200

    run(story)


def test_an_id_in_the_query_is_one() -> None:
    """It leads to another's as well."""

    async def story(world: World) -> None:
        its = await made(world, "/v1/files")
        for query, status in ((f"after={its}", 404), (f"limit=1&after=%{ord(its[0]):02x}{its[1:]}", 404), ("q=1", 200)):
            named = {HEADER: "somebody"}
            async with world.session.get(f"{world.base}/v1/files?{query}", headers=named) as response:
                assert response.status == status

    run(story)


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_what_is_packed_cannot_be_looked_through(kind: str) -> None:
    """Nowhere, and not behind a second header either."""

    async def story(world: World) -> None:
        for packed in (("gzip",), ("gzip", "identity")):
            named = [(HEADER, "somebody"), ("Content-Type", kind), *(("Content-Encoding", one) for one in packed)]
            for path in ("/v1/files", "/v1/chat/completions", "/v1/fine_tuning/jobs"):
                async with world.session.post(world.base + path, data=b"\x1f\x8b", headers=named) as response:
                    assert response.status == 415

    assert run(story).upstream.served == 0


def test_a_client_that_leaves_in_mid_upload_is_no_fault_of_the_model(caplog: Any) -> None:
    """Nobody is paged for it, and the model has no whole request."""

    async def story(world: World) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(world.base.rpartition(":")[2]))
        writer.write(b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n")
        writer.write(b"Content-Length: 20000\r\n\r\n" + b"x" * 10_000)
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
        assert await reader.read() == b""
        await asyncio.sleep(0.2)

    assert run(story).upstream.served == 0
    assert not [record for record in caplog.records if record.message == "upstream_unreachable"]


@pytest.mark.parametrize(
    ("path", "said", "its"),
    [
        (b"/uploads/upload_1/complete", {"id": "upload_1", "file": {"id": "file_1"}}, "file_1"),
        (b"/threads/runs", {"id": "run_1", "thread_id": "thread_1"}, "thread_1"),
        (b"/threads/runs", {"id": "thread_1", "object": "thread"}, "thread_1"),
    ],
)
def test_what_is_made_beside_is_its_makers(path: bytes, said: dict[str, Any], its: str) -> None:
    """The file that an upload becomes, the thread that a run brings with it."""
    made = made_by(path, json.dumps(said).encode())
    assert made is not None
    assert (made.id, made.goes_on) == (its, False)


def test_a_table_without_ids_costs_nothing() -> None:
    """And grants nothing."""
    assert Owners().judged_as("a", b"/files/file_1", b'{"file_id":"file_1"}') == "a"
