"""`glasscloud console` for a cloud that has no search front end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from vmhost.app import platform
from vmhost.settings import Settings


async def test_console_without_a_front_end(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSCLOUD_")}
    async with platform(Settings(driver="fake", port=0, state=tmp_path)):
        console = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "client", "console", "--access", str(tmp_path / "access.json"), "--port", "0",
            env={**kept, "XDG_STATE_HOME": str(tmp_path / "none")}, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert console.stdout is not None
        assert console.stderr is not None
        async with asyncio.timeout(60):
            assert (await console.stdout.readline()).startswith(b"console: http://127.0.0.1:")
            assert b"the search front end of this cloud is not known here" in await console.stderr.readline()
            console.send_signal(signal.SIGINT)
            assert await console.wait() == 0
