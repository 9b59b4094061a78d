"""Hosts as sets of CPUs: which CPUs containers may use, and whether guests really run on those of their host."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.base.units import format_cpus, parse_cpus
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import Container, EngineInfo
from vmhost.drivers.container.isolation import GuestCheck
from vmhost.model.guest import Capability
from vmhost.model.host import Host

_AVAILABLE = re.compile(r"available: *([0-9][0-9,-]*)")
_NO_CPU, _NO_IMAGE = "8191", "glasscloud-no-such-image"
_ALLOWED = re.compile(r"^Cpus_allowed_list:\s*(\S+)", re.MULTILINE)
_log = get_logger("driver")


async def available_cpus(engine: Engine, info: EngineInfo) -> tuple[int, ...]:
    """Return the CPUs that containers of this engine may run on.

    The API has no call for this, but an engine that refuses a CPU that does not exist names those that do. Otherwise
    they are numbered from 0. No container is made, because the image does not exist either."""
    probe = {"Image": _NO_IMAGE, "HostConfig": {"CpusetCpus": _NO_CPU}}
    try:
        await engine.remove(await engine.create("glasscloud-cpu-probe", probe))
    except CloudError as error:
        return named_cpus(error.message) or tuple(range(info.cpus))
    return tuple(range(info.cpus))


def named_cpus(refusal: str) -> tuple[int, ...]:
    """Return the CPUs that an engine's refusal names ("… requested 8191, available: 0-1."), if any."""
    found = _AVAILABLE.search(refusal)
    try:
        return parse_cpus(found[1]) if found else ()
    except ValueError:
        return ()


class CpuSets(GuestCheck):
    """Compares the hosts' CPUs with those that guests really run on."""

    def __init__(self, *, info: EngineInfo, sees_processes: bool, proc: Path = Path("/proc")) -> None:
        super().__init__()
        self._ignored = "cpuset" in info.unsupported_limits
        self._proc = proc if sees_processes else None
        self._hosts: dict[str, Host] = {}

    def prepare(self, hosts: Sequence[Host]) -> None:
        """Set the hosts."""
        self._hosts = {host.id: host for host in hosts}

    def _problem(self, container: Container) -> str:
        """Compare a running guest's CPUs, according to the kernel or else to the engine, with its host's."""
        host = self._hosts.get(container.host_id)
        real = None if host is None or host.shared or not container.running else self._read(container)
        if host is None or real in (None, host.cpus):
            return ""
        found = f"{container.instance_id} runs on CPUs {format_cpus(real or ()) or 'of any host'}"
        problem = f"{found}, not on {format_cpus(host.cpus)} of {host.id}"
        _log.warning("guest_on_wrong_cpus", id=container.instance_id, why=problem)
        return problem

    def _read(self, container: Container) -> tuple[int, ...] | None:
        """Return the CPUs that the guest runs on; None when it has ended."""
        if self._proc is None:
            return container.cpus
        try:
            found = _ALLOWED.search((self._proc / str(container.pid) / "status").read_text())
        except OSError:
            return None
        return parse_cpus(found[1]) if found else container.cpus

    def capability(self) -> Capability:
        why = self._why_not()
        sets = ", ".join(f"{host.id}: {format_cpus(host.cpus)}" for host in self._hosts.values())
        return Capability(name="cores", enforced=not why, why=why or f"each host has its own CPUs ({sets})")

    def _why_not(self) -> str:
        if any(host.shared for host in self._hosts.values()):
            return (
                f"{len(self._hosts)} hosts share fewer CPUs; each has a quota instead, under which instances get their "
                "guarantee, but do not share the rest by their weights"
            )
        if self._ignored:
            return "the kernel under the engine cannot pin containers to CPUs"
        return next(iter(self._problems.values()), "")
