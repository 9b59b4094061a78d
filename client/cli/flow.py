"""`glasscloud flow`: print requests as they are answered."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Mapping

from server.api.flow import FlowRecord
from vmhost.base.ids import short_ids

NAME = "flow"
HELP = "print each request as the front end answers it, with the instances that it reached (a sample at high rates)"
EXAMPLES = """\
  glasscloud flow
  glasscloud flow http://127.0.0.1:8000 --count 10
  glasscloud flow --json | head -3
"""
_CONNECT_S = 5.0
_SILENCE_S = 30.0
_REMEMBERED_MAX = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("url", nargs="?", help="URL of the search service (default: the running cloud's)")
    parser.add_argument("--count", "-n", type=int, metavar="N", help="stop after N requests")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def run(args: argparse.Namespace) -> int:
    """Print until interrupted."""
    from client.local.target_cloud import find_search_url
    from vmhost.base.errors import InvalidInput

    if args.count is not None and args.count < 1:
        raise InvalidInput(f"--count {args.count} is invalid; use 1 or more")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_follow(find_search_url(args.url), count=args.count, as_json=args.json))
    return 0


async def _follow(url: str, *, count: int | None, as_json: bool) -> None:
    import aiohttp

    from vmhost.base.errors import Unavailable
    from vmhost.base.sse import read_events

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    left, seen = count, tuple[str, ...]()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/flow", headers={"Accept": "text/event-stream"}) as answer,
        ):
            async for event in read_events(answer.content):
                if left == 0:
                    return
                if event.kind == "request":
                    record = FlowRecord.from_json(event.data)
                    seen = _remember(seen, record)
                    print(json.dumps(record.to_json()) if as_json else line_of(record, short_ids(seen)), flush=True)
                    left = None if left is None else left - 1
                    if left == 0:
                        return
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL):
        raise Unavailable(f"no front end responds at {url}") from None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Unavailable(f"cannot read requests from the front end at {url} ({error}); is it running?") from None
    raise Unavailable(f"the front end at {url} closed the connection")


def _remember(seen: tuple[str, ...], record: FlowRecord) -> tuple[str, ...]:
    """Return the instances seen so far, those of this request last."""
    ids = [attempt.instance_id for attempt in record.trace.attempts]
    return tuple(dict.fromkeys([*(each for each in seen if each not in ids), *ids]))[-_REMEMBERED_MAX:]


def line_of(record: FlowRecord, shorts: Mapping[str, str]) -> str:
    """Return the line for a request and its attempts, with short instance ids."""
    from client.terminal.plain_text import clean, time_of_day

    trace = record.trace
    hops = []
    for attempt in sorted(trace.attempts, key=lambda each: (each.shard, each.start_ms)):
        role = " hedge" if attempt.hedge else " retry" if attempt.retry else ""
        outcome = "" if attempt.outcome == "won" else f" {attempt.outcome}"
        hops.append(f"shard {attempt.shard} {shorts[attempt.instance_id]} {attempt.dur_ms:.1f}{role}{outcome}")
    partial = " PARTIAL" if record.partial else ""
    return (
        f'{time_of_day(record.at)} {record.status}{partial} {trace.total_ms:6.1f} ms  "{clean(record.query)}"  '
        f"front end {trace.frontend_ms:.1f}, {', '.join(hops) or 'sent to no instance'}"
    )
