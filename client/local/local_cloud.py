"""Run platform, search service and console as child programs: start in order, restart, stop in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from client.local.child_program import ChildProgram, ProgramFailed, ReadyFile
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
        self._platform = self._program("the platform", "vmhost")
        self._frontend = self._program("the front end", "frontend")
        self._console = self._program("the console", "console")
        self._lock = -1
        """The descriptor of the folder's lock, which each program inherits."""
        self._search = ""
        self._why = ""
        self._notes: list[str] = []

    def _program(self, name: str, file: str) -> ChildProgram:
        folder = self._plan.folder
        return ChildProgram(name, log=folder / "logs" / f"{file}.log", ready=folder / f"{file}.ready")

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[LocalFacts]:
        """Start everything and yield its facts once it is healthy; take it down at the end.

        Raises Conflict while another supervisor holds the folder, Unavailable if a program does not start."""
        plan = self._plan
        make_folder(plan.folder)
        with hold(plan.folder) as self._lock:
            try:
                (plan.folder / "logs").mkdir(exist_ok=True)
                facts = await self._start()
                write_facts(plan.folder, facts)
                yield facts
            finally:
                await self._stop()
                forget(plan.folder, temporary=plan.temporary)

    async def keep(self) -> None:
        """Restart programs that end unexpectedly; never returns.

        Raises Unavailable, with the end of the program's log, if one ends too often."""
        async with asyncio.TaskGroup() as tasks:
            for program, start in ((self._platform, self._start_platform), (self._frontend, self._start_frontend)):
                tasks.create_task(program.keep_running(start, say=self._say, clock=SystemClock()))
            if self._console.pid is not None:
                tasks.create_task(self._keep_console())

    async def _start(self) -> LocalFacts:
        plan = self._plan
        plan.access.parent.mkdir(exist_ok=True, mode=0o700)
        if plan.corpus:
            self._say(f"reading {plan.corpus} into a search index")
            output = await run_to_end(index_command(plan), deadline_s=_INDEX_DEADLINE_S)
            (plan.folder / "logs" / "index.log").write_text(output)
        self._say("starting the platform (vmhost)")
        platform = await self._start_platform()
        if platform.why:
            hint = other_driver_hint(platform.driver, platform.missing, plan.typed)
            self._say(f"{platform.why}\n  {hint}")
            self._why = f"{platform.why}. {hint}"
        for note in platform.notes:
            self._note(note)
        self._say(f"starting {plan.instances} instances and the search front end")
        try:
            await self._start_frontend()
        except ProgramFailed as error:
            # It launches the instances: the platform knows why that failed.
            if reason := error.reason or await _launch_trouble(Access.load(Path(platform.access), environ={})):
                raise Unavailable(f"not all instances could start: {reason}") from None
            raise
        if not await wait_until_serving(self._search, plan.instances, deadline_s=ALL_DEADLINE_S):
            self._say("not every instance responds yet; continuing with those that do")
        return self._facts(platform, await self._first_console())

    async def _start_platform(self) -> ReadyFile:
        plan = self._plan
        ready = await self._start_program(
            self._platform, platform_command(plan, ready=self._platform.ready), plan.api_port
        )
        # After a restart it must use the same port and driver: another driver would not know the instances.
        self._plan = replace(plan, api_port=port_of(ready.url), driver=ready.driver, adopt=False)
        return ready

    async def _start_frontend(self) -> ReadyFile:
        plan = self._plan
        ready = await self._start_program(
            self._frontend, frontend_command(plan, ready=self._frontend.ready), plan.search_port
        )
        self._plan, self._search = replace(plan, search_port=port_of(ready.url)), ready.url
        return ready

    async def _start_console(self, *, again: bool = False) -> ReadyFile:
        plan = self._plan
        assert plan.console_port is not None
        command = console_command(
            plan, frontend=self._search, queries=self._queries, why=self._why, ready=self._console.ready, again=again
        )
        ready = await self._start_program(self._console, command, plan.console_port)
        self._plan = replace(plan, console_port=port_of(ready.url))
        return ready

    async def _start_program(self, program: ChildProgram, command: Sequence[str], port: int) -> ReadyFile:
        ready = await program.start(command, deadline_s=START_DEADLINE_S, keep_open=[self._lock])
        if (note := port_moved_note(port, ready.url)) is not None:
            self._note(note)
        return ready

    async def _first_console(self) -> str:
        """Start the console and return its URL; empty if it does not start, because the cloud works without it."""
        if self._plan.console_port is None:
            return ""
        self._say("starting the console")
        try:
            return (await self._start_console()).url
        except CloudError as error:
            self._note(f"no console: {error.message}")
            await self._console.stop(grace_s=0)
            return ""

    def _note(self, note: str) -> None:
        self._say(note)
        self._notes.append(note)

    async def _keep_console(self) -> None:
        try:
            await self._console.keep_running(
                lambda: self._start_console(again=True), say=self._say, clock=SystemClock()
            )
        except CloudError as error:
            self._say(f"the console is not restarted; the cloud keeps running: {error.message}")

    async def _stop(self) -> None:
        for program in (self._console, self._frontend):
            await program.stop(grace_s=_PROGRAM_GRACE_S)
        if await self._platform.stop(grace_s=_PLATFORM_GRACE_S):
            return
        self._say("the platform did not stop in time; removing what it left behind")
        try:
            await sweep(cloud=self._plan.cloud, driver=self._plan.driver, state=self._plan.folder)
        except CloudError as error:
            self._say(error.message)

    @property
    def _queries(self) -> Path:
        return (self._plan.index or index_folder()) / "queries.json"

    def _facts(self, platform: ReadyFile, console: str) -> LocalFacts:
        plan = self._plan
        return LocalFacts(
            cloud=plan.cloud,
            driver_option=self._driver_option,
            driver=platform.driver,
            why=self._why,
            supervisor=os.getpid(),
            endpoint=platform.url,
            search=self._search,
            console=console,
            console_key=str(console_key(plan.folder)),
            access=str(plan.access),
            queries=str(self._queries),
            instances=plan.instances,
            shards=plan.shards,
            type=plan.type,
            since=time.time(),
            pids=tuple(each.pid for each in (self._platform, self._frontend, self._console) if each.pid is not None),
            notes=tuple(self._notes),
            installed=installation(),
        )


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


async def sweep(*, cloud: str, driver: str, state: Path) -> None:
    """Remove everything of a cloud that is not up, also what a killed one left. Raises Unavailable if that fails."""
    await run_to_end(sweep_command(cloud=cloud, driver=driver, state=state), deadline_s=_SWEEP_DEADLINE_S)


async def run_to_end(command: Sequence[str], *, deadline_s: float) -> str:
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
    if process.returncode:
        tail = "\n".join(f"  {line}" for line in output.strip().splitlines()[-8:])
        raise Unavailable(
            f"{' '.join(command[3:5])} ended with code {process.returncode}. The end of its output:\n{tail}"
        )
    return output
