"""The front end compared with nginx: requests per CPU-second of its process, with an nginx as upstream on another core.

nginx passes each request to one upstream; the front end sends it to two shards, merges their responses and writes the
trace. So a fifth of nginx is a good result, and half of it is out of reach.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench.measurement import Measurement, MissingPrerequisite, at_least, spread
from bench.nginx import free_ports, nginx_arguments, pinned, require_nginx
from bench.platform_setup import cpu_seconds, first_response

ROUNDS = 3
SECONDS = 4
CONNECTIONS = 32
_HITS = 10
TARGET = "/search?q=hypervisor&format=json"


async def run() -> list[Measurement]:
    """The median ratio of three rounds, nginx and the front end in turn."""
    nginx, wrk = require_nginx(), shutil.which("wrk")
    if wrk is None:
        raise MissingPrerequisite("needs wrk (apt install wrk)")
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        first, second, proxy, ours = free_ports(4)
        async with (
            pinned([nginx, *nginx_arguments(Path(folder), "leaf", leaves(first, second))], core=1) as leaf,
            pinned([nginx, *nginx_arguments(Path(folder), "proxy", _proxy(proxy, first))], core=0) as peer,
            pinned(
                [sys.executable, "-m", "bench.frontend_program", *map(str, (ours, first, second))], core=0
            ) as front_end,
        ):
            await asyncio.gather(*(first_response("127.0.0.1", port) for port in (first, proxy, ours)))
            assert leaf.returncode is None
            rounds = [(await _rate(wrk, ours, front_end.pid), await _rate(wrk, proxy, peer.pid)) for _ in range(ROUNDS)]
    ratios = [a / b for a, b in rounds]
    detail = (
        f"front end {spread([a for a, _ in rounds])}, nginx {spread([b for _, b in rounds])} requests per CPU-second"
    )
    return [at_least("front end with 2 shards, beside nginx proxy_pass", statistics.median(ratios), 0.12, "x", detail)]


async def _rate(wrk: str, port: int, pid: int) -> float:
    """Requests per CPU-second of one process under closed-loop load."""
    before = cpu_seconds(pid)
    load = await asyncio.create_subprocess_exec(
        *["taskset", "-c", "1", wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}{TARGET}"],
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS + 20):
        output, _ = await load.communicate()
    text = output.decode()
    if "Non-2xx" in text:
        raise RuntimeError(f"port {port} returned errors under load:\n{text}")
    requests = next(int(line.split()[0]) for line in text.splitlines() if " requests in " in line)
    return requests / (cpu_seconds(pid) - before)


def leaves(*ports: int) -> str:
    """An nginx `http` block that answers every search on each port as a leaf does, at once and always the same."""
    snippet = [["a hypervisor gives each guest virtual processors, ", False], ["memory", True], [" and disks", False]]
    hits = [
        {"id": f"lesson-{n}", "title": f"Lesson {n}", "url": f"/doc/lesson-{n}", "kind": "lesson", "snippet": snippet}
        for n in range(_HITS)
    ]
    scores = [9.5 - n / 2 for n in range(_HITS)]
    lines = ",\\n".join(
        json.dumps({**hit, "score": score}, separators=(",", ":")) for hit, score in zip(hits, scores, strict=True)
    )
    body = f'{{"query":"hypervisor","total":123,"took_ms":0.4,"partial":false,"hits":[\\n{lines}\\n]}}'
    listens = "".join(f"listen 127.0.0.1:{port}; " for port in ports)
    return (
        f"server {{ {listens} default_type application/json;\n"
        f'location / {{ add_header X-Hits "123 {" ".join(map(str, scores))}";\n'
        f'add_header Server-Timing "search;dur=0.41"; add_header X-Instance "i-00000000000000000";\n'
        f"return 200 '{body}'; }} }}"
    ).replace("\\n", "\n")


def _proxy(port: int, upstream: int) -> str:
    return (
        f"upstream leaf {{ server 127.0.0.1:{upstream}; keepalive 64; }}\n"
        f"server {{ listen 127.0.0.1:{port};\n"
        f'location / {{ proxy_pass http://leaf; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}'
    )
