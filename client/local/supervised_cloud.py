"""Start a supervisor and read its messages, find one that is already running, and stop it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import psutil

from client.local.local_cloud import ALL_DEADLINE_S, START_DEADLINE_S, Say, sweep
from client.local.local_plan import LocalPlan, checked
from client.local.state_dir import LocalFacts, abandoned_demos, forget, is_held, make_folder, read_facts
from client.local.supervisor import Message
from client.process_tree import process_tree
from vmhost.base.errors import CloudError, Unavailable
from vmhost.base.web import LIFELINE

_DEADLINE_S = 2 * START_DEADLINE_S + ALL_DEADLINE_S + 600.0
_LEAVE_DEADLINE_S = 40.0
_LAST_STEPS_S = 2.0
_POLL_S = 0.05


class SupervisedCloud:
    """A supervisor process that is running, and the facts about its cloud."""

    def __init__(self, process: asyncio.subprocess.Process, facts: LocalFacts, lifeline: int | None) -> None:
        self.facts = facts
        self._process = process
        self._lifeline = lifeline

    async def messages(self) -> AsyncIterator[str]:
        """Yield the supervisor's messages until the cloud ends. Raises Unavailable when the cloud gives up."""
        async for message in _messages(self._process):
            if message.failed is not None:
                raise Unavailable(message.failed)
            if message.say is not None:
                yield message.say

    async def stop(self) -> None:
        """Take the cloud down. Raises Unavailable if that takes too long."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        if not await _drain(self._process):
            raise Unavailable(f"the cloud did not stop within {_LEAVE_DEADLINE_S:.0f} s")


@contextlib.asynccontextmanager
async def own_cloud(plan: LocalPlan, say: Say) -> AsyncIterator[SupervisedCloud]:
    """Run a cloud for the duration of the block. It also ends with this process, however that ends."""
    supervisor = await _start(plan, say, attached=True)
    try:
        yield supervisor
    finally:
        await asyncio.shield(supervisor.stop())


async def start_detached(plan: LocalPlan, say: Say) -> LocalFacts:
    """Start a cloud that outlives this process and return its facts."""
    return (await _start(plan, say, attached=False)).facts


async def _start(plan: LocalPlan, say: Say, *, attached: bool) -> SupervisedCloud:
    plan = checked(plan)
    make_folder(plan.folder)
    reading, lifeline = os.pipe() if attached else (None, None)
    log = (plan.folder / "supervisor.log").open("ab")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "client.local.supervisor",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            env=os.environ | ({LIFELINE: str(reading)} if reading is not None else {}),
            pass_fds=() if reading is None else (reading,), start_new_session=True,
        )  # fmt: skip
    finally:
        log.close()
        if reading is not None:
            os.close(reading)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(plan) + b"\n")
    process.stdin.close()
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return SupervisedCloud(process, await _until_up(process, say, plan.folder / "supervisor.log"), lifeline)
    except BaseException as error:
        # It failed to start or we were interrupted: the supervisor removes what it has started.
        if lifeline is not None:
            os.close(lifeline)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.shield(_drain(process))
        if isinstance(error, asyncio.CancelledError):
            left = "nothing is left" if process.returncode is not None else f"process {process.pid} is still stopping"
            say(f"interrupted before the cloud was up; {left}")
        raise


async def _until_up(process: asyncio.subprocess.Process, say: Say, log: Path) -> LocalFacts:
    async for message in _messages(process):
        if message.say is not None:
            say(message.say)
        if message.failed is not None:
            raise Unavailable(message.failed)
        if message.up is not None:
            return message.up
    code = await process.wait()
    raise Unavailable(f"the supervisor ended with code {code} before the cloud was up; see {log}")


async def _messages(process: asyncio.subprocess.Process) -> AsyncIterator[Message]:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        yield msgspec.json.decode(line, type=Message)


async def _drain(process: asyncio.subprocess.Process) -> bool:
    """Read until the supervisor ends, because a full pipe would block it; return whether it ended in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LEAVE_DEADLINE_S):
            async for _ in _messages(process):
                pass
            await process.wait()
            return True
    return False


def find_running(state: Path) -> LocalFacts | None:
    """Return the cloud that is up in that folder; None without one, or while its programs drain."""
    facts = read_facts(state) if is_held(state) else None
    return facts if facts is not None and psutil.pid_exists(facts.supervisor) else None


async def wait_until_free(state: Path, *, deadline_s: float) -> bool:
    """Wait until no program of a cloud holds that folder; return whether that happened in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            while is_held(state):
                await asyncio.sleep(_POLL_S)
    return not is_held(state)


async def take_down(state: Path, facts: LocalFacts) -> bool:
    """Stop the cloud in that folder, killing it if it does not stop; return whether it stopped by itself."""
    programs = process_tree(facts.supervisor)
    with contextlib.suppress(ProcessLookupError):
        os.kill(facts.supervisor, signal.SIGTERM)
    if await wait_until_free(state, deadline_s=_LEAVE_DEADLINE_S):
        # What has released everything ends in a moment; its parent may never reap it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_STEPS_S):
                while psutil.pid_exists(facts.supervisor):
                    await asyncio.sleep(_POLL_S)
        return True
    for program in programs:
        with contextlib.suppress(psutil.NoSuchProcess):
            program.kill()
    await wait_until_free(state, deadline_s=5.0)
    return False


async def sweep_abandoned_demos() -> int:
    """Remove what demos left behind whose programs were all killed; return how many there were."""
    swept = 0
    for folder in list(abandoned_demos()):
        # Without an access file the demo never created anything.
        if (folder / "vmhost" / "access.json").exists():
            with contextlib.suppress(CloudError):
                await sweep(cloud=folder.name, driver="auto", state=folder)
        forget(folder, temporary=True)
        swept += 1
    return swept
