"""Control groups: what to write where, tried on folders that look like the kernel's, and on the kernel's own."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.drivers.cgroup_limits import LONG_PERIOD_US, FileValue, GroupLimits, file_values
from vmhost.drivers.cgroups import CgroupMounts, ControlGroups, find_mounts, own_group, own_memory_limit, usage_at

V1 = """\
24 1 0:22 / /proc rw,nosuid - proc proc rw
35 24 0:30 / {root}/memory rw,relatime shared:9 - cgroup cgroup rw,memory
36 24 0:31 / {root}/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
37 24 0:32 / {root}/pids rw,relatime - cgroup cgroup rw,pids
38 24 0:33 / {root}/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = "30 24 0:26 / {root} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
LIMITS = GroupLimits(cpu_cores=0.5, cpu_weight=50, memory_mib=64, pids=32)


def test_version_one_is_found_where_the_memory_controller_is() -> None:
    mounts = find_mounts(V1.format(root="/cg"))
    assert mounts is not None
    assert mounts.version == 1
    assert mounts.roots["cpu"] == mounts.roots["cpuacct"] == Path("/cg/cpu,cpuacct")
    assert not mounts.counts_cpu_apart
    assert mounts.everywhere == tuple(Path("/cg") / name for name in ("cpu,cpuacct", "memory", "pids", "unified"))


def test_version_two_is_found_where_nothing_else_is() -> None:
    mounts = find_mounts(V2.format(root="/cg"))
    assert mounts == CgroupMounts(version=2, roots={name: Path("/cg") for name in ("cpu", "memory", "pids")})
    assert find_mounts("24 1 0:22 / /proc rw - proc proc rw\n") is None
    assert find_mounts("nonsense\n\n - \n") is None


def test_read_only_mount_is_reported() -> None:
    mounts = find_mounts(V2.format(root="/cg").replace("rw,nosuid", "ro,nosuid"))
    assert mounts is not None
    assert mounts.read_only


def _written(version: int, limits: GroupLimits) -> list[tuple[str, str]]:
    return [(one.file, one.value) for one in file_values(version, limits)]


def test_limits_in_version_two() -> None:
    assert _written(2, LIMITS) == [
        ("cpu.weight", "50"),
        ("cpu.max", "5000 10000"),
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("pids.max", "32"),
    ]


def test_version_one_limits_are_legal_after_any_others() -> None:
    assert _written(1, LIMITS) == [
        ("cpu.shares", "512"),
        ("cpu.cfs_quota_us", "-1"),
        ("cpu.cfs_period_us", "10000"),
        ("cpu.cfs_quota_us", "5000"),
        ("memory.memsw.limit_in_bytes", "-1"),
        ("memory.limit_in_bytes", "67108864"),
        ("memory.memsw.limit_in_bytes", "67108864"),
        ("pids.max", "32"),
    ]


def test_extremes_stay_within_what_the_kernel_takes() -> None:
    tiny = GroupLimits(cpu_cores=0.0001, cpu_weight=0)
    huge = GroupLimits(cpu_weight=1_000_000)
    assert _written(2, tiny) == [("cpu.weight", "1"), ("cpu.max", "1000 100000")]
    assert _written(1, huge) == [("cpu.shares", "262144")]
    assert file_values(2, GroupLimits()) == ()


def test_hosts_quota_has_a_longer_period() -> None:
    host = GroupLimits(cpu_cores=0.75, cpu_period_us=LONG_PERIOD_US)
    assert _written(2, host) == [("cpu.max", "75000 100000")]
    assert _written(1, host)[-1] == ("cpu.cfs_quota_us", "75000")


def test_infinite_ceiling_lifts_a_former_one() -> None:
    free = GroupLimits(cpu_cores=math.inf)
    assert _written(2, free) == [("cpu.max", "max 10000")]
    assert _written(1, free) == [("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "10000")]


@pytest.fixture
def two(tmp_path: Path) -> ControlGroups:
    """A folder like version 2's."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu")
    return ControlGroups(CgroupMounts(version=2, roots=dict.fromkeys(("cpu", "memory", "pids"), tmp_path)))


def test_group_enables_only_needed_controllers(two: ControlGroups, tmp_path: Path) -> None:
    for name in ("cloud", "cloud/host-a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.subtree_control").write_text("")
    two.make("cloud/host-a/i-1", GroupLimits(memory_mib=1, pids=2), controllers=("memory", "pids"))
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (tmp_path / "cloud/host-a/cgroup.subtree_control").read_text() == "+memory +pids"
    group = tmp_path / "cloud/host-a/i-1"
    assert {path.name: path.read_text() for path in group.iterdir()} == {"memory.max": "1048576", "pids.max": "2"}
    assert two.procs_files("cloud/host-a/i-1") == (group / "cgroup.procs",)


def test_usage_in_version_two(two: ControlGroups, tmp_path: Path) -> None:
    group = tmp_path / "g"
    group.mkdir()
    for file, text in (
        ("memory.current", str(10 << 20)),
        ("memory.stat", f"anon 5\ninactive_file {2 << 20}\n"),
        ("memory.events", "low 0\noom_kill 3\n"),
        ("cpu.stat", "usage_usec 2500000\nthrottled_usec 500000\n"),
        ("pids.current", "4\n"),
    ):
        (group / file).write_text(text)
    used = two.usage("g")
    assert used is not None
    assert used == usage_at(group)
    assert (used.cpu_seconds, used.memory_mib, used.pids) == (2.5, 8.0, 4)
    assert (used.throttled_seconds, used.oom_kills) == (0.5, 3)
    assert two.usage("none") is None


@pytest.fixture
def one(tmp_path: Path) -> ControlGroups:
    """Folders like version 1's, with CPU time counted apart."""
    roots = {name: tmp_path / name for name in ("cpu", "cpuacct", "memory", "pids")}
    for root in roots.values():
        root.mkdir()
    return ControlGroups(CgroupMounts(version=1, roots=roots))


def test_version_one_group_made_in_each_hierarchy(one: ControlGroups, tmp_path: Path) -> None:
    one.make("cloud/i-1", GroupLimits(memory_mib=1, pids=2), controllers=("memory", "pids", "cpuacct"))
    assert (tmp_path / "memory/cloud/i-1/memory.limit_in_bytes").read_text() == "1048576"
    assert not (tmp_path / "memory/cloud/i-1/memory.memsw.limit_in_bytes").exists()
    assert not (tmp_path / "cpu/cloud").exists()
    assert (tmp_path / "cpuacct/cloud/i-1").is_dir()
    assert one.children("cloud") == {"i-1"}
    procs_files = one.procs_files("cloud/i-1", controllers=("memory", "pids"))
    assert procs_files == (tmp_path / "memory/cloud/i-1/cgroup.procs", tmp_path / "pids/cloud/i-1/cgroup.procs")


def test_usage_in_version_one(one: ControlGroups, tmp_path: Path) -> None:
    one.make("g", GroupLimits(), controllers=("memory", "pids", "cpuacct"))
    for file, text in (
        ("memory/g/memory.usage_in_bytes", str(10 << 20)),
        ("memory/g/memory.stat", f"total_inactive_file {2 << 20}\n"),
        ("memory/g/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
        ("cpuacct/g/cpuacct.usage", "1500000000\n"),
        ("pids/g/pids.current", "7\n"),
    ):
        (tmp_path / file).write_text(text)
    used = one.usage("g")
    assert used is not None
    assert (used.cpu_seconds, used.memory_mib, used.pids) == (1.5, 8.0, 7)
    assert (used.throttled_seconds, used.oom_kills) == (None, 1)


def test_unwritable_file_is_named(two: ControlGroups, tmp_path: Path) -> None:
    (tmp_path / "g/memory.max").mkdir(parents=True)
    with pytest.raises(Unavailable, match=r"g/memory\.max"):
        two.limit("g", GroupLimits(memory_mib=1))


def test_remove_deletes_children_first_and_reports_leftovers(two: ControlGroups, tmp_path: Path) -> None:
    (tmp_path / "g/a/b").mkdir(parents=True)
    assert two.remove("g")
    assert not (tmp_path / "g").exists()
    assert two.remove("never made")
    (tmp_path / "g").mkdir()
    (tmp_path / "g/busy").write_text("")
    assert not two.remove("g")


@pytest.mark.parametrize(
    ("mountinfo", "words"),
    [
        ("", "no control groups"),
        (V2.replace("rw,nosuid", "ro,nosuid"), "read-only"),
        (V1.replace("rw,pids", "rw,freezer"), "no controller pids"),
        (V2, "not writable"),
    ],
)
def test_missing_requirements_are_named(tmp_path: Path, mountinfo: str, words: str) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(mountinfo.format(root=tmp_path / "not-there"))
    with pytest.raises(Unsupported, match=words):
        ControlGroups.detect(tmp_path)


def test_memory_limit_is_that_of_own_group_or_parent(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(V2.format(root=tmp_path / "cg"))
    (tmp_path / "self/cgroup").write_text("0::/outer/inner\n")
    (tmp_path / "cg/outer/inner").mkdir(parents=True)
    assert own_memory_limit(tmp_path) is None
    (tmp_path / "cg/outer/memory.max").write_text("1000\n")
    (tmp_path / "cg/outer/inner/memory.max").write_text("max\n")
    assert own_memory_limit(tmp_path) == 1000
    assert own_group(["4:memory:/a/b", "0::/c"], 1) == "a/b"
    assert own_group(["4:memory:/a/b", "0::/c"], 2) == "c"


def test_settings_name_their_controller() -> None:
    assert FileValue("pids", "pids.max", "32") in file_values(1, LIMITS)


@pytest.mark.root
def test_kernel_accepts_the_rules() -> None:
    try:
        groups = ControlGroups.detect()
    except Unsupported as why:
        pytest.skip(why.message)
    name = f"glasscloud-test-{os.getpid()}"
    groups.make(name, LIMITS)
    groups.limit(name, GroupLimits(memory_mib=32, cpu_cores=0.2))
    groups.limit(name, GroupLimits(memory_mib=96, cpu_cores=0.9))
    enter = "import sys; [open(door, 'w').write('0') for door in sys.argv[1:]]; print('in', flush=True); input()"
    procs_files = [str(door) for door in groups.procs_files(name)]
    with subprocess.Popen(
        [sys.executable, "-c", enter, *procs_files], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as guest:
        assert guest.stdout is not None
        assert guest.stdout.readline() == b"in\n"
        assert groups.pids(name) == {guest.pid}
        used = groups.usage(name)
        assert used is not None
        assert used.pids == 1
        assert used.oom_kills == 0
        assert used.throttled_seconds is not None
        assert not groups.remove(name)
        groups.kill(name)
        assert guest.wait(timeout=5) == -9
    assert groups.remove(name)
    assert groups.usage(name) is None
