"""Walls of the user's own service manager, for who may not write control groups: a slice per guest, in its host's.

A slice holds the limits; each program of the guest enters it in a scope of its own. Needs version 2 of control groups,
in which the manager may give its user memory and process limits (and CPU, where its administrator says so).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.drivers.cgroups import Usage, find_tree, read_pids, usage_at
from vmhost.drivers.process.walls import HOST_CPU_WALL, NO_CPU_WALL, Entry
from vmhost.model.guest import Capability, GuestSpec
from vmhost.model.host import Host
from vmhost.model.limits import Limits

_DEADLINE_S = 10.0
_REACHING = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""What a program needs in its environment to reach the manager; guests do not get it."""
_NEEDED = frozenset({"memory", "pids"})
_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """The user's service manager that answers here."""

    root: Path
    """Where control groups are mounted."""
    controllers: frozenset[str]
    """What it may limit."""

    @classmethod
    async def detect(cls, proc: Path = Path("/proc")) -> Manager:
        """Tried by running a program in a scope. Raises Unsupported, saying what is missing."""
        tree = find_tree((proc / "self/mountinfo").read_text()) if (proc / "self/mountinfo").exists() else None
        if tree is None or tree.version != 2:
            raise Unsupported("no user service manager can limit here; expected version 2 of control groups")
        try:
            told = await _run("systemd-run", "--user", "--scope", "--quiet", "--collect", "cat", "/proc/self/cgroup")
        except Unavailable as error:
            raise Unsupported(f"no user service manager answers ({error.message})") from error
        root = tree.roots["memory"]
        service = managers_group(told)
        controllers = frozenset(_read(root / service / "cgroup.controllers").split())
        if not controllers >= _NEEDED:
            missing = ", ".join(sorted(_NEEDED - controllers))
            raise Unsupported(f"the user service manager may not limit {missing}; expected memory and pids")
        return cls(root=root, controllers=controllers)


class ScopeWall:
    """Slices of the user's manager, all under one of this cloud's."""

    secures_guests = False
    watched = False

    def __init__(self, manager: Manager, *, cloud_slice: str, cpu_wall: bool = False) -> None:
        self._manager = manager
        self._cloud = cloud_slice
        self._cpu = "cpu" in manager.controllers
        self._cpu_wall = cpu_wall and self._cpu
        self._places: dict[str, Path] = {}
        self._hosts: set[str] = set()

    def capabilities(self) -> tuple[Capability, ...]:
        held = "the user's service manager"
        host = "a host's guests share its memory and pids" if self._cpu else "memory and pids; it may not limit CPU"
        return (
            Capability(name="cpu", enforced=self._cpu_wall, why=f"{held}: {self._cpu_words()}"),
            Capability(name="memory", enforced=True, why=f"{held}, no swap on top"),
            Capability(name="pids", enforced=True, why=held),
            Capability(name="host", enforced=self._cpu, why=f"{held}: {host}"),
        )

    def _cpu_words(self) -> str:
        if self._cpu_wall:
            return "a ceiling for each"
        return HOST_CPU_WALL if self._cpu else f"it may not limit CPU; {NO_CPU_WALL}"

    async def open(self) -> None:
        await self._drop(f"{self._cloud}.slice")

    async def prepare(self, hosts: Sequence[Host]) -> None:
        for host in hosts:
            cores = host.cpu_cores if self._cpu and host.shared else None
            self._hosts.add(host.id)
            await self._set(self._host_slice(host.id), properties(host.memory_mib, host.pids, cores))

    async def build(self, spec: GuestSpec) -> None:
        await self.resize(spec, spec.limits)

    def entry(self, spec: GuestSpec) -> Entry:
        hidden = tuple(word for name in _REACHING for word in ("-u", name))
        program = shutil.which("systemd-run") or "systemd-run"
        run = (program, "--user", "--scope", "--quiet", "--collect", f"--slice={self._slice(spec)}", "--")
        environment = {name: os.environ[name] for name in _REACHING if name in os.environ}
        return Entry(prefix=(*run, "env", *hidden), environment=environment)

    async def resize(self, spec: GuestSpec, limits: Limits) -> None:
        cores = limits.cpu_quota_cores if self._cpu_wall else None
        await self._set(self._slice(spec), properties(limits.memory_mib, limits.pids, cores))

    def pids(self, spec: GuestSpec) -> frozenset[int]:
        place = self._places.get(spec.instance_id)
        if place is None or not place.is_dir():
            return frozenset()
        return frozenset[int]().union(*(read_pids(path) for path in place.rglob("cgroup.procs")))

    async def usage(self, spec: GuestSpec, leaders: Collection[int]) -> Usage | None:
        place = self._places.get(spec.instance_id) or await self._find(spec)
        return None if place is None else usage_at(place)

    async def _find(self, spec: GuestSpec) -> Path | None:
        group = await _run("systemctl", "--user", "show", "-p", "ControlGroup", "--value", self._slice(spec))
        if not group.strip():
            return None
        self._places[spec.instance_id] = self._manager.root / group.strip().strip("/")
        return self._places[spec.instance_id]

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
        self._places.pop(spec.instance_id, None)
        await self._drop(self._slice(spec))

    async def close(self, *, remove: bool) -> None:
        for host_id in self._hosts:
            await self._drop(self._host_slice(host_id))
        await self._drop(f"{self._cloud}.slice")

    async def _set(self, unit: str, values: tuple[str, ...]) -> None:
        await _run("systemctl", "--user", "set-property", "--runtime", unit, *values)

    async def _drop(self, unit: str) -> None:
        """Ends what is in the slice and forgets its limits; one that is not there is fine."""
        for verb in (("kill", "--signal=SIGKILL"), ("stop",), ("revert",)):
            with contextlib.suppress(Unavailable):
                await _run("systemctl", "--user", *verb, unit)

    def _host_slice(self, host_id: str) -> str:
        return f"{self._cloud}-{_word(host_id)}.slice"

    def _slice(self, spec: GuestSpec) -> str:
        return f"{self._cloud}-{_word(spec.host_id)}-{_word(spec.instance_id)}.slice"


def managers_group(told: str) -> str:
    """The manager's own group, from /proc/self/cgroup of a program in a scope: the part up to "user@1000.service"."""
    parts = told.strip().rpartition("::")[2].strip("/").split("/")
    for count, part in enumerate(parts, start=1):
        if part.startswith("user@"):
            return "/".join(parts[:count])
    return "/".join(parts[:-1])


def properties(memory_mib: int, pids: int, cpu_cores: float | None) -> tuple[str, ...]:
    """The limits as the manager's properties (systemd.resource-control(5))."""
    cpu = () if cpu_cores is None else (f"CPUQuota={round(cpu_cores * 100)}%",)
    return (f"MemoryMax={memory_mib}M", "MemorySwapMax=0", f"TasksMax={pids}", *cpu)


def _word(name: str) -> str:
    """In a slice's name a dash means "inside of"."""
    return re.sub("[^A-Za-z0-9]", "_", name)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


async def _run(*command: str) -> str:
    """What the command printed. Raises Unavailable when it fails, is missing or takes too long."""
    if sys.platform != "linux":
        raise Unavailable(f"{command[0]} exists on Linux only")
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        async with asyncio.timeout(_DEADLINE_S):
            said, complaint = await process.communicate()
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise Unavailable(f"{' '.join(command[:3])} did not end within {_DEADLINE_S:.0f} s") from error
        raise
    if process.returncode:
        words = complaint.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        raise Unavailable(f"{' '.join(command[:3])}: {words[-1]}; expected it to succeed")
    return said.decode(errors="replace")
