"""`glasscloud down`: ends the cloud and removes everything of it."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from client.local.places import DEFAULT_CLOUD, forget, make_folder, state_folder

NAME = "down"
HELP = "end the cloud and remove everything of it, also what a killed one left behind"
EXAMPLES = """\
  glasscloud down
"""
_DRAIN_DEADLINE_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--json", action="store_true", help="what was done, as JSON")


def run(args: argparse.Namespace) -> int:
    """Takes the cloud down."""
    done = asyncio.run(_down())
    if args.json:
        print(json.dumps(done, indent=2))
    else:
        print(sentence(done))
    return 0


async def _down() -> dict[str, Any]:
    from client.local.attach import find, sweep_abandoned_demos, take_down, until_free
    from client.local.cloud import sweep

    state = state_folder()
    facts = find(state)
    clean = True
    if facts is not None:
        clean = await take_down(state, facts)
    make_folder(state)
    # Programs of a killed supervisor drain for a moment; what they leave is swept.
    await until_free(state, deadline_s=_DRAIN_DEADLINE_S)
    swept = "" if facts is not None and clean else await sweep(cloud=DEFAULT_CLOUD, driver="auto", state=state)
    forget(state, temporary=False)
    return {
        "was_up": facts is not None,
        "clean": clean,
        "swept": swept,
        "demos_removed": await sweep_abandoned_demos(),
    }


def sentence(done: dict[str, Any]) -> str:
    """What was done, in words."""
    if done["was_up"]:
        text = "glasscloud is down; nothing is left"
        if not done["clean"]:
            text = "glasscloud did not end in time and was killed; what it left is removed"
    else:
        text = "no cloud was up"
    if done["swept"]:
        text += f"\n{done['swept']}"
    if done["demos_removed"]:
        count = done["demos_removed"]
        text += f"\nremoved what {count} killed {'demo' if count == 1 else 'demos'} left"
    return text
