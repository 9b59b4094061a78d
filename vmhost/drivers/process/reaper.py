"""The reaper: a small program that outlives the platform for as long as it takes to end the guests it left."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

import vmhost

_PROGRAM = "vmhost.drivers.process.orphans"
_END_DEADLINE_S = 5.0


class Reaper:
    """Runs the program while it is open. A pipe that closes however the platform ends starts its work."""

    def __init__(self, records: Path) -> None:
        """`records` is the folder with the records of running guest programs."""
        self._records = records
        self._process: Process | None = None
        self._pipe = -1

    async def open(self) -> None:
        """Start the program."""
        reading, self._pipe = os.pipe()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-S", "-m", _PROGRAM, str(self._records)),
                stdin=reading, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, cwd="/",
                env={"PYTHONPATH": str(Path(vmhost.__file__).parents[1])},
            )  # fmt: skip
        finally:
            os.close(reading)

    async def close(self) -> None:
        """Let the program end what is still on record, and wait for it."""
        if self._process is None:
            return
        os.close(self._pipe)
        try:
            async with asyncio.timeout(_END_DEADLINE_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None
