"""The description of the container driver, its factory, its prerequisites, and what it says about this computer."""

from __future__ import annotations

from vmhost.api.drivers import DriverDescription
from vmhost.drivers.container import labels
from vmhost.drivers.container.engine_probe import diagnose, list_objects
from vmhost.drivers.registry import DriverAbout, MissingPrerequisite


async def _missing_prerequisite(reference: str) -> MissingPrerequisite | None:
    # Imports Docker's library, which other drivers do not need.
    from vmhost.drivers.container.prerequisites import missing_prerequisite

    return await missing_prerequisite(reference)


ABOUT = DriverAbout(
    description=DriverDescription(
        name="container",
        plural="containers",
        needs="a Docker engine has the image",
        packages=("docker",),
        image_settings=frozenset({"command", "image", "environment", "user", "read_only", "port"}),
        kill_command="docker kill {cloud}-{instance}",
        frees_disk="docker system prune",
        # Each is followed by the command to run again: "start Docker, docker compose build, glasscloud up".
        fixes={"engine": "start Docker, docker compose build, ", "image": "docker compose build, "},
    ),
    factory="vmhost.drivers.container.driver:ContainerDriver",
    removal_command=lambda cloud, _: labels.removal(cloud),
    missing_prerequisite=_missing_prerequisite,
    diagnose=diagnose,
    list_objects=list_objects,
)
