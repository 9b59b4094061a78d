"""The supervisor process, `python -m client.local.supervisor`; it reads the plan as one JSON line from standard input.

It writes one `Message` per line to standard output. A reader may stop after `up`. SIGTERM, or the end of its lifeline,
takes the cloud down.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import msgspec

from client.local.local_cloud import LocalCloud
from client.local.local_plan import LocalPlan
from client.local.state_dir import LocalFacts
from vmhost.base.errors import CloudError
from vmhost.base.web import run


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the supervisor reports: a sentence, the facts of the cloud once it is up, or why it failed."""

    say: str | None = None
    up: LocalFacts | None = None
    failed: str | None = None


def _write(message: Message) -> None:
    """Write one line; ignore a reader that has closed the pipe."""
    with contextlib.suppress(OSError, ValueError):
        print(msgspec.json.encode(message).decode(), flush=True)


async def supervise(plan: LocalPlan) -> int:
    """Run the cloud until it is stopped or fails; return the exit code."""
    cloud = LocalCloud(plan, lambda text: _write(Message(say=text)))
    try:
        async with cloud.up() as facts:
            _write(Message(up=facts))
            await cloud.keep()
    except CloudError as error:
        _write(Message(failed=error.message))
        return 1
    except ExceptionGroup as group:
        # `keep` runs one task per program; report the first that gave up.
        reasons = [error.message for error in group.exceptions if isinstance(error, CloudError)]
        if len(reasons) != len(group.exceptions):
            raise
        _write(Message(failed=reasons[0]))
        return 1
    return 0


async def _main() -> int:
    # Read in a thread, so that the lifeline and signals are handled meanwhile.
    line = await asyncio.to_thread(sys.stdin.readline)
    return await supervise(msgspec.json.decode(line, type=LocalPlan))


if __name__ == "__main__":
    sys.exit(run(_main))
