"""Hosts as sets of CPUs: which CPUs the engine may give to containers, and whether guests really run on theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vmhost.base.cpus import format_cpus, parse_cpus
from vmhost.base.errors import CloudError
from vmhost.base.logs import get_logger
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.reading import Container, EngineInfo
from vmhost.model.guest import Capability
from vmhost.model.host import Host

_AVAILABLE = re.compile(r"available: *([0-9][0-9,-]*)")
_NO_CPU, _NO_IMAGE = "8191", "glasscloud-no-such-image"
_ALLOWED = re.compile(r"^Cpus_allowed_list:\s*(\S+)", re.MULTILINE)
_log = get_logger("driver")


async def available_cpus(engine: Engine, info: EngineInfo) -> tuple[int, ...]:
    """The CPUs that containers of this engine may run on.

    The API has no call for that, but an engine that is asked for a CPU that does not exist names those that do. For one
    that does not, they are numbered from 0. Nothing is made: there is no such image either."""
    probe = {"Image": _NO_IMAGE, "HostConfig": {"CpusetCpus": _NO_CPU}}
    try:
        await engine.remove(await engine.create("glasscloud-cpu-probe", probe))
    except CloudError as error:
        return named_cpus(error.message) or tuple(range(info.cpus))
    return tuple(range(info.cpus))


def named_cpus(refusal: str) -> tuple[int, ...]:
    """The CPUs that an engine's refusal names ("… requested 8191, available: 0-1."); none where it names none."""
    found = _AVAILABLE.search(refusal)
    try:
        return parse_cpus(found[1]) if found else ()
    except ValueError:
        return ()


class CoreSets:
    """The hosts' sets as they were last prepared, compared with the CPUs that guests really run on."""

    def __init__(self, *, info: EngineInfo, sees_processes: bool, proc: Path = Path("/proc")) -> None:
        self._ignored = "cpuset" in info.lacks
        self._proc = proc if sees_processes else None
        self._hosts: dict[str, Host] = {}
        self._elsewhere: dict[str, str] = {}

    def prepare(self, hosts: Sequence[Host]) -> None:
        """These are the hosts now."""
        self._hosts = {host.id: host for host in hosts}

    def check(self, container: Container) -> None:
        """Notes whether a running guest is on its host's CPUs, as the kernel says, or else the engine."""
        host = self._hosts.get(container.host_id)
        real = None if host is None or host.shared or not container.running else self._read(container)
        if host is None or real in (None, host.cpus):
            self._elsewhere.pop(container.instance_id, None)
            return
        told = f"{container.instance_id} runs on CPUs {format_cpus(real or ()) or 'of any host'}"
        self._elsewhere[container.instance_id] = f"{told}, not on {format_cpus(host.cpus)} of {host.id}"
        _log.warning("guest_not_on_its_cpus", id=container.instance_id, why=self._elsewhere[container.instance_id])

    def _read(self, container: Container) -> tuple[int, ...] | None:
        """None where the guest has ended meanwhile."""
        if self._proc is None:
            return container.cpus
        try:
            found = _ALLOWED.search((self._proc / str(container.pid) / "status").read_text())
        except OSError:
            return None
        return parse_cpus(found[1]) if found else container.cpus

    def forget(self, instance_id: str) -> None:
        """The guest is gone."""
        self._elsewhere.pop(instance_id, None)

    def capability(self) -> Capability:
        """Whether each host has CPUs of its own here."""
        why = self._why_not()
        sets = ", ".join(f"{host.id}: {format_cpus(host.cpus)}" for host in self._hosts.values())
        return Capability(name="cores", enforced=not why, why=why or f"each host has its own CPUs ({sets})")

    def _why_not(self) -> str:
        if any(host.shared for host in self._hosts.values()):
            return (
                f"{len(self._hosts)} hosts share fewer CPUs; each has a quota instead, under which guests get what is "
                "guaranteed, but not shares by their weights"
            )
        if self._ignored:
            return "the kernel under the engine cannot pin containers to CPUs"
        return next(iter(self._elsewhere.values()), "")
