"""Chooses the driver that `auto` stands for on this computer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from vmhost.model.image import Image
from vmhost.model.prerequisite import MissingPrerequisite
from vmhost.settings import AUTO

CONTAINER, PROCESS = "container", "process"

Check = Callable[[str], Awaitable[MissingPrerequisite | None]]
"""Returns what is missing to boot a container image now; None when nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver, and why it was chosen; without a reason if the user chose it."""

    driver: str
    why: str = ""
    missing: str = ""
    """What containers would need: a `Prerequisite`; empty when nothing is missing."""


async def choose(wanted: str, images: Iterable[Image], missing_prerequisite: Check | None = None) -> Choice:
    """Return the wanted driver; for `auto`, containers if an engine answers and has every image, else processes."""
    if wanted != AUTO:
        return Choice(driver=wanted)
    needed = {boot.image for image in images if (boot := image.boots.get(CONTAINER)) and boot.image}
    for reference in sorted(needed):
        if missing := await (missing_prerequisite or _missing_prerequisite)(reference):
            why = f"instances are plain processes: {missing.reason}"
            return Choice(driver=PROCESS, why=why, missing=missing.prerequisite)
    return Choice(driver=CONTAINER, why="instances are containers")


async def _missing_prerequisite(reference: str) -> MissingPrerequisite | None:
    from vmhost.drivers.container.prerequisites import (
        missing_prerequisite,  # the Docker library, which a chosen process driver never needs
    )

    return await missing_prerequisite(reference)
