"""Sockets: an address is given up without losing anybody who was let in, and the dead are given up."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from answerable.cli.listening import DEAD_MS, _turn_away, address_of, give_up_the_dead, listen
from answerable.errors import ConfigError


def knock(listening: socket.socket, patience_s: float = 5.0) -> socket.socket:
    """Connect to a socket."""
    return socket.create_connection(listening.getsockname()[:2], timeout=patience_s)


def test_who_is_in_stays_in_and_who_is_not_yet_goes_elsewhere() -> None:
    """At a shared address: one end is being given up, and every new connection reaches the other."""
    with listen("127.0.0.1:0", share=True) as old:
        old.listen()
        with knock(old) as early:
            assert _turn_away(old)
            with pytest.raises(TimeoutError):
                knock(old, patience_s=0.2)
            accepted, _ = old.accept()
            with accepted:
                accepted.sendall(b"in")
                assert early.recv(2) == b"in"
        port = old.getsockname()[1]
        with listen(f"127.0.0.1:{port}", share=True) as new:
            new.listen()
            old.close()
            with knock(new) as late:
                accepted, _ = new.accept()
                accepted.close()
                assert late.recv(1) == b""


def test_an_address_that_is_not_shared_is_refused_to_others() -> None:
    """Unless both say so."""
    for first, second in ((False, True), (True, False), (False, False)):
        with listen("127.0.0.1:0", share=first) as one:
            one.listen()
            with pytest.raises(ConfigError, match="cannot listen on"):
                listen(f"127.0.0.1:{one.getsockname()[1]}", share=second)


def test_connections_inherit_that_the_dead_are_given_up() -> None:
    """Whoever takes nothing for so long is cut off, and is not counted as heard of for ever."""
    with listen("127.0.0.1:0", share=False) as listening:
        give_up_the_dead(listening)
        listening.listen()
        with knock(listening):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == DEAD_MS


def test_an_address_is_told_as_it_is_typed() -> None:
    """Both families, where this machine has both."""
    hosts = ["127.0.0.1"]
    with suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        hosts.append("[::1]")
    for host in hosts:
        with listen(f"{host}:0", share=False) as one:
            assert address_of(one) == f"http://{host}:{one.getsockname()[1]}"
