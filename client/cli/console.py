"""`glasscloud console`: the page on a cloud that is up."""

from __future__ import annotations

import argparse
from pathlib import Path

from client.called import called

NAME = "console"
HELP = (
    "serve the page on which every request and machine is seen, for a cloud that is up (`up` and `demo` do it already)"
)
PORT = 8080
_EVERYWHERE = ("", "0.0.0.0", "::")
EXAMPLES = """\
  glasscloud console
  GLASSCLOUD_ACCESS=/state/access.json glasscloud console --frontend http://server:8000 --port 8081
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--access", type=Path, metavar="FILE", help="the cloud's access file ($GLASSCLOUD_ACCESS)")
    parser.add_argument("--frontend", metavar="URL", help="the search service ($GLASSCLOUD_FRONTEND)")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="what the load asks (the built index's)")
    parser.add_argument("--bind", default="127.0.0.1", metavar="HOST", help="listen here (127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"listen here ({PORT})")
    parser.add_argument("--port-search", action="store_true", help="a taken port gives way to the next free one")
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="where its token is kept (none: a new one each time)"
    )
    parser.add_argument("--why", default="", help=argparse.SUPPRESS)
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=Path, metavar="FILE", help="write address and pid here when it answers")


def run(args: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from client.cli.running import run_until_told
    from vmhost.base.errors import InvalidInput

    if args.bind in _EVERYWHERE:
        raise InvalidInput(
            f"--bind {args.bind} is every address of this machine; expected one at which a browser opens it, such as "
            f"127.0.0.1 (an audience is let in with `{called()} share`)"
        )
    return run_until_told(lambda: _serve(args))


async def _serve(args: argparse.Namespace) -> int:
    import asyncio

    from client.console.keys import Key
    from client.console.rows import CONSOLE_AGENT
    from client.console.serving import Setting, serve_console
    from client.local.meant import find_access, find_queries, find_search
    from client.tour.session import open_session
    from vmhost.base.web import write_ready

    access, url = find_access(args.access), find_search(args.frontend)
    key = Key.fresh() if args.key_file is None else Key.kept(args.key_file)
    setting = Setting(
        key=key,
        bind=args.bind,
        port=args.port,
        port_search=args.port_search,
        shown_search=url,
        shown_api=access.endpoint,
        why=args.why,
        again=args.again,
    )
    async with (
        open_session(access, url, queries=args.queries or find_queries(), agent=CONSOLE_AGENT) as session,
        serve_console(session, setting) as address,
    ):
        write_ready(args.ready, url=address)
        if args.ready is None:
            print(f"console: {key.address(address)}", flush=True)
        await asyncio.get_running_loop().create_future()
    return 0
