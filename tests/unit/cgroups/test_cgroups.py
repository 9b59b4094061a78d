"""Control groups: what to write where, tried on folders that look like the kernel's, and on the kernel's own."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.drivers.cgroups import (
    LONG_PERIOD_US,
    GroupLimits,
    Groups,
    Setting,
    Tree,
    find_tree,
    own_group,
    own_memory_limit,
    settings,
    usage_at,
)

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
    tree = find_tree(V1.format(root="/cg"))
    assert tree is not None
    assert tree.version == 1
    assert tree.roots["cpu"] == tree.roots["cpuacct"] == Path("/cg/cpu,cpuacct")
    assert not tree.counts_cpu_apart
    assert tree.everywhere == tuple(Path("/cg") / name for name in ("cpu,cpuacct", "memory", "pids", "unified"))


def test_version_two_is_found_where_nothing_else_is() -> None:
    tree = find_tree(V2.format(root="/cg"))
    assert tree == Tree(version=2, roots={name: Path("/cg") for name in ("cpu", "memory", "pids")})
    assert find_tree("24 1 0:22 / /proc rw - proc proc rw\n") is None
    assert find_tree("nonsense\n\n - \n") is None


def test_a_read_only_mount_is_told() -> None:
    tree = find_tree(V2.format(root="/cg").replace("rw,nosuid", "ro,nosuid"))
    assert tree is not None
    assert tree.read_only


def _written(version: int, limits: GroupLimits) -> list[tuple[str, str]]:
    return [(setting.file, setting.value) for setting in settings(version, limits)]


def test_limits_in_version_two() -> None:
    assert _written(2, LIMITS) == [
        ("cpu.weight", "50"),
        ("cpu.max", "5000 10000"),
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("pids.max", "32"),
    ]


def test_limits_in_version_one_are_legal_from_any_earlier_ones() -> None:
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
    assert settings(2, GroupLimits()) == ()


def test_hosts_quota_has_a_longer_period() -> None:
    host = GroupLimits(cpu_cores=0.75, cpu_period_us=LONG_PERIOD_US)
    assert _written(2, host) == [("cpu.max", "75000 100000")]
    assert _written(1, host)[-1] == ("cpu.cfs_quota_us", "75000")


def test_infinite_ceiling_lifts_a_former_one() -> None:
    free = GroupLimits(cpu_cores=math.inf)
    assert _written(2, free) == [("cpu.max", "max 10000")]
    assert _written(1, free) == [("cpu.cfs_quota_us", "-1"), ("cpu.cfs_period_us", "10000")]


@pytest.fixture
def two(tmp_path: Path) -> Groups:
    """A folder like version 2's."""
    (tmp_path / "cgroup.subtree_control").write_text("cpu")
    return Groups(Tree(version=2, roots=dict.fromkeys(("cpu", "memory", "pids"), tmp_path)))


def test_a_group_enables_for_its_children_only_what_they_need(two: Groups, tmp_path: Path) -> None:
    for name in ("cloud", "cloud/host-a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.subtree_control").write_text("")
    two.make("cloud/host-a/i-1", GroupLimits(memory_mib=1, pids=2), controllers=("memory", "pids"))
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert (tmp_path / "cloud/host-a/cgroup.subtree_control").read_text() == "+memory +pids"
    group = tmp_path / "cloud/host-a/i-1"
    assert {path.name: path.read_text() for path in group.iterdir()} == {"memory.max": "1048576", "pids.max": "2"}
    assert two.doors("cloud/host-a/i-1") == (group / "cgroup.procs",)


def test_usage_in_version_two(two: Groups, tmp_path: Path) -> None:
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
def one(tmp_path: Path) -> Groups:
    """Folders like version 1's, with CPU time counted apart."""
    roots = {name: tmp_path / name for name in ("cpu", "cpuacct", "memory", "pids")}
    for root in roots.values():
        root.mkdir()
    return Groups(Tree(version=1, roots=roots))


def test_a_group_of_version_one_stands_in_each_hierarchy_asked_for(one: Groups, tmp_path: Path) -> None:
    one.make("cloud/i-1", GroupLimits(memory_mib=1, pids=2), controllers=("memory", "pids", "cpuacct"))
    assert (tmp_path / "memory/cloud/i-1/memory.limit_in_bytes").read_text() == "1048576"
    assert not (tmp_path / "memory/cloud/i-1/memory.memsw.limit_in_bytes").exists()
    assert not (tmp_path / "cpu/cloud").exists()
    assert (tmp_path / "cpuacct/cloud/i-1").is_dir()
    assert one.children("cloud") == {"i-1"}
    doors = one.doors("cloud/i-1", controllers=("memory", "pids"))
    assert doors == (tmp_path / "memory/cloud/i-1/cgroup.procs", tmp_path / "pids/cloud/i-1/cgroup.procs")


def test_usage_in_version_one(one: Groups, tmp_path: Path) -> None:
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


def test_a_file_that_refuses_is_named(two: Groups, tmp_path: Path) -> None:
    (tmp_path / "g/memory.max").mkdir(parents=True)
    with pytest.raises(Unavailable, match=r"g/memory\.max"):
        two.limit("g", GroupLimits(memory_mib=1))


def test_removing_takes_those_under_it_first_and_tells_what_stayed(two: Groups, tmp_path: Path) -> None:
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
        (V1.replace("rw,pids", "rw,freezer"), "lack pids"),
        (V2, "not ours to write"),
    ],
)
def test_what_is_missing_is_told_in_words(tmp_path: Path, mountinfo: str, words: str) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(mountinfo.format(root=tmp_path / "not-there"))
    with pytest.raises(Unsupported, match=words):
        Groups.detect(tmp_path)


def test_the_memory_of_a_confined_platform_is_its_groups_or_its_parents(tmp_path: Path) -> None:
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
    assert Setting(controller="pids", file="pids.max", value="32") in settings(1, LIMITS)


@pytest.mark.root
def test_the_kernel_takes_them() -> None:
    try:
        groups = Groups.detect()
    except Unsupported as why:
        pytest.skip(why.message)
    name = f"glasscloud-test-{os.getpid()}"
    groups.make(name, LIMITS)
    groups.limit(name, GroupLimits(memory_mib=32, cpu_cores=0.2))
    groups.limit(name, GroupLimits(memory_mib=96, cpu_cores=0.9))
    enter = "import sys; [open(door, 'w').write('0') for door in sys.argv[1:]]; print('in', flush=True); input()"
    doors = [str(door) for door in groups.doors(name)]
    with subprocess.Popen(
        [sys.executable, "-c", enter, *doors], stdout=subprocess.PIPE, stdin=subprocess.PIPE
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
