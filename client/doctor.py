"""The doctor: what this computer has and lacks, each finding with the command that fixes it.

`inspect_computer` looks at the computer and changes nothing; everything else is pure. What drivers need, they check
themselves (`vmhost.api.drivers.diagnose`).
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from client.local.local_plan import API_PORT, CONSOLE_PORT, SEARCH_PORT, port_of
from client.local.state_dir import port_in_use
from client.local.target_cloud import running_clouds
from client.program_name import program_name
from server.api.queries import index_folder
from vmhost.api.drivers import Computer, Diagnosis, Finding, Level, drivers

_PACKAGES = ("aiohttp", "botocore", "httptools", "structlog", "tantivy", "uvloop")
_MANAGERS = {"apt": "apt-get", "dnf": "dnf", "pacman": "pacman", "apk": "apk", "brew": "brew"}
MEMORY_MIN_MIB = 1024
DISK_MIN_MIB = 1024
PYTHON_MIN, PYTHON_MAX = (3, 11), (3, 14)
_ARCHITECTURES = ("x86_64", "amd64", "aarch64", "arm64")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComputerFacts:
    """Facts about this computer, and what each driver found on it."""

    computer: Computer
    python: tuple[int, int, int]
    in_venv: bool
    missing_packages: tuple[str, ...]
    architecture: str
    cores: int
    memory_mib: int
    memory_free_mib: int | None
    disk_free_mib: int
    disk_path: str
    frees_disk: tuple[str, ...] = ()
    """The commands with which drivers free disk space."""
    ports_taken: Mapping[int, bool] = field(default_factory=dict)
    ports_of_clouds: Mapping[int, str] = field(default_factory=dict)
    """Ports on which this user's own clouds listen, and the clouds' names."""
    index: bool
    of_drivers: tuple[Finding, ...] = ()


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
        *facts.of_drivers,
    )


def healthy(findings: Sequence[Finding]) -> bool:
    """Return whether the demo works here."""
    return all(finding.level is not Level.PROBLEM for finding in findings)


def _python(facts: ComputerFacts) -> Finding:
    version = ".".join(str(part) for part in facts.python)
    if PYTHON_MIN <= facts.python[:2] <= PYTHON_MAX:
        return Finding(name="Python", text=version)
    names = {"apt": "python3 python3-venv", "dnf": "python3", "pacman": "python", "apk": "python3", "brew": "python"}
    text = f"{version} is not supported; 3.{PYTHON_MIN[1]} to 3.{PYTHON_MAX[1]} are"
    fix = f"{facts.computer.install(names) or 'install a newer Python'}, then: make clean setup"
    return Finding(name="Python", level=Level.PROBLEM, text=text, fix=fix)


def _environment(facts: ComputerFacts) -> Finding:
    if facts.missing_packages:
        text = f"packages are missing: {', '.join(facts.missing_packages)}"
        return Finding(name="environment", level=Level.PROBLEM, text=text, fix="make clean setup")
    if not facts.in_venv:
        text = "not a virtual environment; packages of other programs may interfere"
        return Finding(name="environment", level=Level.NOTE, text=text, fix="make setup, then .venv/bin/glasscloud")
    return Finding(name="environment", text="complete")


def _index(facts: ComputerFacts) -> Finding:
    if facts.index:
        return Finding(name="search index", text="built")
    text = "not built, so there is nothing to search"
    return Finding(name="search index", level=Level.PROBLEM, text=text, fix=f"{facts.computer.program} index")


def _architecture(facts: ComputerFacts) -> Finding:
    if facts.architecture.lower() in _ARCHITECTURES:
        return Finding(name="processor", text=f"{facts.architecture}, {facts.cores} cores")
    text = f"{facts.architecture} is not supported; the packages are built for x86-64 and arm64"
    return Finding(name="processor", level=Level.PROBLEM, text=text)


def _memory(facts: ComputerFacts) -> Finding:
    free = facts.memory_free_mib
    text = f"{facts.memory_mib} MiB" + ("" if free is None else f", {free} MiB free")
    if (facts.memory_mib if free is None else free) < MEMORY_MIN_MIB:
        text += f"; four instances need {MEMORY_MIN_MIB} MiB free"
        fix = f"close other programs, or: {facts.computer.program} demo --instances 2"
        return Finding(name="memory", level=Level.PROBLEM, text=text, fix=fix)
    return Finding(name="memory", text=text)


def _disk(facts: ComputerFacts) -> Finding:
    text = f"{facts.disk_free_mib} MiB free at {facts.disk_path}"
    if facts.disk_free_mib < DISK_MIN_MIB:
        text = f"{text}; {DISK_MIN_MIB} MiB are needed"
        fix = ", or ".join((*facts.frees_disk, "free some space another way"))
        return Finding(name="disk", level=Level.PROBLEM, text=text, fix=fix)
    return Finding(name="disk", text=text)


def _ports(facts: ComputerFacts) -> list[Finding]:
    taken = [port for port, is_taken in facts.ports_taken.items() if is_taken]
    if not taken:
        return [Finding(name="ports", text=f"{', '.join(str(port) for port in facts.ports_taken)} are free")]
    options = {4566: "--api-port", 8000: "--port", 8080: "--console-port"}
    tool = "lsof -nP -iTCP:{} -sTCP:LISTEN" if facts.computer.system == "Darwin" else "ss -ltnp 'sport = :{}'"
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


def lines_of(findings: Sequence[Finding]) -> list[str]:
    """Return the findings as text lines, the verdict last."""
    signs = {Level.OK: "ok     ", Level.NOTE: "note   ", Level.PROBLEM: "PROBLEM"}
    lines = []
    for finding in findings:
        lines.append(f"{signs[finding.level]} {finding.name}: {finding.text}")
        if finding.fix:
            lines.append(f"          -> {finding.fix}")
    return [*lines, "", _verdict(findings)]


def _verdict(findings: Sequence[Finding]) -> str:
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if problems:
        return f"{problems} {'problem' if problems == 1 else 'problems'} found; -> marks the fix"
    if any(finding.level is Level.NOTE for finding in findings):
        return "glasscloud works here; -> marks what could be improved"
    return "no problems found"


def this_computer() -> Computer:
    """Return what drivers must know about this computer."""
    manager = next((name for name, program in _MANAGERS.items() if shutil.which(program)), "")
    return Computer(system=platform.system(), package_manager=manager, program=program_name())


def inspect_computer(diagnoses: Mapping[str, Diagnosis]) -> ComputerFacts:
    """Return the facts about this computer, with what the drivers found on it."""
    memory, folder, described = psutil.virtual_memory(), tempfile.gettempdir(), drivers()
    packages = sorted((*_PACKAGES, *(name for each in described for name in each.packages)))
    return ComputerFacts(
        computer=this_computer(),
        python=sys.version_info[:3],
        in_venv=sys.prefix != sys.base_prefix,
        missing_packages=tuple(name for name in packages if importlib.util.find_spec(name) is None),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        memory_mib=memory.total >> 20,
        memory_free_mib=memory.available >> 20,
        disk_free_mib=shutil.disk_usage(folder).free // (1 << 20),
        disk_path=folder,
        frees_disk=tuple(each.frees_disk for each in described if each.frees_disk),
        ports_taken={port: port_in_use(port) for port in (API_PORT, SEARCH_PORT, CONSOLE_PORT)},
        ports_of_clouds={port_of(url): each.cloud for each in running_clouds() for url in each.urls},
        index=(index_folder() / "manifest.json").exists(),
        of_drivers=tuple(finding for each in diagnoses.values() for finding in each.findings),
    )
