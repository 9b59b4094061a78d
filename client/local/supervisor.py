"""The supervisor process, `python -m client.local.supervisor`; it reads the plan as one JSON line from standard input.

It writes one JSON object per line to standard output: `{"say": sentence}`, `{"up": facts}`, `{"failed": message}`. A
reader may stop after `up`. SIGTERM, or the end of its lifeline, takes the cloud down.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import asdict
from typing import Any

import msgspec

from client.local.local_cloud import LocalCloud
from client.local.local_plan import LocalPlan
from vmhost.base.errors import CloudError
from vmhost.base.web import run


def write_message(message: dict[str, Any]) -> None:
    """Write one line; ignore a reader that has closed the pipe."""
    with contextlib.suppress(OSError, ValueError):
        print(json.dumps(message), flush=True)


async def supervise(plan: LocalPlan) -> int:
    """Run the cloud until it is stopped or fails; return the exit code."""
    cloud = LocalCloud(plan, lambda text: write_message({"say": text}))
    try:
        async with cloud.up() as facts:
            write_message({"up": asdict(facts)})
            await cloud.keep()
    except CloudError as error:
        write_message({"failed": error.message})
        return 1
    except ExceptionGroup as group:
        # `keep` runs one task per program; report the first that gave up.
        reasons = [error.message for error in group.exceptions if isinstance(error, CloudError)]
        if len(reasons) != len(group.exceptions):
            raise
        write_message({"failed": reasons[0]})
        return 1
    return 0


async def _main() -> int:
    # Read in a thread, so that the lifeline and signals are handled meanwhile.
    line = await asyncio.to_thread(sys.stdin.readline)
    return await supervise(msgspec.convert(json.loads(line), LocalPlan))


if __name__ == "__main__":
    sys.exit(run(_main))
