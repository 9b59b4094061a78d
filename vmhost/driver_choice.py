"""Chooses the driver that `auto` stands for on this computer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmhost.api.drivers import AUTO
from vmhost.base.errors import Unavailable
from vmhost.drivers.about import DriverAbout, MissingPrerequisite
from vmhost.drivers.registry import all_drivers
from vmhost.model.image import Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver (or several: "process,container"), and why it was chosen; without a reason if the user chose it."""

    driver: str
    why: str = ""
    missing: str = ""
    """The name of what the preferred driver misses; empty when nothing is missing."""


async def choose(wanted: str, images: Iterable[Image], drivers: Sequence[DriverAbout] | None = None) -> Choice:
    """Return the wanted driver; for `auto`, the first of the drivers that can boot every image on this computer."""
    if wanted != AUTO:
        return Choice(driver=wanted)
    images, missing = tuple(images), None
    for about in all_drivers() if drivers is None else drivers:
        if about.description.for_tests:
            continue
        now_missing = await _missing(about, images)
        if now_missing is None:
            why = f"instances are {about.description.plural}"
            if missing is None:
                return Choice(driver=about.name, why=why)
            return Choice(driver=about.name, why=f"{why}: {missing.reason}", missing=missing.name)
        missing = missing or now_missing
    raise Unavailable(f"no driver can run here: {missing.reason if missing else 'no driver is registered'}")


async def _missing(about: DriverAbout, images: Sequence[Image]) -> MissingPrerequisite | None:
    """Return the first thing that the driver misses to boot all these images; None when nothing is missing."""
    if about.missing_prerequisite is None:
        return None
    needed = {boot.image for image in images if (boot := image.boots.get(about.name)) and boot.image}
    for reference in sorted(needed):
        if missing := await about.missing_prerequisite(reference):
            return missing
    return None
