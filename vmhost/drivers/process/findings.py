"""What `glasscloud doctor` says about this driver: how well this computer limits and separates processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from vmhost.api.drivers import Computer, Diagnosis, Finding, Level
from vmhost.drivers.cgroups import CONTROLLERS, find_mounts
from vmhost.drivers.process.loopback_addresses import has_own_addresses


async def diagnose(computer: Computer) -> Diagnosis:
    """Return the findings for this computer. Unlike the driver, it makes no control group to try."""
    limits = limits_finding(computer.system, groups=writable_groups(), systemd_user=_has_systemd_user())
    return Diagnosis(findings=(limits, addresses_finding(own=has_own_addresses())))


def writable_groups(proc: Path = Path("/proc")) -> int | None:
    """Return the version of the control groups that this user may write; None without such groups."""
    try:
        mounts = find_mounts((proc / "self/mountinfo").read_text())
    except OSError:
        return None
    if mounts is None or mounts.read_only:
        return None
    roots = [mounts.roots.get(name) for name in CONTROLLERS]
    return mounts.version if all(root is not None and os.access(root, os.W_OK) for root in roots) else None


def _has_systemd_user() -> bool:
    """Return whether the user's systemd can run our processes in scopes."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(runtime and shutil.which("systemd-run") and (Path(runtime) / "systemd" / "private").exists())


def limits_finding(system: str, *, groups: int | None, systemd_user: bool) -> Finding:
    """Return how memory and the number of processes are limited."""
    name = "process limits"
    if system != "Linux":
        return Finding(name=name, text="this system has no control groups: memory is watched, not limited")
    if groups is not None:
        return Finding(name=name, text=f"control groups v{groups}, writable: memory and processes are limited")
    if systemd_user:
        return Finding(name=name, text="systemd user scopes: memory and processes are limited")
    text = "control groups are not writable for this user: memory of processes is watched, not limited"
    return Finding(name=name, level=Level.NOTE, text=text, fix="use containers, or run as root")


def addresses_finding(*, own: bool) -> Finding:
    """Return whether each process can have its own address, such as 127.0.0.2."""
    text = "each process gets its own loopback address" if own else "processes share 127.0.0.1 and get a port each"
    return Finding(name="addresses", text=text)
