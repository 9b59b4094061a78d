"""The platform's program: `python -m vmhost`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmhost import app
from vmhost.base.argument_parser import Parser
from vmhost.base.errors import CloudError
from vmhost.base.logs import configure
from vmhost.base.web import run
from vmhost.control.cloud import CloudSettings
from vmhost.drivers.context import LeftoverPolicy
from vmhost.model.image import DEFAULT_IMAGE, IMAGE_VARIABLE
from vmhost.settings import DEFAULT_PORT, DRIVERS, Settings, default_state, parse_access_copy

EXAMPLES = """\
examples:
  python -m vmhost
  python -m vmhost --driver process,container  # both kinds in one cloud
  python -m vmhost --driver fake --port 0      # no real instances
  python -m vmhost --images my-images.toml --hosts 3 --overcommit 2
  python -m vmhost --state ./state --keep --bind 0.0.0.0 --allowed-host vmhost
  python -m vmhost --sweep                     # remove what a killed one left

The first start creates the keys in access.json in the state folder, readable by
its owner only.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the program's arguments."""
    one = Parser(
        prog="python -m vmhost",
        description="A small cloud with an EC2 API. Its instances run on this computer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = one.add_argument
    add(
        "--driver",
        default="auto",
        metavar="NAME[,NAME]",
        help=f"how instances are made: {', '.join(DRIVERS)} (default auto); with several, the image selects the driver",
    )
    add("--port", type=int, default=DEFAULT_PORT, help="port of the API; 0 chooses a free one (default %(default)s)")
    add("--next-free-port", action="store_true", help="use the next free port if the port is in use")
    add("--port-search", action="store_true", dest="next_free_port", help=argparse.SUPPRESS)
    add("--bind", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (default %(default)s)")
    add(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name that clients may use in the Host header",
    )
    add(
        "--state",
        type=Path,
        metavar="DIR",
        help="keys, records and logs (default ~/.local/state/glasscloud/NAME/vmhost)",
    )
    add("--hand-access", metavar="FILE[:UID]", help="while running, keep a copy of access.json there for that user id")
    add(
        "--cloud",
        default="glasscloud",
        metavar="NAME",
        help="name of the cloud, used for its containers and networks (default %(default)s)",
    )
    add("--images", type=Path, action="append", default=[], metavar="FILE", help="additional image catalogue (TOML)")
    add(
        "--hosts",
        type=int,
        default=2,
        metavar="N",
        help="hosts of each driver, each in its own zone (default %(default)s)",
    )
    add(
        "--overcommit",
        type=float,
        default=1.0,
        metavar="N",
        help="allocate up to N times the CPU and memory (default 1)",
    )
    add("--network", metavar="CIDR", help="network of the instances (default the first free one)")
    add("--open", action="store_true", help="accept any signature, from this computer only")
    add(
        "--keep",
        action="store_true",
        help="leave instances running at exit, if the driver can; the next start takes them over",
    )
    add("--adopt", action="store_true", help="take over instances of this cloud that are not in the state folder")
    add("--throwaway", action="store_true", help="remove what a stopped platform of this cloud left (not with --keep)")
    add("--sweep", action="store_true", help="remove everything of this cloud and exit")
    add("--ready", type=Path, metavar="FILE", help="write a JSON file when the platform is ready")
    add("--log-json", action="store_true", help="log JSON lines")
    add(
        "--log-level",
        choices=("debug", "info", "warning", "error"),
        default="info",
        help="what to log (default %(default)s)",
    )
    return one


def settings_of(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Convert the arguments to settings. Raises InvalidInput."""
    return Settings(
        driver=arguments.driver,
        bind=arguments.bind,
        port=arguments.port,
        port_search=arguments.next_free_port,
        state=arguments.state or default_state(arguments.cloud, environ),
        cloud=CloudSettings(name=arguments.cloud, overcommit=arguments.overcommit),
        hosts=arguments.hosts,
        images=tuple(arguments.images),
        image=environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE,
        network=arguments.network,
        open=arguments.open,
        keep=arguments.keep,
        leftovers=_leftovers(arguments),
        ready=arguments.ready,
        access_copy=parse_access_copy(arguments.hand_access) if arguments.hand_access else None,
        allowed_hosts=frozenset(name.lower() for name in arguments.allowed_host),
    )


def _leftovers(arguments: argparse.Namespace) -> LeftoverPolicy:
    if arguments.adopt:
        return LeftoverPolicy.ADOPT
    return LeftoverPolicy.THROWAWAY if arguments.throwaway and not arguments.keep else LeftoverPolicy.REFUSE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the platform until it is stopped. Returns 0, 1 for an error, or 2 for wrong arguments."""
    arguments = parser().parse_args(argv)
    try:
        settings = settings_of(arguments, os.environ)
    except CloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    configure(json=arguments.log_json, level=arguments.log_level)
    return run(lambda: app.sweep(settings) if arguments.sweep else app.run(settings))


if __name__ == "__main__":
    sys.exit(main())
