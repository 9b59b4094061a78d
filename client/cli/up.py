"""`glasscloud up`: start a cloud that keeps running."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace

from client.cli.cloud_options import add_cloud_options, check_ports_free, plan_from_args, print_progress
from client.cli.command import INTERRUPTED, Command, run_until_stopped
from client.cli.share import check_consent, share_now
from client.local.local_plan import LocalPlan
from client.local.state_dir import LocalFacts, cloud_name, installation, state_folder
from client.local.target_cloud import console_address
from client.program_name import DEFAULT_CLOUD, program_name
from vmhost.base.errors import InvalidInput
from vmhost.base.files import indented_json

_DRAIN_DEADLINE_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_cloud_options(parser)
    lost = parser.add_mutually_exclusive_group()
    lost.add_argument(
        "--adopt", action="store_true", help="keep running instances of this cloud whose records were lost"
    )
    lost.add_argument(
        "--sweep",
        action="store_true",
        help="first remove everything that an earlier platform of this cloud left behind",
    )
    parser.add_argument(
        "--share", action="store_true", help="then share a view-only page with phones nearby; asks for your consent"
    )
    parser.add_argument("--yes", action="store_true", help="with --share: do not ask for consent")
    parser.add_argument("--json", action="store_true", help="print the addresses as JSON")


def run(args: argparse.Namespace) -> int:
    """Start the cloud unless it is up, and print its addresses; return 1 if it is up with other options."""
    if args.share:
        if args.json:
            raise InvalidInput("--share and --json cannot be combined; use `up --json`, then `share --yes --json`")
        # Check before anything is started.
        check_consent(yes=args.yes)
    cloud = cloud_name()
    plan = replace(plan_from_args(args, "up", state=state_folder(cloud), cloud=cloud), adopt=args.adopt)
    started: list[tuple[LocalFacts, bool]] = []

    async def start() -> int:
        started.append(await _up(plan, args))
        return 0

    run_until_stopped(start)
    if not started:
        return INTERRUPTED
    facts, already = started[0]
    differs = already and _differs(plan, facts)
    if args.json:
        print(indented_json({**asdict(facts), "already_up": already, "other_options": differs}))
    else:
        print("\n".join(block(facts, already=already, differs=differs, program=program_name(facts.cloud))))
    if args.share and (code := share_now(yes=args.yes)):
        return code
    return 1 if differs else 0


async def _up(plan: LocalPlan, args: argparse.Namespace) -> tuple[LocalFacts, bool]:
    """Return the facts of the cloud, and whether it was up already."""
    from client.local.local_cloud import sweep
    from client.local.supervised_cloud import find_running, start_detached, sweep_abandoned_demos, wait_until_free

    if (facts := find_running(plan.folder)) is not None:
        return facts, True
    check_ports_free(args)
    await sweep_abandoned_demos()
    # Programs of a killed supervisor drain for a moment.
    await wait_until_free(plan.folder, deadline_s=_DRAIN_DEADLINE_S)
    if args.sweep:
        await sweep(cloud=plan.cloud, driver=plan.driver, state=plan.folder)
    return await start_detached(plan, print_progress), False


def _differs(plan: LocalPlan, facts: LocalFacts) -> bool:
    wanted = (plan.instances, plan.shards, plan.type, plan.driver)
    return wanted != (facts.instances, facts.shards, facts.type, facts.driver_option)


def block(facts: LocalFacts, *, already: bool, differs: bool, program: str) -> list[str]:
    """Return the cloud's addresses, and the commands to use it, as text lines."""
    name = "glasscloud" if facts.cloud == DEFAULT_CLOUD else f"the cloud {facts.cloud}"
    lines = [
        f"{name} is {'already up' if already else 'up'}: {facts.instances} instances ({facts.type}), "
        f"{facts.shards} shards",
        *([f"  console  {console}"] if (console := console_address(facts)) else []),
        f"  search   {facts.search}/search?q=hypervisor",
        f'  EC2 API  {facts.endpoint}   eval "$({program} env)"',
        f"  watch    {program} status   (also: ps, flow, watch --load 20)",
        f"  stop     {program} down",
    ]
    if differs:
        lines.append(f"  It was started with other options. To change them: {program} down, then up again")
    if already and facts.installed not in ("", installation()):
        lines.append(f"  It was started from another installation: {facts.installed}")
    return lines


COMMANDS = {
    "up": Command(
        help="start a cloud with a search service that runs until `down`, and print its addresses",
        examples="""\
  glasscloud up
  glasscloud up --driver process --instances 6 --shards 3
  glasscloud up --corpus ~/notes  # search your own documents
  glasscloud up --share           # then share it with an audience
  glasscloud up --cloud mine      # a second cloud, named mine
""",
        add_arguments=add_arguments,
        run=run,
        for_a_cloud=True,
    ),
}
