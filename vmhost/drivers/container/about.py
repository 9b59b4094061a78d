"""The description of the container driver, its factory and its prerequisites."""

from __future__ import annotations

from vmhost.api.drivers import DriverDescription
from vmhost.drivers.about import DriverAbout
from vmhost.drivers.container import labels
from vmhost.model.prerequisite import MissingPrerequisite, Prerequisite


async def _missing_prerequisite(reference: str) -> MissingPrerequisite | None:
    # Imports Docker's library, which other drivers do not need.
    from vmhost.drivers.container.prerequisites import missing_prerequisite

    return await missing_prerequisite(reference)


ABOUT = DriverAbout(
    description=DriverDescription(
        name="container",
        plural="containers",
        uses_engine=True,
        kill_command="docker kill {cloud}-{instance}",
        # Each is followed by the command to run again: "start Docker, docker compose build, glasscloud up".
        fixes={
            Prerequisite.ENGINE: "start Docker, docker compose build, ",
            Prerequisite.IMAGE: "docker compose build, ",
        },
    ),
    factory="vmhost.drivers.container.driver:ContainerDriver",
    removal_command=lambda cloud, _: labels.removal(cloud),
    missing_prerequisite=_missing_prerequisite,
)
