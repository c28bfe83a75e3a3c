"""Flags as facts over HTTP (NDJSON) against the raw insert limit of SQLite in the same run: one line of JSON.

Law: rounds are interleaved, figures are medians, CPU time of the serving process; the target is 12 % of the raw limit.
"""

import http.client
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from answerable.cli.policy import TOKEN_VARIABLES
from answerable.config import init_config
from answerable.edge import RandomMint

USERS, ROUNDS, LINES, RAW_BATCH = 500, 5, 1000, 50
TICKS = os.sysconf("SC_CLK_TCK")


def flag(key: str, user: int) -> bytes:
    """Return one flag as a line."""
    return json.dumps({
        "id": key, "user": f"user-{user}", "model": "moderation", "version": "3", "label": "violence/graphic",
        "hazard": "threat", "score": 0.91, "conversation": f"conversation-{user}",
    }).encode()


def cpu_of(process: subprocess.Popen) -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def post(api: str, token: str, lines: list[bytes]) -> None:
    """Send lines and check that each was kept."""
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=600)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/signals", b"\n".join(lines), headers)
    answers = connection.getresponse().read().splitlines()
    connection.close()
    assert len(answers) == len(lines)
    assert not any(b"problem" in answer for answer in answers), answers[0]


def raw(path: Path, lines: list[bytes]) -> tuple[float, float]:
    """Insert lines as rows, fifty a commit; return wall and CPU seconds."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS line (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
    wall, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(lines), RAW_BATCH):
        connection.execute("BEGIN IMMEDIATE")
        rows = [(one,) for one in lines[start : start + RAW_BATCH]]
        connection.executemany("INSERT INTO line (body) VALUES (?)", rows)
        connection.execute("COMMIT")
    spent = time.perf_counter() - wall, time.process_time() - cpu
    connection.close()
    return spent


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        starter = init_config(home / "answerable.toml", mint=RandomMint())
        config = home / "answerable.toml"
        config.write_text(config.read_text().replace("127.0.0.1:8700", "127.0.0.1:0"))
        program, named = [sys.executable, "-m", "answerable"], ["--config", str(config)]
        quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        tokens = dict(zip(TOKEN_VARIABLES, (starter.tokens[who] for who in ("lead-1", "partner-1")), strict=True))
        subprocess.run([*program, "policy", "adopt", *named], env=os.environ | tokens, check=True, **quiet)
        serve = subprocess.Popen([*program, "serve", *named], text=True, **quiet)
        try:
            api = serve.stdout.readline().split("api=")[1].split()[0]
            report(home, serve, api, starter.tokens["classifier-1"])
        finally:
            serve.terminate()
            serve.wait()


def report(home: Path, serve: subprocess.Popen, api: str, token: str) -> None:
    """Run the rounds and print their medians."""
    post(api, token, [flag(f"first-{user}", user) for user in range(USERS)])
    ours, limit = [], []
    for turn in range(ROUNDS):
        lines = [flag(f"{turn}-{number}", number % USERS) for number in range(LINES)]
        limit.append(raw(home / "raw.db", lines))
        wall, cpu = time.perf_counter(), cpu_of(serve)
        post(api, token, lines)
        ours.append((time.perf_counter() - wall, cpu_of(serve) - cpu))
    wall, cpu = (statistics.median(spent[place] for spent in ours) for place in (0, 1))
    raw_wall, raw_cpu = (statistics.median(spent[place] for spent in limit) for place in (0, 1))
    print(json.dumps({
        "bench": "ingest",
        "workload": f"{LINES} flags a request, {USERS} accounts with an open case, one fact each; raw: 50 a commit",
        "flags_per_cpu_s": round(LINES / cpu),
        "flags_per_s": round(LINES / wall),
        "raw_rows_per_s": round(LINES / raw_wall),
        "share_of_raw_wall": round(raw_wall / wall, 4),
        "share_of_raw_cpu": round(raw_cpu / cpu, 4),
        "target": 0.12,
    }))


if __name__ == "__main__":
    main()
