"""Control groups of Linux, version 1 and 2: walls of CPU, memory and process count round programs.

What to write where is decided by pure functions; `Groups` alone touches files. A group is named by a path such as
"glasscloud/host-a/i-0a12", the same in every hierarchy. All calls are quick: the files live in the kernel.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.base.units import MIB, mib

CONTROLLERS = ("cpu", "memory", "pids")
CPU_PERIOD_US = 10_000
"""How often a guest's CPU ceiling is counted anew. With the kernel's usual 100 ms, a guest that has used up its share
stands still for tens of milliseconds; counted ten times as often, it just runs slower."""
LONG_PERIOD_US = 100_000
"""How often a host's quota is counted anew, where it has one. In 10 ms it is used up before each of its guests had a
turn, and always the same guests go without. Also for a ceiling of all the CPUs that a guest runs on, which holds by
itself: counted every 10 ms it would cost some 7 % of it."""
_QUOTA_US_MIN = 1000
"""The kernel takes no smaller one."""

_V1_ROUNDS_OF_KILLING = 5
_ROOT_MEMORY_V1 = 1 << 60
"""Version 1 says "no limit" with a number near 2^63."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Where this machine's groups are mounted."""

    version: int
    roots: Mapping[str, Path]
    """By controller; in version 2 all the same."""
    read_only: bool = False
    others: tuple[Path, ...] = ()
    """Hierarchies that limit nothing here; an engine makes its groups in them too."""

    @property
    def everywhere(self) -> tuple[Path, ...]:
        """Each place where a group may have a folder."""
        return tuple(dict.fromkeys((*self.roots.values(), *self.others)))

    @property
    def counts_cpu_apart(self) -> bool:
        """Whether CPU time can be counted for a group without scheduling it as one."""
        return self.version == 2 or self.roots.get("cpuacct", self.roots.get("cpu")) != self.roots.get("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """What a group may use at most; None: as much as its parent."""

    cpu_cores: float | None = None
    """Infinite: without a ceiling, also where there was one."""
    cpu_period_us: int = CPU_PERIOD_US
    cpu_weight: int | None = None
    """Version 2's scale, 1 to 10000, 100 is usual."""
    memory_mib: int | None = None
    """With no swap on top."""
    pids: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One value in one file of a group."""

    controller: str
    file: str
    value: str
    optional: bool = False
    """Some kernels lack the file; the rest holds without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a group uses now; None where its controllers do not say."""

    cpu_seconds: float | None
    memory_mib: float
    pids: int | None
    throttled_seconds: float | None
    oom_kills: int | None


def find_tree(mountinfo: str) -> Tree | None:
    """The groups of a machine, from the text of /proc/self/mountinfo; None where there are none.

    Where both versions are mounted (hybrid), the one that has the memory controller counts."""
    first: dict[str, Path] = {}
    unified: Path | None = None
    read_only: dict[Path, bool] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        place, kind = left.split(), right.split()
        if len(place) < 6 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        path = Path(place[4].replace("\\040", " "))
        read_only[path] = "ro" in place[5].split(",")
        if kind[0] == "cgroup2":
            unified = unified or path
        else:
            for controller in kind[2].split(","):
                first.setdefault(controller, path)
    if "memory" in first:
        wanted = {name: first[name] for name in (*CONTROLLERS, "cpuacct") if name in first}
        others = tuple(path for path in read_only if path not in wanted.values())
        return Tree(version=1, roots=wanted, read_only=any(read_only[path] for path in wanted.values()), others=others)
    if unified is not None:
        return Tree(version=2, roots=dict.fromkeys(CONTROLLERS, unified), read_only=read_only[unified])
    return None


def settings(version: int, limits: GroupLimits) -> tuple[Setting, ...]:
    """What to write for these limits, in an order in which each value is legal from any earlier ones."""
    return _settings_v1(limits) if version == 1 else _settings_v2(limits)


def _settings_v1(limits: GroupLimits) -> tuple[Setting, ...]:
    wanted: list[Setting] = []
    if limits.cpu_weight is not None:
        shares = max(2, min(262_144, round(limits.cpu_weight * 10.24)))
        wanted.append(Setting(controller="cpu", file="cpu.shares", value=str(shares)))
    if limits.cpu_cores is not None:
        quota, period = bandwidth(limits.cpu_cores, limits.cpu_period_us)
        wanted += [
            Setting(controller="cpu", file="cpu.cfs_quota_us", value="-1"),
            Setting(controller="cpu", file="cpu.cfs_period_us", value=str(period)),
        ]
        if quota is not None:
            wanted.append(Setting(controller="cpu", file="cpu.cfs_quota_us", value=str(quota)))
    if limits.memory_mib is not None:
        size, both = str(limits.memory_mib * MIB), "memory.memsw.limit_in_bytes"
        wanted += [
            Setting(controller="memory", file=both, value="-1", optional=True),
            Setting(controller="memory", file="memory.limit_in_bytes", value=size),
            Setting(controller="memory", file=both, value=size, optional=True),
        ]
    if limits.pids is not None:
        wanted.append(Setting(controller="pids", file="pids.max", value=str(limits.pids)))
    return tuple(wanted)


def _settings_v2(limits: GroupLimits) -> tuple[Setting, ...]:
    wanted: list[Setting] = []
    if limits.cpu_weight is not None:
        weight = max(1, min(10_000, limits.cpu_weight))
        wanted.append(Setting(controller="cpu", file="cpu.weight", value=str(weight)))
    if limits.cpu_cores is not None:
        quota, period = bandwidth(limits.cpu_cores, limits.cpu_period_us)
        wanted.append(Setting(controller="cpu", file="cpu.max", value=f"{'max' if quota is None else quota} {period}"))
    if limits.memory_mib is not None:
        wanted += [
            Setting(controller="memory", file="memory.max", value=str(limits.memory_mib * MIB)),
            Setting(controller="memory", file="memory.swap.max", value="0", optional=True),
        ]
    if limits.pids is not None:
        wanted.append(Setting(controller="pids", file="pids.max", value=str(limits.pids)))
    return tuple(wanted)


def ceiling_period_us(cores: float, cpus: Collection[int]) -> int:
    """How often to count a guest's ceiling on these CPUs (none: any)."""
    return LONG_PERIOD_US if cpus and cores >= len(cpus) else CPU_PERIOD_US


def bandwidth(cores: float, period_us: int = CPU_PERIOD_US) -> tuple[int | None, int]:
    """Quota and period in microseconds for so many cores; no quota where they are infinite.

    The kernel refuses a quota under one millisecond, so small ceilings are counted in longer periods."""
    if math.isinf(cores):
        return None, period_us
    if cores * period_us < _QUOTA_US_MIN:
        period_us = LONG_PERIOD_US
    return max(_QUOTA_US_MIN, round(cores * period_us)), period_us


class Groups:
    """This machine's control groups. Raises Unsupported where they are missing or not ours to write."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.version = tree.version

    @classmethod
    def detect(cls, proc: Path = Path("/proc")) -> Groups:
        """The groups that can be written here, tried by making one and removing it."""
        try:
            tree = find_tree((proc / "self/mountinfo").read_text())
        except OSError:
            tree = None
        if tree is None:
            raise Unsupported("this system has no control groups; expected Linux with /sys/fs/cgroup")
        if tree.read_only:
            raise Unsupported("control groups are mounted read-only here; expected them writable")
        if missing := [name for name in CONTROLLERS if name not in tree.roots]:
            raise Unsupported(f"control groups lack {', '.join(missing)}; expected cpu, memory and pids")
        groups = cls(tree)
        groups._try()
        return groups

    def _try(self) -> None:
        probe = f"glasscloud-probe-{os.getpid()}"
        try:
            self.make(probe, GroupLimits(memory_mib=64, pids=64, cpu_cores=1.0))
        except Unavailable as error:
            cause = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error.message
            raise Unsupported(f"control groups are not ours to write ({cause}); root is expected") from error
        finally:
            self.remove(probe)

    def make(self, group: str, limits: GroupLimits, *, controllers: Iterable[str] = CONTROLLERS) -> None:
        """Makes the group and its parents, with these limits; one that exists gets the limits."""
        wanted = tuple(controllers)
        try:
            if self.version == 1:
                for root in {self.tree.roots[name] for name in wanted if name in self.tree.roots}:
                    (root / group).mkdir(parents=True, exist_ok=True)
            else:
                self._make_v2(group, wanted)
        except OSError as error:
            raise _refused(group, error) from error
        self.limit(group, limits)

    def _make_v2(self, group: str, controllers: tuple[str, ...]) -> None:
        here = self.tree.roots["memory"]
        for name in group.split("/"):
            enabled = (here / "cgroup.subtree_control").read_text().split()
            if missing := [f"+{controller}" for controller in controllers if controller not in enabled]:
                (here / "cgroup.subtree_control").write_text(" ".join(missing))
            here = here / name
            here.mkdir(exist_ok=True)

    def limit(self, group: str, limits: GroupLimits) -> None:
        """Sets the limits that are not None. Raises Unavailable naming the file that refused."""
        for setting in settings(self.version, limits):
            file = self.tree.roots[setting.controller] / group / setting.file
            if setting.optional and not file.exists():
                continue
            try:
                file.write_text(setting.value)
            except OSError as error:
                raise _refused(str(file), error) from error

    def doors(self, group: str, *, controllers: Iterable[str] = CONTROLLERS) -> tuple[Path, ...]:
        """The files into which a program writes "0" to enter the group with all that it starts later."""
        roots = dict.fromkeys(self.tree.roots[name] for name in controllers if name in self.tree.roots)
        return tuple(root / group / "cgroup.procs" for root in roots)

    def pids(self, group: str) -> frozenset[int]:
        """The processes in the group; none when there is no such group."""
        return read_pids(self.tree.roots["pids"] / group / "cgroup.procs")

    def children(self, group: str) -> frozenset[str]:
        """The names of the groups right under this one."""
        found: set[str] = set()
        for root in self.tree.everywhere:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found |= {path.name for path in (root / group).iterdir() if path.is_dir()}
        return frozenset(found)

    def usage(self, group: str) -> Usage | None:
        """What the group uses now; None when there is no such group."""
        memory = self.tree.roots["memory"] / group
        try:
            return self._usage_v1(group, memory) if self.version == 1 else _usage_v2(memory)
        except FileNotFoundError:
            return None

    def _usage_v1(self, group: str, memory: Path) -> Usage:
        cpu = self.tree.roots["cpu"] / group / "cpu.stat"
        counted = self.tree.roots.get("cpuacct", self.tree.roots["cpu"]) / group / "cpuacct.usage"
        cache = _table(memory / "memory.stat").get("total_inactive_file", 0)
        return Usage(
            cpu_seconds=int(counted.read_text()) / 1e9 if counted.exists() else None,
            memory_mib=mib(max(0, int((memory / "memory.usage_in_bytes").read_text()) - cache)),
            pids=int((self.tree.roots["pids"] / group / "pids.current").read_text()),
            throttled_seconds=_table(cpu).get("throttled_time", 0) / 1e9 if cpu.exists() else None,
            oom_kills=_table(memory / "memory.oom_control").get("oom_kill"),
        )

    def kill(self, group: str) -> None:
        """Ends every process in the group and in those under it."""
        switch = self.tree.roots["pids"] / group / "cgroup.kill"
        if self.version == 2 and switch.exists():
            with contextlib.suppress(OSError):
                switch.write_text("1")
                return
        for child in self.children(group):
            self.kill(f"{group}/{child}")
        for _ in range(_V1_ROUNDS_OF_KILLING):
            living = self.pids(group)
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not living:
                return

    def remove(self, group: str) -> bool:
        """Removes the group and those under it; tells whether all are gone (one with processes in it stays)."""
        for child in self.children(group):
            self.remove(f"{group}/{child}")
        gone = True
        for root in self.tree.everywhere:
            try:
                (root / group).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone


def read_pids(procs: Path) -> frozenset[int]:
    """The process ids in a cgroup.procs file; none when it is not there."""
    try:
        return frozenset(int(line) for line in procs.read_text().split())
    except OSError:
        return frozenset()


def usage_at(path: Path) -> Usage | None:
    """What a version 2 group at this very path uses, for groups that others made; None when it is gone."""
    try:
        return _usage_v2(path)
    except FileNotFoundError:
        return None


def _usage_v2(path: Path) -> Usage:
    cpu = _table(path / "cpu.stat")
    cache = _table(path / "memory.stat").get("inactive_file", 0)
    pids = path / "pids.current"
    return Usage(
        cpu_seconds=cpu["usage_usec"] / 1e6 if "usage_usec" in cpu else None,
        memory_mib=mib(max(0, int((path / "memory.current").read_text()) - cache)),
        pids=int(pids.read_text()) if pids.exists() else None,
        throttled_seconds=cpu["throttled_usec"] / 1e6 if "throttled_usec" in cpu else None,
        oom_kills=_table(path / "memory.events").get("oom_kill"),
    )


def own_memory_limit(proc: Path = Path("/proc")) -> int | None:
    """Bytes of memory that this program's own group allows; None when only the machine's size counts."""
    try:
        tree = find_tree((proc / "self/mountinfo").read_text())
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    if tree is None:
        return None
    found = own_group(lines, tree.version)
    name = "memory.limit_in_bytes" if tree.version == 1 else "memory.max"
    values = [_limit(tree.roots["memory"] / path / name) for path in _upwards(found)]
    return min((value for value in values if value is not None), default=None)


def own_group(lines: Iterable[str], version: int) -> str:
    """This program's memory group, from the lines of /proc/self/cgroup; "" is the root."""
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if ("memory" in controllers.split(",")) if version == 1 else not controllers:
            return path.strip("/")
    return ""


def _upwards(group: str) -> Iterable[str]:
    while group:
        yield group
        group = group.rpartition("/")[0]
    yield ""


def _limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() and int(text) < _ROOT_MEMORY_V1 else None


def _table(file: Path) -> dict[str, int]:
    try:
        rows = (line.split() for line in file.read_text().splitlines())
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    except OSError:
        return {}


def _refused(what: str, error: OSError) -> Unavailable:
    return Unavailable(f"control group {what} refuses: {error.strerror or error}; expected to be able to write it")
