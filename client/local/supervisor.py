"""The supervisor's process: `python -m client.local.supervisor`, the plan as one JSON line on its standard input.

It tells its way on standard output, one JSON object a line: `{"say": sentence}`, `{"up": facts}`, `{"failed":
message}`. Nobody need read on after `up`. SIGTERM, or the end of its lifeline, takes the cloud down.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import asdict
from typing import Any

from client.load.wire import from_json
from client.local.cloud import LocalCloud
from client.local.plan import LocalPlan
from vmhost.base.errors import CloudError
from vmhost.base.web import run


def tell(message: dict[str, Any]) -> None:
    """Writes one line; a reader that has gone is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(json.dumps(message), flush=True)


async def supervise(plan: LocalPlan) -> int:
    """Runs the cloud until it is told to stop or cannot go on; the exit code."""
    cloud = LocalCloud(plan, lambda text: tell({"say": text}))
    try:
        async with cloud.up() as facts:
            tell({"up": asdict(facts)})
            await cloud.keep()
    except CloudError as error:
        tell({"failed": error.message})
        return 1
    except ExceptionGroup as group:
        # `keep` has a task a program; the first that gave up is the reason.
        reasons = [error.message for error in group.exceptions if isinstance(error, CloudError)]
        if len(reasons) != len(group.exceptions):
            raise
        tell({"failed": reasons[0]})
        return 1
    return 0


async def _main() -> int:
    # Read in a thread: the lifeline and signals must be heard meanwhile.
    line = await asyncio.to_thread(sys.stdin.readline)
    return await supervise(from_json(LocalPlan, json.loads(line)))


if __name__ == "__main__":
    sys.exit(run(_main))
