from __future__ import annotations

import subprocess
import sys

from vmhost.api.drivers import driver_named, drivers
from vmhost.drivers.fake import FakeDriver, FakeSettings
from vmhost.drivers.registry import all_drivers


def test_descriptions_load_no_large_library() -> None:
    code = (
        "import sys; from vmhost.api.drivers import drivers; drivers(); "
        "print([name for name in ('docker', 'aiohttp', 'botocore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_every_driver_is_described_once() -> None:
    names = [each.name for each in all_drivers()]
    assert len(names) == len(set(names))
    assert [each.name for each in drivers()] == [name for name in names if name != "fake"]
    assert any(each.reads_local_files for each in drivers())


def test_unknown_driver_promises_nothing() -> None:
    unknown = driver_named("later")
    assert (unknown.plural, unknown.needs, unknown.kill_command) == ("later", "", "")


async def test_fake_driver_has_any_number_of_hosts() -> None:
    hosts = await FakeDriver(FakeSettings(hosts=30)).hosts.prepare()
    assert len({host.id for host in hosts}) == 30
    assert (hosts[0].id, hosts[26].id) == ("host-a", "host-aa")
    assert len({host.zone for host in hosts}) == 6
