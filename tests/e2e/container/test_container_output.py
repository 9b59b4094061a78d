"""What guests print: limited inside the guest, for any image, and readable until and after their end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from container_guest import Guest
from engine_world import IMAGE, SLEEPER, World, docker, spec

from vmhost.base.errors import Conflict

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]

_FLOOD = "import os\nwhile True: os.write(1, b'x\\n' * 30000)"
_LAST = (
    "import sys\nfor n in range(200_000): print('line', n)\nprint('the end', file=sys.stderr, flush=True); sys.exit(3)"
)


async def test_a_flood_of_short_lines_is_bounded(make_guest: Callable[..., Guest]) -> None:
    """What reads it outside works by the line: 1000 of them a second after the first ones."""
    async with make_guest(boot=replace(SLEEPER, command=("python", "-c", _FLOOD))) as guest:
        await asyncio.sleep(1)
        before, started = _lines(guest), time.monotonic()
        await asyncio.sleep(2)
        assert (_lines(guest) - before) / (time.monotonic() - started) < 1500
        assert "bytes of output left out" in await guest.driver.shell.console(guest.id)


async def test_last_output_and_exit_code_remain(make_guest: Callable[..., Guest]) -> None:
    guest = make_guest(boot=replace(SLEEPER, command=("sh", "-c", f'sleep 1; exec python -c "{_LAST}"')))
    async with guest:
        async with asyncio.timeout(20):
            while docker("inspect", guest.container, "-f", "{{.State.Running}}") == "true":
                await asyncio.sleep(0.05)
        assert docker("inspect", guest.container, "-f", "{{.State.ExitCode}}") == "3"
        assert (await guest.driver.shell.console(guest.id)).splitlines()[-2:] == ["line 199999", "the end"]


async def test_a_guest_cannot_print_past_the_limit(make_guest: Callable[..., Guest]) -> None:
    """Neither through its first process's own output, nor by ending it."""
    async with make_guest() as guest:
        assert "ermission denied" in await guest.says("sh", "-c", "echo past > /proc/1/fd/1")
        await guest.says("sh", "-c", "kill -9 1; kill -STOP 1")
        assert await guest.says("cat", "/proc/1/comm") == "init"
        assert guest.driver.capabilities().of("output").enforced


async def test_an_images_own_program_runs_as_it_would(cloud: World, make_guest: Callable[..., Guest]) -> None:
    name = f"{cloud.cloud}-own"
    docker("create", "--name", name, "--entrypoint", "sh", IMAGE, "-c", "echo out; echo err >&2; sleep 600")
    docker("commit", "-c", 'ENTRYPOINT ["sh", "-c"]', "-c", 'CMD ["echo mine; sleep 600"]', name, name)
    try:
        async with make_guest(boot=replace(SLEEPER, image=name, command=())) as guest:
            async with asyncio.timeout(5):
                while "mine" not in await guest.driver.shell.console(guest.id):
                    await asyncio.sleep(0.05)
            started = time.monotonic()
            await guest.driver.instances.stop(guest.id, grace_s=5)
            # sh ends at SIGTERM, which our first process passes on.
            assert time.monotonic() - started < 4
    finally:
        docker("rm", "-f", name)
        docker("rmi", name, check=False)


async def test_a_program_that_is_missing_is_named(make_guest: Callable[..., Guest]) -> None:
    guest = make_guest(boot=replace(SLEEPER, command=("no-such-program",)))
    await guest.driver.instances.create(spec(guest.id, boot=guest.boot))
    try:
        with pytest.raises(Conflict, match="127"):
            await guest.driver.instances.start(guest.id)
        assert "no-such-program: not found" in await guest.driver.shell.console(guest.id)
    finally:
        await guest.driver.instances.remove(guest.id)


def _lines(guest: Guest) -> int:
    return len(docker("logs", guest.container).splitlines())
