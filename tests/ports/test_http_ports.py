"""The ports over HTTP where the other side is away, slow, wrong or too much: never "no", never "nothing" (L10)."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from answerable.edge import ManualClock
from answerable.ports.folder import Folder, write_message
from answerable.ports.history import HistoryCut, Message
from answerable.ports.http_contract import ANSWER_BYTES_MAX, MESSAGES, NDJSON
from answerable.ports.http_ports import HttpPorts
from answerable.ports.preserve import Confirmation
from answerable.ports.unknown import NotKnown
from answerable.vault.identifiers import Identifier, IdentifierKind
from tests.ports.serving import Speaks, asking, says, served, speaking
from tests.ports.test_contract import AT, message, read

EMAIL = [Identifier(IdentifierKind.EMAIL, "a@example.org")]


def everything(ports: HttpPorts) -> list[object]:
    """Put every question."""
    return [
        ports.resolve(EMAIL), ports.of("u1"), ports.hold("u1", "hold_1"), ports.release("u1", "hold_1"),
        ports.fetch("u1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"{}", b"{torn", b'{"result":"none","accounts":["u1"]}', b'{"result":"one"}',
        b'{"result":"one","accounts":["u1","u2"]}', b'{"result":"several"}', b'{"result":"nobody"}',
        b'{"result":"none","partial":true}', b'{"result":"known","plan":"paid"}', b'{"result":"kept"}',
        b'{"result":"kept","hold":"hold_2","reference":"r"}', b'{"result":"kept","hold":"hold_1"}',
        b"[" * 100_000, b'{"result":"\xff"}', b" " * (ANSWER_BYTES_MAX + 2),
    ],
)  # fmt: skip
def test_what_is_not_of_the_contract_is_not_known(body: bytes) -> None:
    """Whatever is wrong with an answer, it says nothing."""
    with speaking(says(body)) as url:
        assert all(isinstance(found, NotKnown) for found in everything(asking(url)))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 500])
def test_another_status_than_200_is_not_known(status: int) -> None:
    """An error's body is not read as an answer, however much it looks like one, and no redirect is followed."""
    with speaking(says(b'{"result":"none"}', status=status)) as url:
        assert all(isinstance(found, NotKnown) for found in everything(asking(url)))


def test_another_media_type_is_not_known() -> None:
    """A login page is no answer."""
    with speaking(says(b'{"result":"none"}', media_type="text/html")) as url:
        assert isinstance(asking(url).resolve(EMAIL), NotKnown)


def test_a_wrong_token_is_not_known(tmp_path: Path) -> None:
    """The reference answers nobody who has not the token."""
    with served(Folder(tmp_path)) as url:
        assert all(isinstance(found, NotKnown) for found in everything(asking(url, token="another")))


def test_nobody_there_is_not_known_and_costs_the_next_question_nothing() -> None:
    """After a question that nobody answered, none is put for ten seconds: a queue must not wait for each in turn."""
    clock = ManualClock(AT)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.setblocking(False)
        ports = asking(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout_s=0.3, clock=clock)
        assert isinstance(ports.resolve(EMAIL), NotKnown)
        taken.listen()
        assert all(isinstance(found, NotKnown) for found in everything(ports))
        with pytest.raises(BlockingIOError):
            taken.accept()
        clock.advance(timedelta(seconds=10))
        assert isinstance(ports.resolve(EMAIL), NotKnown)
        taken.accept()[0].close()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"])
def test_whoever_is_silent_or_trickles_is_cut_off(part: bytes) -> None:
    """A byte now and then does not keep a question open beyond its time."""

    over, gave_up = threading.Event(), list[int]()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            handler.wfile.write(part)
            for _ in range(1200):
                if over.wait(0.05):
                    return
                handler.wfile.write(b" " if part.endswith(b"{") else b"")
                handler.wfile.flush()
            gave_up.append(1)

    with speaking(trickle) as url:
        assert isinstance(asking(url, timeout_s=0.5).resolve(EMAIL), NotKnown)
        over.set()
    assert not gave_up, "it was heard to its end"


def test_a_busy_moment_is_asked_again() -> None:
    """Two times 503, then an answer: it counts."""
    asked: list[str] = []

    def busy(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        is_late = len(asked) > 2
        says(b'{"result":"kept","hold":"hold_1","reference":"r"}', status=200 if is_late else 503)(handler)

    with speaking(busy) as url:
        assert asking(url).hold("u1", "hold_1") == Confirmation(account="u1", hold="hold_1", reference="r")
    assert asked == ["/base/holds"] * 3


def test_who_is_asked_gets_the_token_and_the_account_in_the_body_alone() -> None:
    """No address bears whom it is about: addresses stand in logs."""
    seen: list[tuple[str, str | None]] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.path, handler.headers["authorization"]))
        says(b'{"result":"not_known","reason":"no"}')(handler)

    with speaking(note) as url:
        everything(asking(url))
    assert {token for _, token in seen} == {"Bearer token-of-the-ports"}
    assert [path for path, _ in seen] == [
        "/base/accounts/resolve", "/base/entitlements", "/base/holds", "/base/holds/release", "/base/history/messages",
    ]  # fmt: skip


def test_an_account_that_no_json_can_name_is_not_known() -> None:
    """Half a surrogate pair is somebody's account, and cannot be asked about."""
    with speaking(says(b'{"result":"none"}')) as url:
        assert isinstance(asking(url).of("\ud800"), NotKnown)
        assert isinstance(asking(url).fetch("\ud800"), NotKnown)


# --- histories


def pages(*bodies: bytes) -> Speaks:
    """Return what serves one body after the other, the last again and again."""
    left = list(bodies)

    def speak(handler: BaseHTTPRequestHandler) -> None:
        assert handler.path.endswith(MESSAGES)
        says(left.pop(0) if len(left) > 1 else left[0], media_type=NDJSON)(handler)

    return speak


def page(*messages: Message, next_: str | None = None, complete: bool = True, reason: str = "") -> bytes:
    """Return one page."""
    end = {"end": "page", "next": next_, "complete": complete, "reason": reason}
    return b"\n".join([*(write_message(one) for one in messages), json.dumps(end).encode()]) + b"\n"


def fetched(speaks: Speaks) -> tuple[list[str], str]:
    """Read a whole history."""
    with speaking(speaks) as url:
        return read(asking(url).fetch("u1"))


def test_a_page_that_is_not_whole_cuts_the_history_after_what_it_holds() -> None:
    """What the operator says is missing is said here."""
    first = page(message(0), next_="2", complete=False, reason="March was purged")
    assert fetched(pages(first, page(message(1)))) == (["m0", "m1"], "the history is not whole: March was purged")


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_page_that_was_cut_is_no_end(cut: int) -> None:
    """A connection that broke off in the middle, or before the last line, never reads as the end."""
    whole = page(message(0), message(1))
    ids, reason = fetched(pages(whole[:-cut]))
    assert (ids, bool(reason)) == (["m0", "m1"], cut > 1)


def test_a_second_page_that_does_not_come_cuts_the_history() -> None:
    """Nobody answers any more after the first page."""
    left = [page(message(0), next_="2")]

    def speak(handler: BaseHTTPRequestHandler) -> None:
        if left:
            says(left.pop(), media_type=NDJSON)(handler)
        else:
            says(b"", status=404)(handler)

    ids, reason = fetched(speak)
    assert (ids, reason) == (["m0"], "the history breaks off: it answered with status 404")


def test_a_history_that_goes_in_a_circle_is_cut() -> None:
    """The same place given twice would be read for ever."""
    ids, reason = fetched(pages(page(message(0), next_="2"), page(message(1), next_="2")))
    assert (ids[:2], reason) == (["m0", "m1"], "the history goes in a circle")


def test_messages_of_another_account_are_left_out_and_said() -> None:
    """What is not his is not read into his case."""
    other = write_message(message(1)).replace(b'"u1"', b'"u2"')
    body = other + b"\n" + page(message(0))
    assert fetched(pages(body)) == (["m0"], "the history is not whole: messages that are not of the contract")


def test_a_history_larger_than_a_page_may_be_is_cut() -> None:
    """No page is read into memory beyond its bound."""

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", NDJSON)
        handler.send_header("Content-Length", str(10**12))
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" " * (1 << 20))
        except OSError:
            return

    with speaking(endless) as url, pytest.raises(AssertionError, match="bytes"):
        read(asking(url, timeout_s=30).fetch("u1"))


def test_a_history_is_never_said_to_be_nothing() -> None:
    """An empty body is no empty history."""
    with speaking(says(b"", media_type=NDJSON)) as url:
        found = asking(url).fetch("u1")
        assert not isinstance(found, NotKnown)
        with pytest.raises(HistoryCut):
            list(found)
