"""`glasscloud console`: serve the web page that shows a running cloud."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from client.cli.command import Command, add_access_options, run_until_stopped
from client.local.target_cloud import find_access, find_queries, search_url, target_cloud
from client.program_name import program_name
from vmhost.base.errors import InvalidInput

PORT = 8080
_NO_SEARCH = (
    "the search front end of this cloud is not known here: the console shows instances, but no searches "
    "(set it with --frontend URL)"
)
_EVERYWHERE = ("", "0.0.0.0", "::")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_access_options(parser, queries="queries for the load")
    parser.add_argument("--bind", default="127.0.0.1", metavar="HOST", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"port to listen on (default {PORT})")
    parser.add_argument("--next-free-port", action="store_true", help="use the next free port if that one is in use")
    parser.add_argument("--port-search", action="store_true", dest="next_free_port", help=argparse.SUPPRESS)
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="file that stores the token (default a new token each time)"
    )
    parser.add_argument("--why", default="", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=Path, metavar="FILE", help="write address and process id to FILE when ready")


def run(args: argparse.Namespace) -> int:
    """Serve until stopped."""
    if args.bind in _EVERYWHERE:
        raise InvalidInput(
            f"--bind {args.bind} means every address of this computer; choose one, such as 127.0.0.1 "
            f"(to let an audience in, use `{program_name()} share`)"
        )
    return run_until_stopped(lambda: _serve(args))


@contextlib.asynccontextmanager
async def _reserved_port() -> AsyncIterator[str]:
    """Yield a URL that refuses connections, to use if there is no front end."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}"


async def _serve(args: argparse.Namespace) -> int:
    import asyncio

    from client.console.console_server import ConsoleSettings, serve_console
    from client.console.request_guard import ConsoleKey
    from client.console.serialize import CONSOLE_AGENT
    from client.session import open_session
    from vmhost.base.web import write_ready

    access, url = find_access(args.access), search_url(target_cloud(args.access), args.frontend)
    key = ConsoleKey.create() if args.key_file is None else ConsoleKey.read_or_create(args.key_file)
    setting = ConsoleSettings(
        key=key,
        bind=args.bind,
        port=args.port,
        port_search=args.next_free_port,
        shown_search=url,
        shown_api=access.endpoint,
        why=args.why,
        restarted=args.again,
    )
    async with (
        _reserved_port() as nowhere,
        open_session(
            access, url or nowhere, queries=args.queries or find_queries(args.access), agent=CONSOLE_AGENT
        ) as session,
        serve_console(session, setting) as address,
    ):
        write_ready(args.ready, url=address)
        if args.ready is None:
            print(f"console: {key.link(address)}", flush=True)
            if not url:
                print(_NO_SEARCH, file=sys.stderr, flush=True)
        await asyncio.get_running_loop().create_future()
    return 0


COMMANDS = {
    "console": Command(
        help="serve the web page that shows every request and instance of a cloud (`up` and `demo` already serve it)",
        examples="""\
  glasscloud console
  glasscloud console --access access.json --frontend http://server:8000
""",
        add_arguments=add_arguments,
        run=run,
        for_a_cloud=True,
    ),
}
