"""What doctor says about Docker engines and the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from vmhost.api.drivers import Computer, Finding, Level
from vmhost.drivers.container.engine_probe import bridges_filtered
from vmhost.drivers.container.findings import EngineReport, findings_of

LINUX = Computer(system="Linux", package_manager="apt", program="glasscloud")
MAC = Computer(system="Darwin", package_manager="brew", program="glasscloud")
ENGINE = EngineReport(
    source="Docker", url="unix:///var/run/docker.sock", version="27.0", architecture="x86_64", memory_mib=8000,
    cgroup_version="2", has_image=True,
)  # fmt: skip


def found(
    engines: Sequence[EngineReport], computer: Computer = LINUX, *, bridges_filtered: bool = False
) -> tuple[Finding, ...]:
    return findings_of(engines, computer, image="glasscloud:latest", bridges_filtered=bridges_filtered)


def failing(source: str, error: str) -> EngineReport:
    return EngineReport(source=source, url="u", error=error)


@pytest.mark.parametrize("engines", [[ENGINE], [failing("Podman", "no such socket"), ENGINE]])
def test_any_responding_engine_counts(engines: Sequence[EngineReport]) -> None:
    assert [(each.name, each.level) for each in found(engines)] == [("Docker engine", Level.OK), ("image", Level.OK)]


@pytest.mark.parametrize(
    ("findings", "fix"),
    [
        (found([]), "sudo apt install docker.io"),
        (found([], MAC), "brew install colima"),
        (found([failing("Docker", "permission denied")]), "usermod -aG docker"),
        (found([failing("DOCKER_HOST", "nothing listens there")]), "systemctl start docker"),
        (found([failing("Colima", "nothing listens there")], MAC), "colima start"),
        (found([replace(ENGINE, has_image=False)]), "docker compose build"),
        (found([replace(ENGINE, memory_mib=2000)]), "glasscloud demo --overcommit 2"),
        (found([replace(ENGINE, memory_mib=2000)], MAC), "Docker Desktop: Settings"),
        (found([replace(ENGINE, source="docker context colima", memory_mib=2000)]), "colima start --memory 4"),
        (found([ENGINE], bridges_filtered=True), "bridge-nf-call-iptables=0"),
    ],
)
def test_finding_names_the_fix(findings: tuple[Finding, ...], fix: str) -> None:
    (note,) = (each for each in findings if each.level is not Level.OK)
    assert note.level is Level.NOTE
    assert fix in note.fix


def test_filtered_bridges_matter_only_with_an_engine() -> None:
    assert "bridges" not in [each.name for each in found([], bridges_filtered=True)]


@pytest.mark.parametrize(("setting", "filtered"), [("1", True), ("0", False), (None, False)])
def test_bridges_filtered_reads_the_kernel_setting(tmp_path: Path, setting: str | None, filtered: bool) -> None:
    if setting is not None:
        (tmp_path / "sys/net/bridge").mkdir(parents=True)
        (tmp_path / "sys/net/bridge/bridge-nf-call-iptables").write_text(f"{setting}\n")
    assert bridges_filtered(tmp_path) is filtered
