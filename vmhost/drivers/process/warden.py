"""The warden: a small program that outlives the platform just long enough to end what it left."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

import vmhost

_PROGRAM = "vmhost.drivers.process.orphans"
_END_DEADLINE_S = 5.0


class Warden:
    """Watches over the records in a folder while it is open, through a pipe that closes however we end."""

    def __init__(self, records: Path) -> None:
        self._records = records
        self._process: Process | None = None
        self._lifeline = -1

    async def open(self) -> None:
        """Starts it."""
        reading, self._lifeline = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-S", "-m", _PROGRAM, str(self._records)),
                stdin=reading, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, cwd="/",
                env={"PYTHONPATH": str(Path(vmhost.__file__).parents[1])},
            )  # fmt: skip
        finally:
            os.close(reading)

    async def close(self) -> None:
        """Lets it end whatever is still on record, then itself."""
        if self._process is None:
            return
        os.close(self._lifeline)
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None
