"""The fault `kill`: the instance's program ends as in a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vmhost.faults.fault import Fault, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Fault):
    """Kills the program. The platform notices it only by the driver's event."""

    name: ClassVar[str] = "kill"
    title: ClassVar[str] = "kill"
    summary: ClassVar[str] = "ends instantly, as in a crash"
    ends_as: ClassVar[str] = "killed"

    async def inject(self, target: Target) -> None:
        """Kill the program."""
        await target.driver.instances.kill(target.instance_id)
