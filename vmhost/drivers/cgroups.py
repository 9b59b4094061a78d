"""Linux control groups, version 1 and 2: limits on CPU, memory and number of processes.

A group has a path such as "glasscloud/host-a/i-0a12", the same in every hierarchy. All calls are fast, because
the files are the kernel's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vmhost.base.errors import Unavailable, Unsupported
from vmhost.base.units import mib
from vmhost.drivers.cgroup_limits import GroupLimits, file_values

CONTROLLERS = ("cpu", "memory", "pids")
GROUP_PREFIX = "glasscloud-"
"""How the name of each of our control groups starts."""
_V1_ROUNDS_OF_KILLING = 5
_REMOVE_TRIES = 100
_REMOVE_PAUSE_S = 0.01
_ROOT_MEMORY_V1 = 1 << 60  # in version 1, a number near 2^63 means "no limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupMounts:
    """Where this computer's control groups are mounted."""

    version: int
    roots: Mapping[str, Path]
    """By controller; in version 2 they are all the same."""
    read_only: bool = False
    others: tuple[Path, ...] = ()
    """Hierarchies that we do not use for limits; an engine makes its groups in them too."""

    @property
    def everywhere(self) -> tuple[Path, ...]:
        """Each path under which a group may have a folder."""
        return tuple(dict.fromkeys((*self.roots.values(), *self.others)))

    @property
    def counts_cpu_apart(self) -> bool:
        """Whether a group's CPU time can be counted without making it a unit of scheduling."""
        return self.version == 2 or self.roots.get("cpuacct", self.roots.get("cpu")) != self.roots.get("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a group uses now; None where its controllers do not report it."""

    cpu_seconds: float | None
    memory_mib: float
    pids: int | None
    throttled_seconds: float | None
    oom_kills: int | None


def find_mounts(mountinfo: str) -> CgroupMounts | None:
    """Return where control groups are mounted, from the text of /proc/self/mountinfo; None where they are not.

    Where both versions are mounted (hybrid), the one with the memory controller is returned."""
    first: dict[str, Path] = {}
    unified: Path | None = None
    read_only: dict[Path, bool] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        mount, kind = left.split(), right.split()
        if len(mount) < 6 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        path = Path(mount[4].replace("\\040", " "))
        read_only[path] = "ro" in mount[5].split(",")
        if kind[0] == "cgroup2":
            unified = unified or path
        else:
            for controller in kind[2].split(","):
                first.setdefault(controller, path)
    if "memory" in first:
        wanted = {name: first[name] for name in (*CONTROLLERS, "cpuacct") if name in first}
        others = tuple(path for path in read_only if path not in wanted.values())
        locked = any(read_only[path] for path in wanted.values())
        return CgroupMounts(version=1, roots=wanted, read_only=locked, others=others)
    if unified is not None:
        return CgroupMounts(version=2, roots=dict.fromkeys(CONTROLLERS, unified), read_only=read_only[unified])
    return None


class ControlGroups:
    """Reads and writes this computer's control groups."""

    def __init__(self, mounts: CgroupMounts) -> None:
        self.mounts = mounts
        self.version = mounts.version

    @classmethod
    def detect(cls, proc: Path = Path("/proc")) -> ControlGroups:
        """Return the control groups, after making and removing one.

        Raises Unsupported where they are missing or not writable for this user."""
        try:
            mounts = find_mounts((proc / "self/mountinfo").read_text())
        except OSError:
            mounts = None
        if mounts is None:
            raise Unsupported("this system has no control groups")
        if mounts.read_only:
            raise Unsupported("control groups are mounted read-only")
        if missing := [name for name in CONTROLLERS if name not in mounts.roots]:
            raise Unsupported(f"control groups have no controller {', '.join(missing)}")
        groups = cls(mounts)
        groups._check_writable()
        return groups

    def _check_writable(self) -> None:
        probe = f"{GROUP_PREFIX}probe-{os.getpid()}"
        try:
            self.make(probe, GroupLimits(memory_mib=64, pids=64, cpu_cores=1.0))
        except Unavailable as error:
            cause = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error.message
            raise Unsupported(f"control groups are not writable for this user ({cause}); run as root") from error
        finally:
            self.remove(probe)

    def make(self, group: str, limits: GroupLimits, *, controllers: Iterable[str] = CONTROLLERS) -> None:
        """Make the group and its parents, and set these limits, also for an existing group."""
        wanted = tuple(controllers)
        try:
            if self.version == 1:
                for root in {self.mounts.roots[name] for name in wanted if name in self.mounts.roots}:
                    (root / group).mkdir(parents=True, exist_ok=True)
            else:
                self._make_v2(group, wanted)
        except OSError as error:
            raise _refused(group, error) from error
        self.limit(group, limits)

    def _make_v2(self, group: str, controllers: tuple[str, ...]) -> None:
        here = self.mounts.roots["memory"]
        for name in group.split("/"):
            enabled = (here / "cgroup.subtree_control").read_text().split()
            if missing := [f"+{controller}" for controller in controllers if controller not in enabled]:
                (here / "cgroup.subtree_control").write_text(" ".join(missing))
            here = here / name
            here.mkdir(exist_ok=True)

    def limit(self, group: str, limits: GroupLimits) -> None:
        """Set the limits that are not None. Raises Unavailable, naming the file that cannot be written."""
        for one in file_values(self.version, limits):
            file = self.mounts.roots[one.controller] / group / one.file
            if one.optional and not file.exists():
                continue
            try:
                file.write_text(one.value)
            except OSError as error:
                raise _refused(str(file), error) from error

    def procs_files(self, group: str, *, controllers: Iterable[str] = CONTROLLERS) -> tuple[Path, ...]:
        """Return the files into which a program writes "0" to enter the group with its future children."""
        roots = dict.fromkeys(self.mounts.roots[name] for name in controllers if name in self.mounts.roots)
        return tuple(root / group / "cgroup.procs" for root in roots)

    def pids(self, group: str) -> frozenset[int]:
        """Return the processes in the group; none if it does not exist."""
        return read_pids(self.mounts.roots["pids"] / group / "cgroup.procs")

    def children(self, group: str) -> frozenset[str]:
        """Return the names of the groups directly under this one."""
        found: set[str] = set()
        for root in self.mounts.everywhere:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found |= {path.name for path in (root / group).iterdir() if path.is_dir()}
        return frozenset(found)

    def usage(self, group: str) -> Usage | None:
        """Return what the group uses now; None if it does not exist."""
        memory = self.mounts.roots["memory"] / group
        try:
            return self._usage_v1(group, memory) if self.version == 1 else _usage_v2(memory)
        except FileNotFoundError:
            return None

    def _usage_v1(self, group: str, memory: Path) -> Usage:
        cpu = self.mounts.roots["cpu"] / group / "cpu.stat"
        counted = self.mounts.roots.get("cpuacct", self.mounts.roots["cpu"]) / group / "cpuacct.usage"
        cache = _table(memory / "memory.stat").get("total_inactive_file", 0)
        return Usage(
            cpu_seconds=int(counted.read_text()) / 1e9 if counted.exists() else None,
            memory_mib=mib(max(0, int((memory / "memory.usage_in_bytes").read_text()) - cache)),
            pids=int((self.mounts.roots["pids"] / group / "pids.current").read_text()),
            throttled_seconds=_table(cpu).get("throttled_time", 0) / 1e9 if cpu.exists() else None,
            oom_kills=_table(memory / "memory.oom_control").get("oom_kill"),
        )

    def kill(self, group: str) -> None:
        """Kill every process in the group and in the groups under it."""
        switch = self.mounts.roots["pids"] / group / "cgroup.kill"
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
        """Remove the group and those under it. Returns False if one with processes in it is left."""
        for child in self.children(group):
            self.remove(f"{group}/{child}")
        gone = True
        for root in self.mounts.everywhere:
            try:
                (root / group).rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
        return gone

    def remove_soon(self, group: str) -> bool:
        """Remove the group and those under it, trying for a second: a killed process does not leave its group at once.

        Returns False if one is left. Call it in a thread."""
        for _ in range(_REMOVE_TRIES):
            if self.remove(group):
                return True
            time.sleep(_REMOVE_PAUSE_S)
        return False


def read_pids(procs: Path) -> frozenset[int]:
    """Return the process ids in a cgroup.procs file; none if there is no such file."""
    try:
        return frozenset(int(line) for line in procs.read_text().split())
    except OSError:
        return frozenset()


def usage_at(path: Path) -> Usage | None:
    """Return what the version 2 group with this full path uses; None if it does not exist."""
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
    """Return the memory limit of this program's own group in bytes; None without a limit."""
    try:
        mounts = find_mounts((proc / "self/mountinfo").read_text())
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return None
    if mounts is None:
        return None
    found = own_group(lines, mounts.version)
    name = "memory.limit_in_bytes" if mounts.version == 1 else "memory.max"
    values = [_limit(mounts.roots["memory"] / path / name) for path in _upwards(found)]
    return min((value for value in values if value is not None), default=None)


def own_group(lines: Iterable[str], version: int) -> str:
    """Return this program's memory group from the lines of /proc/self/cgroup; "" is the root."""
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
    return Unavailable(f"control group {what} cannot be written: {error.strerror or error}")
