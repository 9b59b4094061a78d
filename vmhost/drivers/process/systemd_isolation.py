"""Isolation by the user's systemd manager, for users who may not write control groups.

Each guest has a slice inside its host's slice; the slice has the limits, and each program of the guest runs in a scope
of its own inside it. Needs control groups version 2, where the manager may limit memory and processes (and CPU, where
the administrator delegates it).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.drivers import processes
from vmhost.drivers.cgroups import Usage, find_mounts, read_pids, usage_at
from vmhost.drivers.process.isolation import HOST_CPU_ONLY, NO_CPU_LIMITS, CgroupEntry, Isolation
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_DEADLINE_S = 10.0
_REACHING = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Environment variables that a program needs to reach the manager; guests do not get them."""
_NEEDED = frozenset({"memory", "pids"})
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManager:
    """The user's systemd manager."""

    root: Path
    """Where control groups are mounted."""
    controllers: frozenset[str]
    """The controllers that are delegated to it."""

    @classmethod
    async def detect(cls, proc: Path = Path("/proc")) -> ServiceManager:
        """Find the manager by running a program in a scope. Raises Unsupported, naming what is missing."""
        mounts = find_mounts((proc / "self/mountinfo").read_text()) if (proc / "self/mountinfo").exists() else None
        if mounts is None or mounts.version != 2:
            raise Unsupported("the user's systemd manager needs control groups version 2")
        try:
            cgroup = await _run("systemd-run", "--user", "--scope", "--quiet", "--collect", "cat", "/proc/self/cgroup")
        except Unavailable as error:
            raise Unsupported(f"the user's systemd manager does not answer ({error.message})") from error
        root = mounts.roots["memory"]
        service = managers_group(cgroup)
        controllers = frozenset(_read(root / service / "cgroup.controllers").split())
        if not controllers >= _NEEDED:
            missing = ", ".join(sorted(_NEEDED - controllers))
            raise Unsupported(f"the user's systemd manager may not limit {missing}")
        return cls(root=root, controllers=controllers)


class SystemdIsolation(Isolation):
    """Makes a slice per host and per guest, all inside this cloud's slice."""

    def __init__(self, manager: ServiceManager, *, cloud_slice: str, cpu_limits: bool = False) -> None:
        super().__init__()
        self._manager = manager
        self._cloud = cloud_slice
        self._cpu = "cpu" in manager.controllers
        self._cpu_limits = cpu_limits and self._cpu
        self._paths: dict[str, Path] = {}
        self._hosts: set[str] = set()

    def capabilities(self) -> tuple[Capability, ...]:
        by = "the user's systemd manager"
        host = "memory and number of processes" + ("" if self._cpu else "; it may not limit CPU")
        return (
            Capability(name="cpu", enforced=self._cpu_limits, why=f"{by}: {self._cpu_reason()}"),
            Capability(name="memory", enforced=True, why=f"{by}, no swap on top"),
            Capability(name="pids", enforced=True, why=by),
            Capability(name="host", enforced=self._cpu, why=f"{by}: {host}"),
        )

    def _cpu_reason(self) -> str:
        if self._cpu_limits:
            return "a ceiling for each"
        return HOST_CPU_ONLY if self._cpu else f"it may not limit CPU; {NO_CPU_LIMITS}"

    async def open(self) -> None:
        await self._drop(f"{self._cloud}.slice")

    async def prepare(self, hosts: Sequence[Host]) -> None:
        for host in hosts:
            cores = host.cpu_cores if self._cpu and host.shared else None
            self._hosts.add(host.id)
            await self._set(self._host_slice(host.id), properties(host.memory_mib, host.pids, cores))

    async def build(self, spec: GuestSpec) -> None:
        await self.resize(spec, spec.limits)

    def entry(self, spec: GuestSpec) -> CgroupEntry:
        hidden = tuple(word for name in _REACHING for word in ("-u", name))
        program = shutil.which("systemd-run") or "systemd-run"
        run = (program, "--user", "--scope", "--quiet", "--collect", f"--slice={self._slice(spec)}", "--")
        environment = {name: os.environ[name] for name in _REACHING if name in os.environ}
        return CgroupEntry(prefix=(*run, "env", *hidden), environment=environment)

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        cores = limits.cpu_quota_cores if self._cpu_limits else None
        await self._set(self._slice(spec), properties(limits.memory_mib, limits.pids, cores))

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        path = self._paths.get(spec.instance_id)
        if path is None or not path.is_dir():
            return frozenset()
        return frozenset[int]().union(*(read_pids(file) for file in path.rglob("cgroup.procs")))

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        path = self._paths.get(spec.instance_id) or await self._find(spec)
        return None if path is None else usage_at(path)

    async def _find(self, spec: GuestSpec) -> Path | None:
        group = await _run("systemctl", "--user", "show", "-p", "ControlGroup", "--value", self._slice(spec))
        if not group.strip():
            return None
        self._paths[spec.instance_id] = self._manager.root / group.strip().strip("/")
        return self._paths[spec.instance_id]

    async def kill(self, spec: GuestSpec) -> None:
        await self.usage(spec, ())
        for _ in range(_ROUNDS):
            living = self.pids(spec)
            for pid in living:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not living:
                return

    async def remove(self, spec: GuestSpec) -> None:
        self._paths.pop(spec.instance_id, None)
        await self._drop(self._slice(spec))

    async def close(self) -> None:
        for host_id in self._hosts:
            await self._drop(self._host_slice(host_id))
        await self._drop(f"{self._cloud}.slice")

    async def _set(self, unit: str, values: tuple[str, ...]) -> None:
        await _run("systemctl", "--user", "set-property", "--runtime", unit, *values)

    async def _drop(self, unit: str) -> None:
        """Kill what is in the slice and remove it with its limits. Does nothing if there is no such slice."""
        for verb in (("kill", "--signal=SIGKILL"), ("stop",), ("revert",)):
            with contextlib.suppress(Unavailable):
                await _run("systemctl", "--user", *verb, unit)

    def _host_slice(self, host_id: str) -> str:
        return f"{self._cloud}-{_word(host_id)}.slice"

    def _slice(self, spec: GuestSpec) -> str:
        return f"{self._cloud}-{_word(spec.host_id)}-{_word(spec.instance_id)}.slice"


def managers_group(cgroup: str) -> str:
    """Return the manager's own group from /proc/self/cgroup of a program in a scope: up to "user@1000.service"."""
    parts = cgroup.strip().rpartition("::")[2].strip("/").split("/")
    for count, part in enumerate(parts, start=1):
        if part.startswith("user@"):
            return "/".join(parts[:count])
    return "/".join(parts[:-1])


def properties(memory_mib: int, pids: int, cpu_cores: float | None) -> tuple[str, ...]:
    """Return the limits as unit properties (systemd.resource-control(5))."""
    cpu = () if cpu_cores is None else (f"CPUQuota={round(cpu_cores * 100)}%",)
    return (f"MemoryMax={memory_mib}M", "MemorySwapMax=0", f"TasksMax={pids}", *cpu)


def _word(name: str) -> str:
    """Return the name without dashes, which stand for nesting in a slice's name."""
    return re.sub("[^A-Za-z0-9]", "_", name)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


async def _run(*command: str) -> str:
    """Return what the command printed. Raises Unavailable when it fails, is missing or takes too long."""
    if sys.platform != "linux":
        raise Unavailable(f"{command[0]} exists on Linux only")
    return await asyncio.to_thread(processes.run, *command, timeout_s=_DEADLINE_S)
