"""The choice of a wall: control groups, else the user's service manager, else someone who watches."""

from __future__ import annotations

import hashlib
import os
import re

from vmhost.base.errors import Unsupported
from vmhost.drivers.cgroups import Groups
from vmhost.drivers.process.group_wall import GroupWall
from vmhost.drivers.process.scope_wall import Manager, ScopeWall
from vmhost.drivers.process.walls import CPU_WALL_VARIABLE, GROUP_PREFIX, Wall
from vmhost.drivers.process.watch_wall import WatchWall


async def choose_wall(cloud: str, key: str) -> Wall:
    """The best that this machine and user allow. `key` tells apart clouds of the same name."""
    cpu_wall = os.environ.get(CPU_WALL_VARIABLE) == "1"
    label = f"{GROUP_PREFIX}{re.sub('[^A-Za-z0-9]', '_', cloud)}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    try:
        return GroupWall(Groups.detect(), cloud_group=label, cpu_wall=cpu_wall)
    except Unsupported as no_groups:
        try:
            return ScopeWall(await Manager.detect(), cloud_slice=label, cpu_wall=cpu_wall)
        except Unsupported as no_manager:
            return WatchWall(f"{_fact(no_groups)}, {_fact(no_manager)}")


def _fact(error: Unsupported) -> str:
    """The message without what was expected."""
    return error.message.partition(";")[0]
