"""Measure what the gateway costs beside the same proxy without a gate, nginx, and LiteLLM with a guardrail.

Prints one JSON line: medians of interleaved rounds on loopback, one worker each; microseconds of CPU per request, and
milliseconds to the end of an answer. What is not installed is left out, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import uvicorn

from answerable.edge import SystemClock
from answerable.gateway import build
from answerable.gateway.asgi import read_body
from answerable.gateway.callers import Callers
from answerable.gateway.reply import Reply
from answerable.gateway.stand_in import StandIn
from answerable.gateway.upstream import SILENCE_S, Upstream, give_back
from answerable_gate import (
    Entry,
    GatePolicy,
    Heartbeat,
    Hello,
    Item,
    Level,
    Pinned,
    Shield,
    Standing,
    alias,
    entry_line,
    heartbeat_line,
    hello_line,
    seal_name,
)

KEY, PINNED = b"g" * 32, Pinned(origin="bench", key="bench")
POLICY = GatePolicy(version=1, preamble="", tools_allowed=(), on_stale="refuse", on_cold_start="refuse",
                    on_no_identity="refuse", lease_s=60)
WORDS = 51
MESSAGES = [{"role": "system", "content": "Be brief. " * 20}, {"role": "user", "content": "Hello, how are you? " * 20}]
# How many ask at once; alone is for the time that one request takes.
AT_ONCE = {"plain": 4, "alone": 1, "stream": 16}
REQUESTS = {"plain": 800, "alone": 200, "stream": 160}
OURS = ("ours", "recorded", "shielded")
SLOWER = {"plain": 80, "alone": 20, "stream": 32}
LITELLM = Path(__file__).resolve().parents[1] / ".cache"
LITELLM_STARTS_S = 180
GOALS = {"plain_to_bare_max": 1.3, "stream_to_bare_max": 1.1, "to_nginx_max": 6, "litellm_to_ours_min": 25,
         "added_p50_ms_max": 1}


def stand_in() -> Any:
    """Make the model's stand-in: plain at once, streams word by word."""
    return StandIn(token_s=0.001, words=WORDS, keep=1)


def bare(upstream: str) -> Any:
    """Make the same proxy without a gate: the gateway's own code for bodies, upstream and reply."""
    asks = Upstream(upstream, "key", silence_s=SILENCE_S)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            asks.open()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await asks.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = await read_body(receive, 1 << 23)
        target = scope["raw_path"].removeprefix(b"/v1")
        response = await asks.ask(scope["method"], target, scope["headers"], body, plain=True)
        await give_back(response, Reply(send), [])

    return app


def gated(upstream: str, store: str) -> Any:
    """Make the gateway as it is served."""
    return build(upstream=upstream, upstream_key="key", feed_base=store, gate_token="t", gate_key=KEY, pinned=PINNED,
                 callers=Callers(header=b"x-answerable-user"), name="bench", clock=SystemClock(), policy=POLICY,
                 body_bytes=1 << 23)


async def store(scope: Any, receive: Any, send: Any) -> None:
    """Be a store that knows two subjects with open cases, one of them under a shield, and takes rows."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] != "/v1/feed":
        await read_body(receive, 1 << 30)
        await send({"type": "http.response.body", "body": b"{}"})
        return
    lines = hello_line(Hello(origin="bench", key="bench", check=alias(KEY, "").hex(), policy=POLICY))
    shield = Shield("person_1", seal_name(KEY, "Mara Ellison"))
    lines += _entry(1, "recorded", Standing(Level.WATCH))
    lines += _entry(2, "shielded", Standing(Level.WATCH, shields=frozenset({shield})))
    while True:
        beat = heartbeat_line(Heartbeat(seq=2, now=datetime.now(UTC), size=0))
        await send({"type": "http.response.body", "body": lines + beat, "more_body": True})
        lines = b""
        await asyncio.sleep(1)


def _entry(seq: int, name: str, standing: Standing) -> bytes:
    now = datetime.now(UTC)
    item = Item(id=f"item_{seq}", of=name, standing=standing, effective=now, kind="measure",
                review_by=now + timedelta(days=90))
    entry = Entry(subject=name, version=1, items=(item,), aliases=(alias(KEY, name).hex(),), frozen=None, open=True,
                  reason_ref=name)
    return entry_line(seq, entry, (), now=now)


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def role(*names: str) -> Iterator[tuple[int, int]]:
    """Run one role of this script as a process of its own, and give its port and process id."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, "--role", *names, "--port", str(port)])
    try:
        _await_port(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error crit;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


LITELLM_CONFIG = """
model_list:
  - model_name: m1
    litellm_params: {{model: openai/m1, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
general_settings: {{master_key: k}}
guardrails:
  - guardrail_name: looked_up
    litellm_params: {{guardrail: looking.Looking, mode: pre_call, default_on: true}}
"""
LITELLM_GUARDRAIL = """
from litellm.integrations.custom_guardrail import CustomGuardrail

BLOCKED = frozenset(("somebody",))


class Looking(CustomGuardrail):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        if data.get("user") in BLOCKED:
            raise ValueError("blocked")
        return data
"""


@contextmanager
def litellm(program: str, upstream: int) -> Iterator[tuple[int, int]]:
    """Run LiteLLM's proxy, one worker, with a guardrail in its process that looks one name up."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.yaml").write_text(LITELLM_CONFIG.format(upstream=upstream))
        (Path(folder) / "looking.py").write_text(LITELLM_GUARDRAIL)
        given = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "HOME": folder}
        command = [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, env={"PATH": os.environ["PATH"]} | given,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await_port(port, LITELLM_STARTS_S)
            yield port, process.pid
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def nginx(program: str, upstream: int) -> Iterator[tuple[int, int]]:
    """Run nginx as a plain reverse proxy."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, upstream=upstream))
        process = subprocess.Popen([program, "-c", str(config), "-p", folder])
        try:
            _await_port(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(10)


def _await_port(port: int, patience_s: float = 20) -> None:
    for _ in range(int(patience_s / 0.05)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server did not start")


def cpu_s(pid: int) -> float:
    """Give the CPU seconds of a process and its children, in nanosecond steps where Linux counts them so."""
    below = (one for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split())
    pids = [pid, *map(int, below)]
    threads = [task for one in pids for task in Path(f"/proc/{one}/task").iterdir()]
    return sum(int((task / "schedstat").read_text().split()[0]) for task in threads) / 1e9


async def client(port: int, user: str, body: bytes, requests: int, took: list[float]) -> None:
    """Send requests one after the other on one connection, and add the milliseconds that each took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nX-Answerable-User: {user}\r\nAuthorization: Bearer k\r\n"
    head += f"Content-Type: application/json\r\nAccept: */*\r\nUser-Agent: bench\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(requests):
        begins = time.monotonic()
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        if b"content-length:" in answer:
            await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        else:
            await reader.readuntil(b"\r\n0\r\n\r\n")
        took.append((time.monotonic() - begins) * 1e3)
    writer.close()


async def load(kind: str, port: int, user: str, requests: int) -> list[float]:
    """Send requests of one kind, some at once; give the milliseconds that each took."""
    asked = {"model": "m1", "messages": MESSAGES} | ({"stream": True} if kind == "stream" else {})
    body = json.dumps(asked).encode()
    at_once = AT_ONCE[kind]
    took: list[float] = []
    await asyncio.gather(*(client(port, user, body, requests // at_once, took) for _ in range(at_once)))
    return took


async def measure(targets: dict[str, tuple[int, int, str]], rounds: int) -> dict[str, Any]:
    """Measure all targets in turn, round by round; the first round warms up and is not counted."""
    cpu: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in targets} for kind in AT_ONCE}
    wall: dict[str, dict[str, list[float]]] = {kind: {name: [] for name in targets} for kind in AT_ONCE}
    for counted in range(rounds + 1):
        for kind in AT_ONCE:
            for name, (port, pid, user) in targets.items():
                number = (SLOWER if name == "litellm" else REQUESTS)[kind]
                before = cpu_s(pid)
                took = await load(kind, port, user, number)
                if counted:
                    cpu[kind][name].append((cpu_s(pid) - before) / number * 1e6)
                    wall[kind][name] += took
    # Of requests that come one by one what runs beside them takes as much: their time tells something, their CPU not.
    return {kind: _took(wall[kind]) | (_cost(cpu[kind]) if kind != "alone" else {}) for kind in AT_ONCE}


def _took(wall: dict[str, list[float]]) -> dict[str, Any]:
    return {
        "p50_ms": {name: round(median(found), 2) for name, found in wall.items()},
        "p99_ms": {name: round(quantiles(found, n=100)[98], 2) for name, found in wall.items()},
        "added_p50_ms": {name: round(median(wall[name]) - median(wall["direct"]), 2) for name in ("bare", "ours")},
    }


def _cost(cpu: dict[str, list[float]]) -> dict[str, Any]:
    one = {name: round(median(found)) for name, found in cpu.items() if name != "direct"}
    pairs = {name: [a / b for a, b in zip(cpu[name], cpu["bare"], strict=True)] for name in OURS}
    told: dict[str, Any] = {"cpu_us": one, "to_bare": {name: round(median(found), 3) for name, found in pairs.items()}}
    if "nginx" in one:
        told["ours_to_nginx"] = round(one["ours"] / one["nginx"], 2)
    if "litellm" in one:
        told["litellm_to_ours"] = round(one["litellm"] / one["ours"], 1)
    return told


def run_role(names: list[str], port: int) -> None:
    """Be one of the servers."""
    kind, *addresses = names
    app = {"stand_in": stand_in, "bare": bare, "gated": gated, "store": lambda: store}[kind](*addresses)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", access_log=False, ws="none", lifespan="on",
                proxy_headers=False, server_header=False, timeout_graceful_shutdown=1)


def main() -> None:
    """Start everything, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--role", nargs="+")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--nginx", default=shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin"))
    found = next(map(str, LITELLM.glob("litellm-*/bin/litellm")), None)
    parser.add_argument("--litellm", default=found, help="its program; `make test-long` installs it")
    options = parser.parse_args()
    if options.role:
        run_role(options.role, options.port)
        return
    with ExitStack() as stack:
        model, model_pid = stack.enter_context(role("stand_in"))
        upstream = f"http://127.0.0.1:{model}/v1"
        known, _ = stack.enter_context(role("store"))
        plain, plain_pid = stack.enter_context(role("bare", upstream))
        ours, ours_pid = stack.enter_context(role("gated", upstream, f"http://127.0.0.1:{known}"))
        time.sleep(1)  # the gateway reaches its store
        targets = {"direct": (model, model_pid, "u"), "bare": (plain, plain_pid, "u"), "ours": (ours, ours_pid, "u"),
                   **{name: (ours, ours_pid, name) for name in OURS if name != "ours"}}
        for name, begin in (("nginx", nginx), ("litellm", litellm)):
            if program := getattr(options, name):
                targets[name] = (*stack.enter_context(begin(program, model)), "u")
            else:
                print(f"NOT MEASURED: {name} is not installed here", file=sys.stderr)
        told = asyncio.run(measure(targets, options.rounds))
    print(json.dumps({"bench": "gateway", "rounds": options.rounds, "words": WORDS, **told, "goals": GOALS}))


if __name__ == "__main__":
    main()
