"""Limits what guests print, inside their own control groups, by an init program of ours that is mounted from a volume.

Without it, the engine reads everything that a guest prints, with CPU time that does not count as the guest's.
"""

from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Mapping
from importlib.resources import files

from vmhost.base.errors import CloudError, InvalidInput, NotFound
from vmhost.base.logs import get_logger
from vmhost.drivers.container import labels
from vmhost.drivers.container.container_config import INIT, INIT_FOLDER, mount
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.engine_responses import Container, EngineInfo
from vmhost.drivers.container.isolation import GuestCheck
from vmhost.drivers.container.ownership import Owner
from vmhost.model.guest import Capability

_log = get_logger("driver")


class GuestOutput(GuestCheck):
    """Records whether guests' output is limited. `volume` is empty where it cannot be."""

    def __init__(self, *, volume: str, why_not: str) -> None:
        super().__init__()
        self.volume = volume
        self._why_not = why_not

    def _problem(self, container: Container) -> str:
        return "" if container.limited_output else "made by an earlier version"

    def capability(self) -> Capability:
        why = self._why_not
        if not why and self._problems:
            why = f"not for {', '.join(sorted(self._problems))}, made by an earlier version; new instances have it"
        return Capability(
            name="output", enforced=not why, why=why or "100 kB/s, read in each instance's own control group"
        )


async def provide(engine: Engine, info: EngineInfo, *, cloud: str, owner: Owner, image: str) -> GuestOutput:
    """Make the volume that all guests of the cloud mount, with our init program in it; again replaces its content."""
    program = files("vmhost.drivers.container") / "guest_init" / f"init.{info.architecture}"
    if not program.is_file():
        return GuestOutput(volume="", why_not=f"there is no init program for {info.architecture}")
    volume = f"{cloud}-init"
    ours = {labels.CLOUD: cloud, **owner.labels}
    try:
        await _remove_left(engine, f"{volume}-filler", cloud)
        await engine.create_volume(volume, ours)
        await _fill(engine, volume, _archive(program.read_bytes()), ours=ours, image=image)
    except CloudError as error:
        _log.warning("output_limit_unavailable", error=error.message)
        return GuestOutput(volume="", why_not=f"the init program cannot be installed ({error.message})")
    return GuestOutput(volume=volume, why_not="")


async def _fill(engine: Engine, volume: str, archive: bytes, *, ours: Mapping[str, str], image: str) -> None:
    """Fill the volume through a container that never runs; its image does not matter."""
    name = f"{volume}-filler"
    config = {
        "Labels": {**labels.NOT_COMPOSES, **ours},
        "Entrypoint": [INIT],
        "HostConfig": {"NetworkMode": "none", "Mounts": [mount(volume, read_only=False)]},
    }
    try:
        made = await engine.create(name, {**config, "Image": image})
    except InvalidInput:
        images = await engine.images()
        if not images:
            raise
        made = await engine.create(name, {**config, "Image": images[0]})
    try:
        await engine.unpack(made, INIT_FOLDER, archive)
    finally:
        await engine.remove(made)


async def _remove_left(engine: Engine, name: str, cloud: str) -> None:
    """Remove a container that a killed platform has left."""
    with contextlib.suppress(NotFound):
        if (await engine.inspect(name)).labels.get(labels.CLOUD) == cloud:
            await engine.remove(name)


def _archive(program: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("init")
        entry.size, entry.mode = len(program), 0o555
        tar.addfile(entry, io.BytesIO(program))
    return packed.getvalue()
