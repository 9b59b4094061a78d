"""Run platform, search service and console as child programs: start in order, restart, stop in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from client.local.child_program import ChildProgram, ProgramFailed
from client.local.local_plan import (
    LocalPlan,
    checked,
    console_command,
    frontend_command,
    index_command,
    other_driver_hint,
    platform_command,
    port_moved_note,
    port_of,
    sweep_command,
)
from client.local.restart_policy import keep_running
from client.local.state_dir import LocalFacts, console_key, forget, hold, installation, make_folder, write_facts
from server.api.flow import FrontEndStatus
from server.api.queries import index_folder
from vmhost.api.access import Access
from vmhost.api.client import CloudClient
from vmhost.base.clock import SystemClock
from vmhost.base.connection_pool import ConnectionPool
from vmhost.base.errors import CloudError, Unavailable
from vmhost.base.http1 import HttpFailure, build_request

START_DEADLINE_S = 60.0
ALL_DEADLINE_S = 20.0
_INDEX_DEADLINE_S = 600.0
_PROGRAM_GRACE_S = 5.0
_PLATFORM_GRACE_S = 15.0
_SWEEP_DEADLINE_S = 30.0
_POLL_S = 0.05
_CALL_DEADLINE_S = 5.0

Say = Callable[[str], None]


class LocalCloud:
    """One cloud on this computer. `async with cloud.up() as facts` runs it; leaving the block removes everything."""

    def __init__(self, plan: LocalPlan, say: Say) -> None:
        """`say` is called with a sentence for each step and each problem."""
        self._plan = checked(plan)
        self._driver_option = self._plan.driver
        self._say = say
        self._platform: ChildProgram | None = None
        self._frontend: ChildProgram | None = None
        self._console: ChildProgram | None = None
        self._why = ""
        self._search = ""
        self._notes: list[str] = []

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[LocalFacts]:
        """Start everything and yield its facts once it is healthy; take it down at the end.

        Raises Conflict while another supervisor holds the folder, Unavailable if a program does not start."""
        plan = self._plan
        make_folder(plan.folder)
        with hold(plan.folder) as lock:
            try:
                (plan.folder / "logs").mkdir(exist_ok=True)
                facts = await self._start(lock)
                write_facts(plan.folder, facts)
                yield facts
            finally:
                await self._stop()
                forget(plan.folder, temporary=plan.temporary)

    async def keep(self) -> None:
        """Restart programs that end unexpectedly; never returns.

        Raises Unavailable, with the end of the program's log, if one ends too often."""
        assert self._platform is not None, "not up"
        assert self._frontend is not None, "not up"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_one(self._platform, self._start_platform))
            tasks.create_task(self._keep_one(self._frontend, self._start_frontend))
            if self._console is not None:
                tasks.create_task(self._keep_console(self._console))

    async def _start(self, lock: int) -> LocalFacts:
        plan = self._plan
        self._platform = ChildProgram("the platform", log=self._log("vmhost"), keep_open=[lock])
        self._frontend = ChildProgram("the front end", log=self._log("frontend"), keep_open=[lock])
        plan.access.parent.mkdir(exist_ok=True, mode=0o700)
        if plan.corpus:
            self._say(f"reading {plan.corpus} into a search index")
            await run_to_end(index_command(plan), log=self._log("index"), deadline_s=_INDEX_DEADLINE_S)
        self._say("starting the platform (vmhost)")
        platform = await self._start_platform()
        if platform["why"]:
            self._say(f"{platform['why']}\n  {other_driver_hint(platform['driver'], platform['missing'], plan.typed)}")
        self._say(f"starting {plan.instances} instances and the search front end")
        search = await self._first_frontend(platform["access"])
        if not await wait_until_serving(search, plan.instances, deadline_s=ALL_DEADLINE_S):
            self._say("not every instance responds yet; continuing with those that do")
        self._why = self._why_of(platform)
        console = ""
        if plan.console_port is not None:
            self._say("starting the console")
            console = await self._first_console(lock)
        return self._facts(platform, search, console)

    async def _start_platform(self) -> dict[str, Any]:
        assert self._platform is not None
        plan = self._plan
        ready = plan.folder / "vmhost.ready"
        facts = await self._platform.start(
            platform_command(plan, ready=ready), ready=ready, deadline_s=START_DEADLINE_S
        )
        url: str = facts["url"]
        self._note(port_moved_note(plan.api_port, url))
        # After a restart it must use the same port and driver: another driver would not know the instances.
        self._plan = replace(plan, api_port=port_of(url), driver=facts["driver"], adopt=False)
        return facts

    async def _start_frontend(self) -> str:
        assert self._frontend is not None
        plan = self._plan
        ready = plan.folder / "frontend.ready"
        facts = await self._frontend.start(
            frontend_command(plan, ready=ready), ready=ready, deadline_s=START_DEADLINE_S
        )
        url: str = facts["url"]
        self._note(port_moved_note(plan.search_port, url))
        self._plan = replace(plan, search_port=port_of(url))
        self._search = url
        return url

    async def _first_frontend(self, access: str) -> str:
        """Start the front end, which launches the instances. Raises Unavailable with the platform's reason."""
        try:
            return await self._start_frontend()
        except ProgramFailed as error:
            if reason := error.reason or await _launch_trouble(Access.load(Path(access), environ={})):
                raise Unavailable(f"not all instances could start: {reason}") from None
            raise

    async def _first_console(self, lock: int) -> str:
        """Start the console and return its URL; empty if it does not start, because the cloud works without it."""
        self._console = ChildProgram("the console", log=self._log("console"), keep_open=[lock])
        try:
            return await self._start_console()
        except CloudError as error:
            self._note(f"no console: {error.message}")
            await self._console.stop(grace_s=0)
            self._console = None
            return ""

    async def _start_console(self, *, again: bool = False) -> str:
        assert self._console is not None
        plan = self._plan
        assert plan.console_port is not None
        ready = plan.folder / "console.ready"
        command = console_command(
            plan, frontend=self._search, queries=self._queries, why=self._why, ready=ready, again=again
        )
        url: str = (await self._console.start(command, ready=ready, deadline_s=START_DEADLINE_S))["url"]
        self._note(port_moved_note(plan.console_port, url))
        self._plan = replace(plan, console_port=port_of(url))
        return url

    def _note(self, note: str | None) -> None:
        if note is not None:
            self._say(note)
            self._notes.append(note)

    async def _keep_one(self, child: ChildProgram, start: Callable[[], Awaitable[object]]) -> None:
        await keep_running(child, start, say=self._say, clock=SystemClock())

    async def _keep_console(self, console: ChildProgram) -> None:
        try:
            await self._keep_one(console, lambda: self._start_console(again=True))
        except CloudError as error:
            self._say(f"the console is not restarted; the cloud keeps running: {error.message}")

    async def _stop(self) -> None:
        for program in (self._console, self._frontend):
            if program is not None:
                await program.stop(grace_s=_PROGRAM_GRACE_S)
        if self._platform is None or self._platform.pid is None:
            return
        clean = await self._platform.stop(grace_s=_PLATFORM_GRACE_S)
        if not clean:
            self._say("the platform did not stop in time; removing what it left behind")
        await self._sweep_unless(clean)

    async def _sweep_unless(self, clean: bool) -> None:
        if clean:
            return
        try:
            await sweep(cloud=self._plan.cloud, driver=self._plan.driver, state=self._plan.folder)
        except CloudError as error:
            self._say(error.message)

    @property
    def _queries(self) -> Path:
        return (self._plan.index or index_folder()) / "queries.json"

    def _why_of(self, platform: dict[str, Any]) -> str:
        if not platform["why"]:
            return ""
        return f"{platform['why']}. {other_driver_hint(platform['driver'], platform['missing'], self._plan.typed)}"

    def _facts(self, platform: dict[str, Any], search: str, console: str) -> LocalFacts:
        plan = self._plan
        pids = tuple(child.pid for child in (self._platform, self._frontend, self._console) if child and child.pid)
        return LocalFacts(
            cloud=plan.cloud,
            driver_option=self._driver_option,
            driver=platform["driver"],
            why=self._why,
            supervisor=os.getpid(),
            endpoint=platform["url"],
            search=search,
            console=console,
            console_key=str(console_key(plan.folder)),
            access=str(plan.access),
            queries=str(self._queries),
            instances=plan.instances,
            shards=plan.shards,
            type=plan.type,
            since=time.time(),
            pids=pids,
            notes=tuple(self._notes),
            installed=installation(),
        )

    def _log(self, name: str) -> Path:
        return self._plan.folder / "logs" / f"{name}.log"


async def _launch_trouble(access: Access) -> str:
    """Return why the platform's fleets cannot launch their instances; empty if they can."""
    with contextlib.suppress(CloudError):
        async with CloudClient(access, timeout_s=_CALL_DEADLINE_S) as cloud:
            return "; ".join(sorted({fleet.error for fleet in await cloud.describe_fleets() if fleet.error}))
    return ""


async def wait_until_serving(url: str, count: int, *, deadline_s: float) -> bool:
    """Wait until `count` instances take requests; return whether they do in time."""
    pool = ConnectionPool(urlsplit(url).hostname or "", port_of(url), limit=1)
    request = build_request("GET", "/status", [("Host", urlsplit(url).netloc)])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(deadline_s):
            try:
                while True:
                    with contextlib.suppress(HttpFailure, ValueError):
                        body = (await pool.request(request, timeout_s=2.0)).body
                        if len(msgspec.json.decode(body, type=FrontEndStatus).counters.instances) >= count:
                            return True
                    await asyncio.sleep(_POLL_S)
            finally:
                pool.close()
    return False


async def sweep(*, cloud: str, driver: str, state: Path) -> str:
    """Remove everything of a cloud that is not up, also what a killed one left; return the platform's output.

    Raises Unavailable with that output if it fails."""
    command = sweep_command(cloud=cloud, driver=driver, state=state)
    return await run_to_end(command, log=None, deadline_s=_SWEEP_DEADLINE_S)


async def run_to_end(command: Sequence[str], *, log: Path | None, deadline_s: float) -> str:
    """Run one of our programs to its end and return its output. Raises Unavailable with the end of the output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(deadline_s):
            output = (await process.communicate())[0].decode(errors="replace")
    except TimeoutError:
        raise Unavailable(f"{command[3]} did not exit within {deadline_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if log is not None:
        log.write_text(output)
    if process.returncode:
        tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-8:])
        raise Unavailable(
            f"{' '.join(command[3:5])} ended with code {process.returncode}. The end of its output:\n{tail}"
        )
    return output.strip()
