"""`glasscloud down`: stop the cloud and remove everything that belongs to it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from client.cli.command import Command
from client.local.state_dir import cloud_name, forget, make_folder, read_facts, running_demos, state_folder
from client.program_name import DEFAULT_CLOUD
from vmhost.api.drivers import DriverObject, list_objects
from vmhost.base.errors import Conflict
from vmhost.base.files import indented_json

_DRAIN_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DownResult:
    """What was done. `removed` and `left` are what drivers kept, such as containers."""

    cloud: str
    was_up: bool
    clean: bool
    """Whether it stopped by itself, or was not up."""
    killed: bool = False
    """Whether it was not up, but its facts were still stored."""
    removed: tuple[DriverObject, ...] = ()
    left: tuple[DriverObject, ...] = ()
    demos_removed: int = 0
    demos_running: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Stop and remove the cloud; return 1 if something is left."""
    cloud, demos = cloud_name(), tuple(each.cloud for each in running_demos())
    if cloud in demos:
        raise Conflict(f"{cloud} is a demo that is running; end it with q in its terminal")
    done = replace(asyncio.run(_down(cloud)), demos_running=demos)
    if args.json:
        objects = {"removed": [str(each) for each in done.removed], "left": [str(each) for each in done.left]}
        print(indented_json(asdict(done) | objects))
    else:
        print("\n".join(lines_of(done)), file=sys.stderr if done.left else sys.stdout)
    return 1 if done.left else 0


async def _down(cloud: str) -> DownResult:
    from client.local.local_cloud import sweep
    from client.local.supervised_cloud import find_running, sweep_abandoned_demos, take_down, wait_until_free

    state = state_folder(cloud)
    facts = find_running(state)
    killed = facts is None and read_facts(state) is not None
    clean = facts is None or await take_down(state, facts)
    make_folder(state)
    # Programs of a killed supervisor drain for a moment; what they leave is removed below.
    await wait_until_free(state, deadline_s=_DRAIN_DEADLINE_S)
    before = await list_objects(cloud)
    if facts is None or not clean:
        await sweep(cloud=cloud, driver="auto", state=state)
    forget(state, temporary=False)
    left = await list_objects(cloud)
    return DownResult(
        cloud=cloud,
        was_up=facts is not None,
        clean=clean,
        killed=killed,
        removed=tuple(each for each in before if each not in left),
        left=left,
        demos_removed=await sweep_abandoned_demos(),
    )


def lines_of(done: DownResult) -> list[str]:
    """Return what was done as text lines."""
    lines, name = [], "glasscloud" if done.cloud == DEFAULT_CLOUD else f"the cloud {done.cloud}"
    if done.was_up and not done.clean:
        lines.append(f"{name} did not stop in time and was killed")
    elif done.was_up and not done.left:
        lines.append(f"{name} is down; nothing is left")
    if done.removed or done.killed:
        what = f": {counted(done.removed)}" if done.removed else ""
        lines.append(f"removed what a killed platform had left{what}")
    if done.demos_removed:
        count = done.demos_removed
        lines.append(f"removed what {count} killed {'demo' if count == 1 else 'demos'} had left")
    if done.left:
        lines.append(
            f"still there: {counted(done.left)} of the cloud {done.cloud}; the platform that made "
            "them still runs: docker compose down or glasscloud down stops it"
        )
    if not lines:
        lines.append("no cloud was up" if done.cloud == DEFAULT_CLOUD else f"the cloud {done.cloud} was not up")
        lines += [f"{demo} is still running; end it with q in its terminal" for demo in done.demos_running]
    return lines


def counted(objects: Iterable[DriverObject]) -> str:
    """Count the objects as people call them: "4 instances, 1 network"."""
    counts = Counter(each.noun for each in objects)
    return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for noun, count in counts.items())


COMMANDS = {
    "down": Command(
        help="stop the cloud and remove everything that belongs to it, also what a killed cloud left behind",
        examples="""\
  glasscloud down
  glasscloud down --cloud mine  # the cloud named mine
""",
        add_arguments=add_arguments,
        run=run,
        for_a_cloud=True,
    ),
}
