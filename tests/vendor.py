"""A stand-in for a model vendor's API: safety cases over real HTTP, which it can refuse, garble or forget.

Law: it speaks as the vendor's own client expects (tests/ports/test_vendor.py asks it with that client).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-safety-read"


@dataclass
class VendorStandIn:
    """What it knows, how it is, and what it was asked."""

    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    garbled: bytes | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def knows(self, reference: str, identifier: str, kind: str, reason: str | None = None) -> None:
        """Let it keep a case."""
        self.cases[reference] = {
            "id": reference, "object": "safety.case", "created_at": 1_777_550_400, "entity_identifier": identifier,
            "reason": reason, "notice": {"type": kind},
        }  # fmt: skip

    def answer(self, path: str, key: str | None) -> tuple[int, bytes]:
        """Answer a question as the vendor would."""
        self.asked.append(path)
        if key != f"Bearer {KEY}":
            return 401, b"{}"
        if self.status != 200:
            return self.status, b"{}"
        found = self.cases.get(path.removeprefix("/v1/safety/cases/"))
        if found is None:
            return 404, b"{}"
        return 200, self.garbled if self.garbled is not None else json.dumps(found).encode()


@contextmanager
def vendor() -> Iterator[VendorStandIn]:
    """Run it on a free port of this machine."""
    found = VendorStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = found.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
