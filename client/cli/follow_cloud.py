"""`glasscloud flow` and `watch`: print the requests or the events of a cloud, line by line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from client.cli.command import Command, add_access_options, run_until_stopped
from client.local.target_cloud import find_search_url
from server.api.flow import FlowRecord
from vmhost.base.errors import InvalidInput, Unavailable
from vmhost.base.ids import short_ids

_CONNECT_S = 5.0
_SILENCE_S = 30.0
_REMEMBERED_MAX = 200


def _add_flow_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", help="URL of the search service (default the running cloud's)")
    parser.add_argument("--count", "-n", type=int, metavar="N", help="stop after N requests")
    parser.add_argument("--json", action="store_true", help="print one JSON object per line")


def _flow(args: argparse.Namespace) -> int:
    if args.count is not None and args.count < 1:
        raise InvalidInput(f"--count {args.count} is invalid; use 1 or more")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_follow(find_search_url(args.url), count=args.count, as_json=args.json))
    return 0


async def _follow(url: str, *, count: int | None, as_json: bool) -> None:
    import aiohttp

    from vmhost.base.sse import read_events

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    left, seen = count, tuple[str, ...]()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url.rstrip('/')}/flow", headers={"Accept": "text/event-stream"}) as answer,
        ):
            async for event in read_events(answer.content):
                if event.kind == "request":
                    record = FlowRecord.from_json(event.data)
                    seen = _remember(seen, record)
                    text = (
                        msgspec.json.encode(record.to_json()).decode() if as_json else line_of(record, short_ids(seen))
                    )
                    print(text, flush=True)
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


def _add_watch_arguments(parser: argparse.ArgumentParser) -> None:
    add_access_options(parser, queries="queries to send")
    parser.add_argument(
        "--load", type=float, default=0.0, metavar="RATE", help="searches to send per second (default 0)"
    )
    parser.add_argument("--show-search", metavar="URL", help="print this address for the search page")
    parser.add_argument("--show-api", metavar="URL", help="print this address for the EC2 API")
    parser.add_argument("--console", metavar="HOST:PORT", help="also serve the console at this address")
    parser.add_argument(
        "--console-key", type=Path, metavar="FILE", help="file that stores the console's token (default a new token)"
    )
    parser.add_argument("--show-console", metavar="URL", help="print this address for the console")
    parser.add_argument(
        "--workers",
        metavar="HOST:PORT",
        help="accept `glasscloud load worker` processes here, which then send the load",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the workers' token (default $GLASSCLOUD_LOAD_TOKEN)"
    )
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="S", help="seconds to wait for a healthy cloud (default 120)"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line: addresses, events, figures"
    )


def _watch(args: argparse.Namespace) -> int:
    from client.load.distributed.connection import parse_address
    from client.load.distributed.handshake import read_token
    from client.load.plan.validation import check_rate
    from client.view.watch_cloud import WatchOptions, watch

    options = WatchOptions(
        access=args.access,
        frontend=args.frontend,
        rate_per_s=check_rate(args.load),
        queries=args.queries,
        shown_search=args.show_search,
        shown_api=args.show_api,
        wait_s=args.wait,
        console=None if args.console is None else parse_address(args.console, default_host="127.0.0.1"),
        console_key=args.console_key,
        shown_console=args.show_console,
        workers=None if args.workers is None else parse_address(args.workers, default_host="127.0.0.1"),
        token=None if args.workers is None else read_token(args.token_file),
        as_json=args.json,
    )
    return run_until_stopped(lambda: watch(options))


COMMANDS = {
    "flow": Command(
        help="print each request as the front end answers it, with the instances that it reached "
        "(a sample at high rates)",
        examples="""\
  glasscloud flow
  glasscloud flow http://127.0.0.1:8000 --count 10
  glasscloud flow --json | head -3
""",
        add_arguments=_add_flow_arguments,
        run=_flow,
        for_a_cloud=True,
    ),
    "watch": Command(
        help="wait until a cloud and its search service are healthy, print their addresses, then a line for each "
        "event; with --load also send searches and print their latencies every ten seconds",
        examples="""\
  glasscloud watch
  glasscloud watch --load 20
  glasscloud watch --load 20 --json
  glasscloud watch --access access.json --frontend http://server:8000
""",
        add_arguments=_add_watch_arguments,
        run=_watch,
        for_a_cloud=True,
    ),
}
