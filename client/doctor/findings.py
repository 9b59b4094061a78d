"""What the facts about a computer mean for glasscloud, with the command that fixes each problem. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from client.doctor.engine_report import EngineReport
from client.program_name import program_name

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
    """The result of one check."""

    name: str
    level: Level
    text: str
    fix: str = ""
    """The command that fixes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputerFacts:
    """Facts about this computer."""

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
    """Ports on which this user's own clouds listen, and the clouds' names."""
    engines: tuple[EngineReport, ...] = ()
    image: str
    cgroups: str
    """"v2", "v1", or empty if the system has none."""
    cgroups_writable: bool
    systemd_user: bool
    bridges_filtered: bool = False
    """Whether packets between containers pass this computer's own filters and connection table."""
    loopback_addresses: bool
    """Whether each process can have its own address, such as 127.0.0.2."""
    index: bool
    package_manager: str
    """apt, dnf, pacman, apk, brew or empty."""


def findings_of(facts: ComputerFacts) -> tuple[Finding, ...]:
    """Return all findings, in the order in which to fix them."""
    return (
        _python(facts),
        _environment(facts),
        _index(facts),
        _architecture(facts),
        _memory(facts),
        _disk(facts),
        *_ports(facts),
        *_engine(facts),
        _cgroups(facts),
        _loopback(facts),
    )


def healthy(findings: tuple[Finding, ...]) -> bool:
    """Return whether the demo works here."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def _ok(name: str, text: str) -> Finding:
    return Finding(name=name, level=Level.OK, text=text)


def _install(facts: ComputerFacts, packages: Mapping[str, str]) -> str:
    commands = {
        "apt": "sudo apt install",
        "dnf": "sudo dnf install",
        "pacman": "sudo pacman -S",
        "apk": "sudo apk add",
        "brew": "brew install",
    }
    manager = facts.package_manager
    return f"{commands[manager]} {packages[manager]}" if manager in commands and manager in packages else ""


def _python(facts: ComputerFacts) -> Finding:
    version = ".".join(str(part) for part in facts.python)
    if PYTHON_MIN <= facts.python[:2] <= PYTHON_MAX:
        return _ok("Python", version)
    names = {"apt": "python3 python3-venv", "dnf": "python3", "pacman": "python", "apk": "python3", "brew": "python"}
    text = f"{version} is not supported; 3.{PYTHON_MIN[1]} to 3.{PYTHON_MAX[1]} are"
    fix = f"{_install(facts, names) or 'install a newer Python'}, then: make clean setup"
    return Finding(name="Python", level=Level.PROBLEM, text=text, fix=fix)


def _environment(facts: ComputerFacts) -> Finding:
    if facts.missing_packages:
        text = f"packages are missing: {', '.join(facts.missing_packages)}"
        return Finding(name="environment", level=Level.PROBLEM, text=text, fix="make clean setup")
    if not facts.in_venv:
        text = "not a virtual environment; packages of other programs may interfere"
        return Finding(name="environment", level=Level.NOTE, text=text, fix="make setup, then .venv/bin/glasscloud")
    return _ok("environment", "complete")


def _index(facts: ComputerFacts) -> Finding:
    if facts.index:
        return _ok("search index", "built")
    text = "not built, so there is nothing to search"
    return Finding(name="search index", level=Level.PROBLEM, text=text, fix=f"{program_name()} index")


def _architecture(facts: ComputerFacts) -> Finding:
    if facts.architecture.lower() in _ARCHITECTURES:
        return _ok("processor", f"{facts.architecture}, {facts.cores} cores")
    text = f"{facts.architecture} is not supported; the packages are built for x86-64 and arm64"
    return Finding(name="processor", level=Level.PROBLEM, text=text)


def _memory(facts: ComputerFacts) -> Finding:
    free = facts.memory_free_mib
    text = f"{facts.memory_mib} MiB" + ("" if free is None else f", {free} MiB free")
    if (facts.memory_mib if free is None else free) < MEMORY_MIN_MIB:
        text += f"; four instances need {MEMORY_MIN_MIB} MiB free"
        fix = f"close other programs, or: {program_name()} demo --instances 2"
        return Finding(name="memory", level=Level.PROBLEM, text=text, fix=fix)
    return _ok("memory", text)


def _disk(facts: ComputerFacts) -> Finding:
    text = f"{facts.disk_free_mib} MiB free at {facts.disk_path}"
    if facts.disk_free_mib < DISK_MIN_MIB:
        return Finding(
            name="disk",
            level=Level.PROBLEM,
            text=f"{text}; {DISK_MIN_MIB} MiB are needed",
            fix="docker system prune, or free some space another way",
        )
    return _ok("disk", text)


def _ports(facts: ComputerFacts) -> list[Finding]:
    taken = [port for port, is_taken in facts.ports_taken.items() if is_taken]
    if not taken:
        return [_ok("ports", f"{', '.join(str(port) for port in facts.ports_taken)} are free")]
    options = {4566: "--api-port", 8000: "--port", 8080: "--console-port"}
    tool = "lsof -nP -iTCP:{} -sTCP:LISTEN" if facts.system == "Darwin" else "ss -ltnp 'sport = :{}'"
    return [
        Finding(
            name=f"port {port}",
            level=Level.NOTE,
            text=f"in use by {_user(facts, port)}; glasscloud takes the next free one, or choose one with "
            f"{options.get(port, '--port')}",
            fix="" if port in facts.ports_of_clouds else f"see which program uses it: {tool.format(port)}",
        )
        for port in taken
    ]


def _user(facts: ComputerFacts, port: int) -> str:
    return f"the cloud {facts.ports_of_clouds[port]}" if port in facts.ports_of_clouds else "another program"


def _engine(facts: ComputerFacts) -> list[Finding]:
    answering = next((engine for engine in facts.engines if not engine.error), None)
    if answering is None:
        return [_no_engine(facts)]
    version = f"{answering.version} ({answering.source}, {answering.architecture}, cgroup v{answering.cgroup_version})"
    found = [_ok("Docker engine", version)]
    if answering.memory_mib < MEMORY_WITH_ENGINE_MIB:
        found.append(_small_engine(facts, answering))
    if facts.bridges_filtered:
        found.append(_filtered_bridges())
    if answering.has_image:
        found.append(_ok("image", facts.image))
    else:
        text = f"{facts.image} is not built, so instances are processes by default"
        found.append(Finding(name="image", level=Level.NOTE, text=text, fix="docker compose build"))
    return found


def _small_engine(facts: ComputerFacts, engine: EngineReport) -> Finding:
    text = f"{engine.memory_mib} MiB; four instances need {MEMORY_WITH_ENGINE_MIB} MiB without --overcommit"
    fix = "colima stop && colima start --memory 4" if "olima" in engine.source + engine.url else ""
    if not fix and facts.system == "Darwin":
        fix = "Docker Desktop: Settings, Resources, Memory"
    return Finding(
        name="engine's memory", level=Level.NOTE, text=text, fix=fix or f"{program_name()} demo --overcommit 2"
    )


def _filtered_bridges() -> Finding:
    return Finding(
        name="bridges",
        level=Level.NOTE,
        text="connections between instances count in this computer's own connection table "
        "(net.bridge.bridge-nf-call-iptables is 1); each instance is limited to 4096",
        fix="sudo sysctl -w net.bridge.bridge-nf-call-iptables=0 "
        "(unless Kubernetes runs here), or use Docker 28 or newer",
    )


def _no_engine(facts: ComputerFacts) -> Finding:
    refused = next((engine for engine in facts.engines if engine.error == "permission denied"), None)
    if refused is not None:
        text = f"{refused.source} at {refused.url} refuses this user, so instances are processes"
        fix = "sudo usermod -aG docker $USER, then log in again"
        return Finding(name="Docker engine", level=Level.NOTE, text=text, fix=fix)
    if facts.engines:
        first = facts.engines[0]
        text = f"{first.source} at {first.url} does not respond ({first.error}), so instances are processes"
    else:
        text = "none found, so instances are processes, without a CPU limit"
    return Finding(name="Docker engine", level=Level.NOTE, text=text, fix=_start_engine(facts))


def _start_engine(facts: ComputerFacts) -> str:
    if facts.system == "Darwin":
        return "colima start" if facts.engines else "brew install colima docker docker-compose && colima start"
    if facts.engines:
        return "sudo systemctl start docker"
    names = {"apt": "docker.io docker-compose-v2", "dnf": "docker docker-compose", "pacman": "docker docker-compose"}
    return _install(facts, names) or "install Docker, then start it"


def _cgroups(facts: ComputerFacts) -> Finding:
    if facts.system != "Linux":
        return _ok("process limits", "this system has no control groups: memory is watched, not limited")
    if facts.cgroups and facts.cgroups_writable:
        return _ok("process limits", f"control groups {facts.cgroups}, writable: memory and processes are limited")
    if facts.systemd_user:
        return _ok("process limits", "systemd user scopes: memory and processes are limited")
    text = "control groups are not writable for this user: memory of processes is watched, not limited"
    return Finding(name="process limits", level=Level.NOTE, text=text, fix="use containers, or run as root")


def _loopback(facts: ComputerFacts) -> Finding:
    if facts.loopback_addresses:
        return _ok("addresses", "each process gets its own loopback address")
    return _ok("addresses", "processes share 127.0.0.1 and get a port each")


def lines_of(findings: tuple[Finding, ...]) -> list[str]:
    """Return the findings as text lines, the verdict last."""
    signs = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.PROBLEM: "PROBLEM"}
    lines = []
    for finding in findings:
        lines.append(f"{signs[finding.level]} {finding.name}: {finding.text}")
        if finding.fix:
            lines.append(f"          -> {finding.fix}")
    return [*lines, "", _verdict(findings)]


def _verdict(findings: tuple[Finding, ...]) -> str:
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if problems:
        return f"{problems} {'problem' if problems == 1 else 'problems'} found; -> marks the fix"
    if any(finding.level is Level.NOTE for finding in findings):
        return "glasscloud works here; -> marks what could be improved"
    return "no problems found"
