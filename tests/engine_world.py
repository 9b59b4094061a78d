"""A cloud of its own on the real engine for tests that need one, and the proof that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vmhost.drivers.container.driver import ContainerDriver
from vmhost.drivers.container.engine_session import DEFAULT_IMAGE, IMAGE_VARIABLE
from vmhost.drivers.context import DriverContext
from vmhost.model.guest import GuestSpec
from vmhost.model.image import Boot
from vmhost.model.limits import Limits

IMAGE = os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
SLEEPER = Boot(image=IMAGE, command=("sleep", "600"), read_only=True)
LIMITS = Limits(
    cpu_guaranteed_cores=0.1,
    cpu_quota_cores=0.4,
    cpu_weight=50,
    memory_mib=128,
    pids=64,
    disk_gib=1,
    network_mbps=1000,
)


def docker(*arguments: str, check: bool = True) -> str:
    """What docker's command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def left_of(cloud: str) -> list[str]:
    """Every object of the cloud that the engine or the kernel still has."""
    label = f"label=glasscloud.cloud={cloud}"
    found = docker("ps", "-a", "--filter", label, "--format", "container {{.Names}}").splitlines()
    found += docker("network", "ls", "--filter", label, "--format", "network {{.Name}}").splitlines()
    found += docker("volume", "ls", "--filter", label, "--format", "volume {{.Name}}").splitlines()
    roots = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/cpu"))
    return found + [f"group {root}" for root in roots if (root / f"glasscloud-{cloud}").exists()]


def remove_left_of(cloud: str) -> None:
    """Removes what `left_of` finds in the engine."""
    label = f"label=glasscloud.cloud={cloud}"
    if containers := docker("ps", "-aq", "--filter", label).split():
        docker("rm", "-fv", *containers, check=False)
    if networks := docker("network", "ls", "-q", "--filter", label).split():
        docker("network", "rm", *networks, check=False)


@contextmanager
def nothing_left(cloud: str) -> Iterator[None]:
    """Fails when the cloud has left anything at the end, and removes it."""
    try:
        yield
        assert left_of(cloud) == []
    finally:
        remove_left_of(cloud)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One cloud on the engine."""

    cloud: str
    context: DriverContext
    helper: bool | None

    def driver(self) -> ContainerDriver:
        """A new driver, not open: what a restart of the control plane makes."""
        return ContainerDriver(self.context, helper=self.helper)


@asynccontextmanager
async def world(tag: str, state: Path, *, helper: bool | None = None) -> AsyncIterator[World]:
    """A cloud named by the tag; drivers made in it must be closed with `remove` before its end."""
    cloud = f"gct-{tag}-{os.getpid()}"
    context = DriverContext(cloud=cloud, state_dir=state)
    with nothing_left(cloud):
        yield World(cloud=cloud, context=context, helper=helper)


def spec(instance_id: str, *, boot: Boot = SLEEPER, limits: Limits = LIMITS, host_id: str = "host-a") -> GuestSpec:
    return GuestSpec(instance_id=instance_id, host_id=host_id, boot=boot, limits=limits)
