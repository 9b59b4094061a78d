"""What the facts of a computer mean for glasscloud, in words, with the command that fixes a problem. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from client.called import called
from client.doctor.reports import EngineReport

MEMORY_MIN_MIB = 1024
MEMORY_WITH_ENGINE_MIB = 3584
DISK_MIN_MIB = 1024
PYTHON_MIN, PYTHON_MAX = (3, 11), (3, 14)
_ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """The demo works; something better is possible."""
    PROBLEM = "problem"
    """The demo does not work, or not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    name: str
    level: Level
    text: str
    mend: str = ""
    """The command that fixes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The facts."""

    system: str
    """"Linux" or "Darwin"."""
    python: tuple[int, int, int]
    in_venv: bool
    missing_packages: tuple[str, ...]
    architecture: str
    cores: int
    memory_mib: int
    memory_free_mib: int | None
    disk_free_mib: int
    disk_path: str
    ports_taken: Mapping[int, bool] = field(default_factory=dict)
    ports_of_clouds: Mapping[int, str] = field(default_factory=dict)
    """Those at which this user's own clouds listen, and their names."""
    engines: tuple[EngineReport, ...] = ()
    image: str
    cgroups: str
    """"v2", "v1" or empty where the system has none."""
    cgroups_writable: bool
    systemd_user: bool
    bridges_filtered: bool = False
    """Whether packets between containers pass the host's own filters and its connection table."""
    loopback_addresses: bool
    """Whether each process can have an address of its own, such as 127.0.0.2."""
    index: bool
    package_manager: str
    """apt, dnf, pacman, apk, brew or empty."""


def findings_of(machine: Machine) -> tuple[Finding, ...]:
    """Every finding, in the order in which one would fix them."""
    return (
        _python(machine),
        _environment(machine),
        _index(machine),
        _architecture(machine),
        _memory(machine),
        _disk(machine),
        *_ports(machine),
        *_engine(machine),
        _cgroups(machine),
        _loopback(machine),
    )


def healthy(findings: tuple[Finding, ...]) -> bool:
    """Whether the demo works here."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def _ok(name: str, text: str) -> Finding:
    return Finding(name=name, level=Level.OK, text=text)


def _install(machine: Machine, packages: Mapping[str, str]) -> str:
    commands = {
        "apt": "sudo apt install",
        "dnf": "sudo dnf install",
        "pacman": "sudo pacman -S",
        "apk": "sudo apk add",
        "brew": "brew install",
    }
    manager = machine.package_manager
    return f"{commands[manager]} {packages[manager]}" if manager in commands and manager in packages else ""


def _python(machine: Machine) -> Finding:
    version = ".".join(str(part) for part in machine.python)
    if PYTHON_MIN <= machine.python[:2] <= PYTHON_MAX:
        return _ok("Python", version)
    names = {"apt": "python3 python3-venv", "dnf": "python3", "pacman": "python", "apk": "python3", "brew": "python"}
    text = f"{version} is not supported; 3.{PYTHON_MIN[1]} to 3.{PYTHON_MAX[1]} are"
    mend = f"{_install(machine, names) or 'install a newer Python'}, then: make clean setup"
    return Finding(name="Python", level=Level.PROBLEM, text=text, mend=mend)


def _environment(machine: Machine) -> Finding:
    if machine.missing_packages:
        text = f"packages are missing: {', '.join(machine.missing_packages)}"
        return Finding(name="environment", level=Level.PROBLEM, text=text, mend="make clean setup")
    if not machine.in_venv:
        text = "not a virtual environment; packages of other programs may interfere"
        return Finding(name="environment", level=Level.NOTE, text=text, mend="make setup, then .venv/bin/glasscloud")
    return _ok("environment", "complete")


def _index(machine: Machine) -> Finding:
    if machine.index:
        return _ok("search index", "built")
    text = "not built, so there is nothing to search"
    return Finding(name="search index", level=Level.PROBLEM, text=text, mend=f"{called()} index")


def _architecture(machine: Machine) -> Finding:
    if machine.architecture.lower() in _ARCHITECTURES:
        return _ok("processor", f"{machine.architecture}, {machine.cores} cores")
    text = f"{machine.architecture} is not supported; the packages are built for x86-64 and arm64"
    return Finding(name="processor", level=Level.PROBLEM, text=text)


def _memory(machine: Machine) -> Finding:
    free = machine.memory_free_mib
    text = f"{machine.memory_mib} MiB" + ("" if free is None else f", {free} MiB free")
    if (machine.memory_mib if free is None else free) < MEMORY_MIN_MIB:
        text += f"; four instances need {MEMORY_MIN_MIB} MiB free"
        mend = f"close other programs, or: {called()} demo --instances 2"
        return Finding(name="memory", level=Level.PROBLEM, text=text, mend=mend)
    return _ok("memory", text)


def _disk(machine: Machine) -> Finding:
    text = f"{machine.disk_free_mib} MiB free at {machine.disk_path}"
    if machine.disk_free_mib < DISK_MIN_MIB:
        return Finding(
            name="disk",
            level=Level.PROBLEM,
            text=f"{text}; {DISK_MIN_MIB} MiB are needed",
            mend="docker system prune, or free some space another way",
        )
    return _ok("disk", text)


def _ports(machine: Machine) -> list[Finding]:
    taken = [port for port, is_taken in machine.ports_taken.items() if is_taken]
    if not taken:
        return [_ok("ports", f"{', '.join(str(port) for port in machine.ports_taken)} are free")]
    options = {4566: "--api-port", 8000: "--port", 8080: "--console-port"}
    tool = "lsof -nP -iTCP:{} -sTCP:LISTEN" if machine.system == "Darwin" else "ss -ltnp 'sport = :{}'"
    return [
        Finding(
            name=f"port {port}",
            level=Level.NOTE,
            text=f"in use by {_user(machine, port)}; glasscloud takes the next free one, or choose one with "
            f"{options.get(port, '--port')}",
            mend="" if port in machine.ports_of_clouds else f"see which program uses it: {tool.format(port)}",
        )
        for port in taken
    ]


def _user(machine: Machine, port: int) -> str:
    return f"the cloud {machine.ports_of_clouds[port]}" if port in machine.ports_of_clouds else "another program"


def _engine(machine: Machine) -> list[Finding]:
    answering = next((engine for engine in machine.engines if not engine.error), None)
    if answering is None:
        return [_no_engine(machine)]
    version = f"{answering.version} ({answering.source}, {answering.architecture}, cgroup v{answering.cgroup_version})"
    found = [_ok("Docker engine", version)]
    if answering.memory_mib < MEMORY_WITH_ENGINE_MIB:
        found.append(_small_engine(machine, answering))
    if machine.bridges_filtered:
        found.append(_filtered_bridges())
    if answering.has_image:
        found.append(_ok("image", machine.image))
    else:
        text = f"{machine.image} is not built, so instances are processes by default"
        found.append(Finding(name="image", level=Level.NOTE, text=text, mend="docker compose build"))
    return found


def _small_engine(machine: Machine, engine: EngineReport) -> Finding:
    text = f"{engine.memory_mib} MiB; four instances need {MEMORY_WITH_ENGINE_MIB} MiB without --overcommit"
    mend = "colima stop && colima start --memory 4" if "olima" in engine.source + engine.url else ""
    if not mend and machine.system == "Darwin":
        mend = "Docker Desktop: Settings, Resources, Memory"
    return Finding(name="engine's memory", level=Level.NOTE, text=text, mend=mend or f"{called()} demo --overcommit 2")


def _filtered_bridges() -> Finding:
    return Finding(
        name="bridges",
        level=Level.NOTE,
        text="connections between instances take places in this machine's own connection table "
        "(net.bridge.bridge-nf-call-iptables is 1); each instance is limited to 4096",
        mend="sudo sysctl -w net.bridge.bridge-nf-call-iptables=0 "
        "(unless Kubernetes runs here), or use Docker 28 or newer",
    )


def _no_engine(machine: Machine) -> Finding:
    refused = next((engine for engine in machine.engines if engine.error == "permission denied"), None)
    if refused is not None:
        text = f"{refused.source} at {refused.url} refuses this user, so instances are processes"
        mend = "sudo usermod -aG docker $USER, then log in again"
        return Finding(name="Docker engine", level=Level.NOTE, text=text, mend=mend)
    if machine.engines:
        first = machine.engines[0]
        text = f"{first.source} at {first.url} does not answer ({first.error}), so instances are processes"
    else:
        text = "none found, so instances are processes, without a CPU limit"
    return Finding(name="Docker engine", level=Level.NOTE, text=text, mend=_start_engine(machine))


def _start_engine(machine: Machine) -> str:
    if machine.system == "Darwin":
        return "colima start" if machine.engines else "brew install colima docker docker-compose && colima start"
    if machine.engines:
        return "sudo systemctl start docker"
    names = {"apt": "docker.io docker-compose-v2", "dnf": "docker docker-compose", "pacman": "docker docker-compose"}
    return _install(machine, names) or "install Docker, then start it"


def _cgroups(machine: Machine) -> Finding:
    if machine.system != "Linux":
        return _ok("process limits", "this system has no control groups: memory is watched, not limited")
    if machine.cgroups and machine.cgroups_writable:
        return _ok("process limits", f"control groups {machine.cgroups}, writable: memory and processes are limited")
    if machine.systemd_user:
        return _ok("process limits", "systemd user scopes: memory and processes are limited")
    text = "control groups are not writable for this user: memory of processes is watched, not limited"
    return Finding(name="process limits", level=Level.NOTE, text=text, mend="use containers, or run as root")


def _loopback(machine: Machine) -> Finding:
    if machine.loopback_addresses:
        return _ok("addresses", "each process gets its own loopback address")
    return _ok("addresses", "processes share 127.0.0.1 and get a port each")


def lines_of(findings: tuple[Finding, ...]) -> list[str]:
    """The findings for people, the verdict last."""
    signs = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.PROBLEM: "PROBLEM"}
    lines = []
    for finding in findings:
        lines.append(f"{signs[finding.level]} {finding.name}: {finding.text}")
        if finding.mend:
            lines.append(f"          -> {finding.mend}")
    return [*lines, "", _verdict(findings)]


def _verdict(findings: tuple[Finding, ...]) -> str:
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if problems:
        return f"{problems} {'problem' if problems == 1 else 'problems'} found; -> marks the fix"
    if any(finding.level is Level.NOTE for finding in findings):
        return "glasscloud works here; -> marks what could be improved"
    return "no problems found"
