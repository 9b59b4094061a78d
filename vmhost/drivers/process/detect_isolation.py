"""Chooses how limits are enforced: control groups, else the user's service manager, else polling."""

from __future__ import annotations

import hashlib
import os
import re

from vmhost.base.errors import Unsupported
from vmhost.drivers.cgroups import ControlGroups
from vmhost.drivers.process.cgroup_isolation import CgroupIsolation
from vmhost.drivers.process.isolation import CPU_LIMITS_VARIABLES, GROUP_PREFIX, Isolation
from vmhost.drivers.process.polled_isolation import PolledIsolation
from vmhost.drivers.process.systemd_isolation import ServiceManager, SystemdIsolation


async def detect_isolation(cloud: str, key: str) -> Isolation:
    """Return the strictest isolation that this computer and user allow. `key` separates clouds of the same name."""
    cpu_limits = any(os.environ.get(name) == "1" for name in CPU_LIMITS_VARIABLES)
    label = f"{GROUP_PREFIX}{re.sub('[^A-Za-z0-9]', '_', cloud)}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    try:
        return CgroupIsolation(ControlGroups.detect(), cloud_group=label, cpu_limits=cpu_limits)
    except Unsupported as no_groups:
        try:
            return SystemdIsolation(await ServiceManager.detect(), cloud_slice=label, cpu_limits=cpu_limits)
        except Unsupported as no_manager:
            return PolledIsolation(f"{_reason(no_groups)}, {_reason(no_manager)}")


def _reason(error: Unsupported) -> str:
    """Return the message without the advice after the semicolon."""
    return error.message.partition(";")[0]
