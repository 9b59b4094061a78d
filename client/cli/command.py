"""What every command of the command line has, and what commands share: --cloud, JSON, and stopping on signals."""

from __future__ import annotations

import argparse
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from client.program_name import CLOUD_VARIABLE, DEFAULT_CLOUD
from vmhost.base.errors import CloudError, InvalidInput

INTERRUPTED = 130
"""Exit code after Ctrl-C before a command was done."""
SHOWN_API_VARIABLE = "GLASSCLOUD_SHOWN_API"
"""Environment variable: the API's address from the outside, if it differs from ours (in a container)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its help, its options, and `run`, which returns the exit code."""

    help: str
    examples: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    for_a_cloud: bool = False
    """Whether it acts on a cloud that the user can name: it gets --cloud."""
    passes_rest: bool = False
    """Whether unknown options are passed on to the program that it starts, as `args.rest`."""


def add_cloud_option(parser: argparse.ArgumentParser) -> None:
    """Add --cloud, the same for every command that acts on a cloud."""
    parser.add_argument(
        "--cloud", metavar="NAME", help=f"name of the cloud (default ${CLOUD_VARIABLE}, else {DEFAULT_CLOUD})"
    )


def select_cloud(args: argparse.Namespace) -> None:
    """Make --cloud, if given, the target of this command. Raises InvalidInput for an invalid name.

    It replaces the variables that name a cloud, because what is typed is meant for this command."""
    if args.cloud is None:
        return
    from client.local import target_cloud
    from client.local.state_dir import state_folder
    from vmhost.api.access import ACCESS_VARIABLE, ENDPOINT_VARIABLE

    if getattr(args, "access", None) is not None:
        raise InvalidInput("--cloud and --access each name a cloud; use one of them")
    state_folder(args.cloud)
    for name in (
        ACCESS_VARIABLE, ENDPOINT_VARIABLE, SHOWN_API_VARIABLE, target_cloud.FRONTEND_VARIABLE,
        target_cloud.CONSOLE_VARIABLE, target_cloud.CONSOLE_KEY_VARIABLE,
    ):  # fmt: skip
        os.environ.pop(name, None)
    os.environ[CLOUD_VARIABLE] = args.cloud


def add_access_options(parser: argparse.ArgumentParser, *, queries: str) -> None:
    """Add the options that name a cloud by its access file and its search service, and the file of `queries`."""
    parser.add_argument(
        "--access", type=Path, metavar="FILE", help="the cloud's access file (default $GLASSCLOUD_ACCESS)"
    )
    parser.add_argument("--frontend", metavar="URL", help="URL of the search service (default $GLASSCLOUD_FRONTEND)")
    parser.add_argument("--queries", type=Path, metavar="FILE", help=f"{queries} (default those of the index)")


def run_until_stopped(main: Callable[[], Awaitable[int]]) -> int:
    """Run `main` and return its exit code, or 0 if SIGINT or SIGTERM stopped it. Raises its first CloudError."""
    from vmhost.base.web import run

    failed: list[CloudError] = []

    async def guarded() -> int:
        try:
            return await main()
        except CloudError as error:
            failed.append(error)
        except ExceptionGroup as group:
            errors = list(_flatten(group))
            if not all(isinstance(each, CloudError) for each in errors):
                raise
            # Several tasks failed: report the first error, because the others may be its consequences.
            failed.extend(each for each in errors if isinstance(each, CloudError))
        return 1

    code = run(guarded)
    if failed:
        raise failed[0]
    return code


def _flatten(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _flatten(each)
        else:
            yield each
