"""Guests as real processes: made, reached, ended, and nothing left of them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil
import pytest
from process_guests import DEADLINE_S, WEB, alive, limits, python, until

from vmhost.base.errors import Conflict, InvalidInput, NotFound
from vmhost.drivers import processes
from vmhost.drivers.context import DriverContext
from vmhost.drivers.process.driver import ProcessDriver
from vmhost.model.guest import Death, Endpoint, GuestEvent, GuestPhase
from vmhost.model.image import Boot

SLEEP = "import time; time.sleep(60)"


async def answers(place: Endpoint) -> int:
    """The status of the guest's first answer."""
    url = f"http://{place.address}:{place.port or 8080}/"
    async with aiohttp.ClientSession() as session, asyncio.timeout(DEADLINE_S):
        while True:
            try:
                async with session.get(url) as answer:
                    return answer.status
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


async def next_death(events: AsyncIterator[GuestEvent]) -> Death:
    """How the next guest died."""
    async with asyncio.timeout(DEADLINE_S):
        while (event := await anext(events)).death is None:
            pass
    return event.death


async def test_guest_boots_serves_and_is_removed(each: ProcessDriver) -> None:
    await each.instances.create(python("i-1", WEB))
    status = await each.instances.inspect("i-1")
    assert status is not None
    assert status.phase is GuestPhase.STOPPED
    place = await each.instances.start("i-1")
    assert await answers(place) == 200
    assert await each.instances.start("i-1") == place
    used = await each.instances.stats("i-1")
    assert used is not None
    assert used.memory_mib > 1
    assert used.cpu_seconds > 0
    await each.instances.remove("i-1")
    assert await each.instances.inspect("i-1") is None
    assert await each.instances.list() == ()


async def test_two_guests_serve_on_the_same_port(walled: ProcessDriver) -> None:
    places = []
    for name in ("i-1", "i-2"):
        await walled.instances.create(python(name, WEB))
        places.append(await walled.instances.start(name))
    assert places[0].address != places[1].address
    assert [await answers(place) for place in places] == [200, 200]


async def test_guests_without_addresses_of_their_own_get_ports(watched: ProcessDriver) -> None:
    for name in ("i-1", "i-2"):
        await watched.instances.create(python(name, WEB))
    places = [await watched.instances.start(name) for name in ("i-1", "i-2")]
    assert {place.address for place in places} == {"127.0.0.1"}
    assert None not in {place.port for place in places}
    assert [await answers(place) for place in places] == [200, 200]


async def test_guest_keeps_address_and_disk_when_stopped(driver: ProcessDriver) -> None:
    await driver.instances.create(
        python("i-1", "open('seen', 'a').write('x'); print(len(open('seen').read()))\n" + SLEEP)
    )
    place = await driver.instances.start("i-1")
    await _printed(driver, "i-1", "1")
    await driver.instances.stop("i-1", grace_s=5)
    assert await driver.instances.start("i-1") == place
    await _printed(driver, "i-1", "2")


async def _printed(driver: ProcessDriver, name: str, text: str) -> str:
    async with asyncio.timeout(DEADLINE_S):
        while text not in (said := await driver.shell.console(name)):
            await asyncio.sleep(0.01)
    return said


async def test_the_environment_is_clean(driver: ProcessDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the platform's own")
    tell = "import json, os; print(json.dumps(dict(os.environ), indent=0))\nprint('=end=')\n" + SLEEP
    await driver.instances.create(python("i-1", tell, environment={"COLOUR": "blue"}))
    place = await driver.instances.start("i-1")
    environment = json.loads((await _printed(driver, "i-1", "=end=")).partition("=end=")[0])
    assert environment["HOST"] == place.address
    assert environment["PORT"] == str(place.port or 8080)
    assert environment["COLOUR"] == "blue"
    assert environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"].startswith("http://127.0.0.1:")
    assert "AWS_SECRET_ACCESS_KEY" not in environment


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_guest_gets_no_privileges_and_no_open_files(driver: ProcessDriver) -> None:
    tell = (
        """
import os
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print("rights", status["NoNewPrivs"].strip(), "files", len(os.listdir("/proc/self/fd")) - 1, "sigpipe",
    int(status["SigIgn"], 16) >> 12 & 1, "end")
"""
        + SLEEP
    )
    await driver.instances.create(python("i-1", tell))
    await driver.instances.start("i-1")
    said = await _printed(driver, "i-1", "end")
    assert said.split()[:4] == ["rights", "1", "files", "3"]


async def test_a_kill_is_an_event_with_its_signal(driver: ProcessDriver) -> None:
    await driver.instances.create(python("i-1", SLEEP))
    events = driver.instances.events()
    await driver.instances.start("i-1")
    await driver.instances.kill("i-1")
    assert await next_death(events) == Death(exit_code=137, detail="killed by SIGKILL")
    status = await driver.instances.inspect("i-1")
    assert status is not None
    assert (status.phase, status.endpoint) == (GuestPhase.STOPPED, None)


async def test_crash_published_with_its_code(driver: ProcessDriver) -> None:
    await driver.instances.create(python("i-1", "raise SystemExit(7)"))
    events = driver.instances.events()
    await driver.instances.start("i-1")
    assert (await next_death(events)).exit_code == 7


async def test_address_in_use_explained_with_host_and_port(driver: ProcessDriver) -> None:
    bind = """
import socket
with socket.create_server(("127.0.0.1", 0)) as other:
    socket.create_server(other.getsockname())
"""
    await driver.instances.create(python("i-1", bind))
    events = driver.instances.events()
    await driver.instances.start("i-1")
    death = await next_death(events)
    assert death.exit_code == 1
    assert "its address was in use: an instance that is a process must listen on $HOST:$PORT, here 127." in death.detail


async def test_stop_sends_sigterm_then_kills(driver: ProcessDriver) -> None:
    polite = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('up')\n" + SLEEP
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print('up')\n" + SLEEP
    for name, program, code in (("i-1", polite, 0), ("i-2", stubborn, 137)):
        await driver.instances.create(python(name, program))
        await driver.instances.start(name)
        await _printed(driver, name, "up")
        await driver.instances.stop(name, grace_s=5 if code == 0 else 0.1)
        status = await driver.instances.inspect(name)
        assert status is not None
        assert status.death is not None
        assert status.death.exit_code == code


FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"])
print("pids", child.pid, os.getpid(), "end")
time.sleep(60)
"""


@pytest.mark.parametrize("ending", ["kill", "crash", "stop"])
async def test_children_of_a_guest_end_with_it(each: ProcessDriver, ending: str) -> None:
    await each.instances.create(python("i-1", FAMILY))
    await each.instances.start("i-1")
    child, guest = (int(text) for text in (await _printed(each, "i-1", "end")).split()[1:3])
    assert alive(child)
    if ending == "crash":
        os.kill(guest, 9)
    elif ending == "kill":
        await each.instances.kill("i-1")
    else:
        await each.instances.stop("i-1", grace_s=5)
    await until(lambda: not alive(child), "the child ended")


async def test_console_keeps_the_last_64_kib(driver: ProcessDriver, tmp_path: Path) -> None:
    flood = "import sys\nfor i in range(12000): print('line', i)\nprint('done', file=sys.stderr)\n" + SLEEP
    await driver.instances.create(python("i-1", flood))
    await driver.instances.start("i-1")
    said = await _printed(driver, "i-1", "done")
    assert len(said) <= 64 * 1024
    assert "line 11999" in said
    assert sum(path.stat().st_size for path in tmp_path.rglob("console*")) <= 256 * 1024


async def test_command_runs_in_the_guest(driver: ProcessDriver) -> None:
    await driver.instances.create(python("i-1", SLEEP))
    with pytest.raises(Conflict, match="not running"):
        await driver.shell.execute("i-1", ["true"], timeout_s=1)
    await driver.instances.start("i-1")
    assert await driver.shell.execute("i-1", ["sh", "-c", "echo in $PORT; exit 3"], timeout_s=5) == 3
    await _printed(driver, "i-1", "in ")
    with pytest.raises(InvalidInput, match="no-such-program"):
        await driver.shell.execute("i-1", ["no-such-program"], timeout_s=5)


COMMAND = "sleep 50 & echo started $!; wait"


async def test_command_killed_at_timeout_with_children(each: ProcessDriver) -> None:
    await each.instances.create(python("i-1", SLEEP))
    await each.instances.start("i-1")
    assert await each.shell.execute("i-1", ["sh", "-c", COMMAND], timeout_s=0.3) == 137
    child = int((await _printed(each, "i-1", "started")).split()[1])
    await until(lambda: not alive(child), "the command's child ended")
    status = await each.instances.inspect("i-1")
    assert status is not None
    assert status.phase is GuestPhase.RUNNING


async def test_command_ends_when_cancelled_or_guest_dies(each: ProcessDriver) -> None:
    await each.instances.create(python("i-1", SLEEP))
    await each.instances.start("i-1")
    first = asyncio.create_task(each.shell.execute("i-1", ["sh", "-c", COMMAND], timeout_s=60))
    child = int((await _printed(each, "i-1", "started")).split()[1])
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await until(lambda: not alive(child), "the cancelled command's child ended")
    second = asyncio.create_task(each.shell.execute("i-1", ["sleep", "60"], timeout_s=60))
    await asyncio.sleep(0.1)
    await each.instances.kill("i-1")
    assert await second == 137


async def test_unbootable_image_refused_with_reason(driver: ProcessDriver) -> None:
    spec = python("i-1", SLEEP)
    for boot, words in (
        (Boot(), "has no command"),
        (Boot(command=("no-such-program",)), "not installed on this computer"),
        (Boot(command=(sys.executable,), user="daemon"), "sets user daemon"),
    ):
        with pytest.raises(InvalidInput, match=words):
            await driver.instances.create(replace(spec, boot=boot))
    with pytest.raises(NotFound, match="i-9"):
        await driver.instances.start("i-9")


async def test_calls_for_unknown_guests_do_nothing(driver: ProcessDriver) -> None:
    await driver.instances.stop("i-9", grace_s=1)
    await driver.instances.kill("i-9")
    await driver.instances.remove("i-9")
    assert await driver.instances.stats("i-9") is None


async def test_remove_cleans_up_a_cancelled_start(driver: ProcessDriver) -> None:
    await driver.instances.create(python("i-1", SLEEP))
    start = asyncio.create_task(driver.instances.start("i-1"))
    await asyncio.sleep(0.005)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await driver.instances.remove("i-1")
    assert await driver.instances.list() == ()


async def test_later_run_finds_guests_stopped(context: DriverContext) -> None:
    before = ProcessDriver(context)
    await before.open()
    await before.instances.create(python("i-1", SLEEP))
    place = await before.instances.start("i-1")
    await before.instances.resize("i-1", limits(memory_mib=128))
    await before.close(remove=False)
    after = ProcessDriver(context)
    await after.open()
    [status] = await after.instances.list()
    assert (status.instance_id, status.phase) == ("i-1", GuestPhase.STOPPED)
    assert await after.instances.start("i-1") == place
    await after.close(remove=True)
    assert not (context.state_dir / "process").exists()


async def test_guest_stopped_by_signal_is_impaired(driver: ProcessDriver) -> None:
    await driver.instances.create(python("i-1", WEB))
    await driver.instances.start("i-1")
    process = driver.runtime.guests["i-1"].process
    assert process is not None
    events = driver.instances.events()
    for number, impaired in ((signal.SIGSTOP, "its program is stopped by a signal (SIGSTOP)"), (signal.SIGCONT, "")):
        os.kill(process.pid, number)
        async with asyncio.timeout(5):
            while True:
                assert (await anext(events)).instance_id == "i-1"
                status = await driver.instances.inspect("i-1")
                assert status is not None
                if status.impaired == impaired:
                    break
    await driver.instances.remove("i-1")


async def test_process_table_not_read_on_the_event_loop(driver: ProcessDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    read = processes.family

    def counted(leaders: Collection[int]) -> list[psutil.Process]:
        threads.append(threading.current_thread())
        return read(leaders)

    monkeypatch.setattr(processes, "family", counted)
    await driver.instances.create(python("i-1", WEB))
    await driver.instances.start("i-1")
    assert await driver.shell.execute("i-1", ["sleep", "60"], timeout_s=0.1) == 137
    await driver.instances.kill("i-1")
    await driver.instances.remove("i-1")
    assert threads
    assert threading.main_thread() not in threads
