"""What `glasscloud doctor` says about Docker engines and the image, with the command that fixes each problem. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmhost.api.drivers import Computer, Finding, Level

MEMORY_MIN_MIB = 3584
BUILD = ("docker", "compose", "build")
"""The command that builds the image, in a clone of the repository."""
_ENGINE = "Docker engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReport:
    """What one engine reports about itself. `error` is empty if it responded."""

    source: str
    url: str
    error: str = ""
    version: str = ""
    architecture: str = ""
    memory_mib: int = 0
    cgroup_version: str = ""
    has_image: bool = False


def findings_of(
    engines: Sequence[EngineReport], computer: Computer, *, image: str, bridges_filtered: bool
) -> tuple[Finding, ...]:
    """Return the findings, in the order in which to fix them.

    `bridges_filtered` is whether packets between containers pass this computer's own filters and connection table."""
    engine = next((each for each in engines if not each.error), None)
    if engine is None:
        return (_no_engine(engines, computer),)
    version = f"{engine.version} ({engine.source}, {engine.architecture}, cgroup v{engine.cgroup_version})"
    found = [Finding(name=_ENGINE, text=version)]
    if engine.memory_mib < MEMORY_MIN_MIB:
        found.append(_small_engine(engine, computer))
    if bridges_filtered:
        found.append(_FILTERED_BRIDGES)
    if engine.has_image:
        found.append(Finding(name="image", text=image))
    else:
        text = f"{image} is not built, so instances are processes by default"
        found.append(Finding(name="image", level=Level.NOTE, text=text, fix=" ".join(BUILD)))
    return tuple(found)


_FILTERED_BRIDGES = Finding(
    name="bridges",
    level=Level.NOTE,
    text="connections between instances count in this computer's own connection table "
    "(net.bridge.bridge-nf-call-iptables is 1); each instance is limited to 4096",
    fix="sudo sysctl -w net.bridge.bridge-nf-call-iptables=0 (unless Kubernetes runs here), or use Docker 28 or newer",
)


def _small_engine(engine: EngineReport, computer: Computer) -> Finding:
    text = f"{engine.memory_mib} MiB; four instances need {MEMORY_MIN_MIB} MiB without --overcommit"
    if "colima" in (engine.source + engine.url).lower():
        fix = "colima stop && colima start --memory 4"
    elif computer.system == "Darwin":
        fix = "Docker Desktop: Settings, Resources, Memory"
    else:
        fix = f"{computer.program} demo --overcommit 2"
    return Finding(name="engine's memory", level=Level.NOTE, text=text, fix=fix)


def _no_engine(engines: Sequence[EngineReport], computer: Computer) -> Finding:
    refused = next((engine for engine in engines if engine.error == "permission denied"), None)
    if refused is not None:
        text = f"{refused.source} at {refused.url} refuses this user, so instances are processes"
        fix = "sudo usermod -aG docker $USER, then log in again"
        return Finding(name=_ENGINE, level=Level.NOTE, text=text, fix=fix)
    if engines:
        first = engines[0]
        text = f"{first.source} at {first.url} does not respond ({first.error}), so instances are processes"
    else:
        text = "none found, so instances are processes, without a CPU limit"
    return Finding(name=_ENGINE, level=Level.NOTE, text=text, fix=_start_engine(computer, installed=bool(engines)))


def _start_engine(computer: Computer, *, installed: bool) -> str:
    if computer.system == "Darwin":
        return "colima start" if installed else "brew install colima docker docker-compose && colima start"
    if installed:
        return "sudo systemctl start docker"
    names = {"apt": "docker.io docker-compose-v2", "dnf": "docker docker-compose", "pacman": "docker docker-compose"}
    return computer.install(names) or "install Docker, then start it"
