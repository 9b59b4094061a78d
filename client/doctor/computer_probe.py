"""Collect facts about this computer without changing anything."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from client.doctor.engine_probe import candidates, image_name, query_engine
from client.doctor.findings import ComputerFacts
from client.local.local_plan import API_PORT, CONSOLE_PORT, SEARCH_PORT, port_of
from client.local.state_dir import port_in_use
from client.local.target_cloud import running_clouds
from server.api.queries import index_folder

_PACKAGES = ("aiohttp", "botocore", "docker", "httptools", "structlog", "tantivy", "uvloop")
_MANAGERS = {"apt": "apt-get", "dnf": "dnf", "pacman": "pacman", "apk": "apk", "brew": "brew"}
_CGROUP_ROOT = Path("/sys/fs/cgroup")
_SYSCTL_TIMEOUT_S = 5


async def inspect_computer() -> ComputerFacts:
    """Return the facts about this computer."""
    image = image_name()
    engines = await asyncio.gather(*(query_engine(candidate, image) for candidate in candidates()))
    memory_mib, free_mib = memory()
    folder = tempfile.gettempdir()
    return ComputerFacts(
        system=platform.system(),
        python=sys.version_info[:3],
        in_venv=sys.prefix != sys.base_prefix,
        missing_packages=tuple(name for name in _PACKAGES if importlib.util.find_spec(name) is None),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        memory_mib=memory_mib,
        memory_free_mib=free_mib,
        disk_free_mib=shutil.disk_usage(folder).free // (1 << 20),
        disk_path=folder,
        ports_taken={port: port_in_use(port) for port in (API_PORT, SEARCH_PORT, CONSOLE_PORT)},
        ports_of_clouds={port_of(url): each.cloud for each in running_clouds() for url in each.urls},
        engines=tuple(engines),
        image=image,
        cgroups=cgroup_version(),
        cgroups_writable=cgroups_writable(),
        systemd_user=systemd_user(),
        bridges_filtered=bridges_filtered(),
        loopback_addresses=has_loopback_addresses(),
        index=(index_folder() / "manifest.json").exists(),
        package_manager=next((name for name, program in _MANAGERS.items() if shutil.which(program)), ""),
    )


def memory() -> tuple[int, int | None]:
    """Return total MiB, and MiB free for new programs if the system reports it."""
    with contextlib.suppress(OSError, KeyError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if len(line.split()) > 1}
        return kib["MemTotal"] // 1024, kib["MemAvailable"] // 1024
    output = subprocess.run(
        ["sysctl", "-n", "hw.memsize"], capture_output=True, text=True, timeout=_SYSCTL_TIMEOUT_S, check=False
    ).stdout.strip()
    return (int(output) >> 20 if output.isdecimal() else 0), None


def cgroup_version() -> str:
    """Return "v2", "v1", or an empty string."""
    if (_CGROUP_ROOT / "cgroup.controllers").exists():
        return "v2"
    return "v1" if (_CGROUP_ROOT / "memory").is_dir() else ""


def cgroups_writable() -> bool:
    """Return whether we may create control groups below our own."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return False
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "" and cgroup_version() == "v2":
            return os.access(_CGROUP_ROOT / path.lstrip("/"), os.W_OK)
        if "memory" in controllers.split(","):
            return os.access(_CGROUP_ROOT / "memory" / path.lstrip("/"), os.W_OK)
    return False


def systemd_user() -> bool:
    """Return whether the user's systemd can run our processes in scopes."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return bool(runtime and shutil.which("systemd-run") and (Path(runtime) / "systemd" / "private").exists())


def bridges_filtered(proc: Path = Path("/proc")) -> bool:
    """Return whether packets between containers pass this computer's own filters; older Docker engines enable that."""
    try:
        return (proc / "sys/net/bridge/bridge-nf-call-iptables").read_text().strip() == "1"
    except OSError:
        return False


def has_loopback_addresses() -> bool:
    """Return whether 127.0.0.2 works without configuration, as on Linux."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True
