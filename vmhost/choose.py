"""Which driver `auto` means on this machine, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from vmhost.model.image import Image
from vmhost.model.prerequisite import MissingPrerequisite
from vmhost.settings import AUTO

CONTAINER, PROCESS = "container", "process"

Lacks = Callable[[str], Awaitable[MissingPrerequisite | None]]
"""What the engine lacks to boot a container image now; None when nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A driver, and why it is this one; nothing to say when somebody chose it."""

    driver: str
    why: str = ""
    missing: str = ""
    """What there would have to be for containers: a `Prerequisite`; empty when nothing."""


async def choose(wanted: str, images: Iterable[Image], lacks: Lacks | None = None) -> Choice:
    """The wanted driver; for `auto`, containers if an engine answers and has every image already, else processes."""
    if wanted != AUTO:
        return Choice(driver=wanted)
    needed = {boot.image for image in images if (boot := image.boots.get(CONTAINER)) and boot.image}
    for reference in sorted(needed):
        if missing := await (lacks or _lacks)(reference):
            why = f"instances are plain processes: {missing.reason}"
            return Choice(driver=PROCESS, why=why, missing=missing.prerequisite)
    return Choice(driver=CONTAINER, why="instances are containers")


async def _lacks(reference: str) -> MissingPrerequisite | None:
    from vmhost.drivers.container.probe import lacks  # the Docker library, which a chosen process driver never needs

    return await lacks(reference)
