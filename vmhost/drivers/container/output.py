"""What guests print, limited inside their own control groups by a first process of ours, which comes in a volume.

Without it the engine reads whatever a guest prints, and nobody pays for that work.
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
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.ownership import Owner
from vmhost.drivers.container.reading import INIT_FOLDER, Container, EngineInfo
from vmhost.drivers.container.settings import INIT, mount
from vmhost.model.guest import Capability

_log = get_logger("driver")


class GuestOutput:
    """Whether what guests print is limited. `volume` is empty where it cannot be."""

    def __init__(self, *, volume: str, why_not: str) -> None:
        self.volume = volume
        self._why_not = why_not
        self._unlimited: set[str] = set()

    def check(self, container: Container) -> None:
        """Notes whether a guest that boots has our first process; one from an earlier version has not."""
        self.forget(container.instance_id)
        if not container.limited_output:
            self._unlimited.add(container.instance_id)

    def forget(self, instance_id: str) -> None:
        """The guest is gone."""
        self._unlimited.discard(instance_id)

    def capability(self) -> Capability:
        """Whether it is limited for all of them."""
        why = self._why_not
        if not why and self._unlimited:
            why = f"{', '.join(sorted(self._unlimited))} was made without it; a new instance has it"
        return Capability(
            name="output", enforced=not why, why=why or "100 kB/s, read in each instance's own control group"
        )


async def provide(engine: Engine, info: EngineInfo, *, cloud: str, owner: Owner, image: str) -> GuestOutput:
    """Makes and fills the volume that all guests of the cloud mount; again replaces what is in it."""
    program = files("vmhost.drivers.container") / "guest_init" / f"init.{info.architecture}"
    if not program.is_file():
        return GuestOutput(volume="", why_not=f"there is no first process of ours for {info.architecture}")
    volume = f"{cloud}-init"
    ours = {labels.CLOUD: cloud, **owner.labels}
    try:
        await _remove_left(engine, f"{volume}-filler", cloud)
        await engine.create_volume(volume, ours)
        await _fill(engine, volume, _archive(program.read_bytes()), ours=ours, image=image)
    except CloudError as error:
        _log.warning("guest_output_not_limited", error=error.message)
        return GuestOutput(volume="", why_not=f"the engine takes no first process of ours ({error.message})")
    return GuestOutput(volume=volume, why_not="")


async def _fill(engine: Engine, volume: str, archive: bytes, *, ours: Mapping[str, str], image: str) -> None:
    """Through a container that never runs: whatever it is made of, only its volume counts."""
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
    """Removes what a platform that was killed meanwhile has left."""
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
