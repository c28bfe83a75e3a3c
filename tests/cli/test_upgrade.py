"""A change of versions while serving: the new process beside the old one, then without it; no client sees an error."""

from __future__ import annotations

import http.client
import json
import threading
import time
from urllib.parse import urlsplit

import pytest

from tests.addresses import free_port
from tests.cli.test_serve import answered
from tests.running import PATIENCE_S, House, until

REQUESTS = 200


class Client(threading.Thread):
    """Sends one request after the other, each on a connection of its own, and notes what went wrong."""

    def __init__(self, address: str, path: str, headers: dict[str, str], make: object) -> None:
        """Take where to and what."""
        super().__init__()
        assert callable(make)
        self._address, self._path, self._headers, self._make = address, path, headers, make
        self.stop = threading.Event()
        self.sent = 0
        self.faults: list[str] = []

    def run(self) -> None:
        """Send until told to stop."""
        while not self.stop.is_set():
            connection = http.client.HTTPConnection(urlsplit(self._address).netloc, timeout=PATIENCE_S)
            try:
                body = json.dumps(self._make(self.sent))
                connection.request("POST", self._path, body, self._headers | {"content-type": "application/json"})
                response = connection.getresponse()
                response.read()
                if response.status not in (200, 201):
                    self.faults.append(f"{self.sent}: {response.status}")
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"{self.sent}: {error!r}")
            finally:
                connection.close()
            self.sent += 1


@pytest.mark.long
def test_no_request_fails_while_the_processes_are_changed(house: House) -> None:
    """Twice over, at the api and at the gateway: start beside, both are ready, stop the old one."""
    text = house.config.read_text().replace('api = "127.0.0.1:0"', f'api = "127.0.0.1:{free_port()}"\nshare = true')
    text = text.replace('gateway = "127.0.0.1:0"', f'gateway = "127.0.0.1:{free_port()}"')
    house.config.write_text(text)
    old = house.start("serve", "--roles", "gateway,api,worker")
    until(lambda: answered(house, "user-1") == 200, "the gateway has contact")
    flag = {"user": "user-7", "model": "m", "version": "3", "label": "violence", "hazard": "threat"}
    chat = {"model": "stand-in-small", "messages": [{"role": "user", "content": "hello"}]}
    bearer = {"authorization": f"Bearer {house.tokens['classifier-1']}"}
    clients = [
        Client(house.api, "/v1/signals", bearer, lambda number: flag | {"id": f"up-{number}"}),
        Client(house.gateway, "/v1/chat/completions", {"x-answerable-user": "user-1"}, lambda _: chat),
    ]
    for client in clients:
        client.start()
    for _ in range(2):
        new = house.start("serve", "--roles", "gateway,api,worker")
        until(lambda: len(house.call("GET", "/v1/health").json["processes"]) == 2, "both are there")
        until(lambda: _in_force(house) >= 2, "both gateways have contact")
        assert house.stop(old) == 0
        old = new
    until(lambda: all(client.sent >= REQUESTS for client in clients), "enough was sent")
    for client in clients:
        client.stop.set()
        client.join()
    assert [client.faults for client in clients] == [[], []]
    health = house.call("GET", "/v1/health").json
    assert (len(health["processes"]), health["not_in_force"]) == (1, [])
    assert house.flag("up-0").json["again"]


def _in_force(house: House) -> int:
    time.sleep(0.1)
    return sum(gate["in_force"] for gate in house.call("GET", "/v1/health").json["gates"])
