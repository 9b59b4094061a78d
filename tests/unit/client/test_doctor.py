"""The findings for computers that lack something, and the command that fixes each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from client.doctor.computer_probe import bridges_filtered
from client.doctor.engine_report import EngineReport
from client.doctor.findings import ComputerFacts, Level, findings_of, healthy, lines_of
from client.program_name import program_name

ENGINE = EngineReport(
    source="Docker", url="unix:///var/run/docker.sock", version="27.0", architecture="x86_64", cores=4, memory_mib=8000,
    cgroup_version="2", has_image=True,
)  # fmt: skip
WELL = ComputerFacts(
    system="Linux",
    python=(3, 12, 1),
    in_venv=True,
    missing_packages=(),
    architecture="x86_64",
    cores=4,
    memory_mib=8000,
    memory_free_mib=4000,
    disk_free_mib=50_000,
    disk_path="/tmp",
    ports_taken={4566: False, 8000: False},
    engines=(ENGINE,),
    image="glasscloud:latest",
    cgroups="v2",
    cgroups_writable=True,
    systemd_user=False,
    loopback_addresses=True,
    index=True,
    package_manager="apt",
)


def test_complete_computer_has_no_findings() -> None:
    findings = findings_of(WELL)
    assert {finding.level for finding in findings} == {Level.OK}
    assert healthy(findings)
    assert lines_of(findings)[-1] == "no problems found"


@pytest.mark.parametrize(
    ("facts", "level", "fix"),
    [
        (replace(WELL, python=(3, 10, 0)), Level.PROBLEM, "sudo apt install python3"),
        (replace(WELL, missing_packages=("tantivy",)), Level.PROBLEM, "make clean setup"),
        (replace(WELL, in_venv=False), Level.NOTE, "make setup"),
        (replace(WELL, index=False), Level.PROBLEM, f"{program_name()} index"),
        (replace(WELL, architecture="riscv64"), Level.PROBLEM, ""),
        (replace(WELL, memory_free_mib=500), Level.PROBLEM, "--instances 2"),
        (replace(WELL, disk_free_mib=10), Level.PROBLEM, "docker system prune"),
        (replace(WELL, ports_taken={8000: True}), Level.NOTE, "ss -ltnp 'sport = :8000'"),
        (replace(WELL, system="Darwin", ports_taken={8000: True}), Level.NOTE, "lsof -nP -iTCP:8000"),
        (replace(WELL, engines=()), Level.NOTE, "sudo apt install docker.io"),
        (replace(WELL, engines=(), system="Darwin", package_manager="brew"), Level.NOTE, "brew install colima"),
        (
            replace(WELL, engines=(EngineReport(source="Docker", url="u", error="permission denied"),)),
            Level.NOTE,
            "usermod -aG docker",
        ),
        (
            replace(WELL, engines=(EngineReport(source="DOCKER_HOST", url="u", error="nothing listens there"),)),
            Level.NOTE,
            "systemctl start docker",
        ),
        (replace(WELL, engines=(replace(ENGINE, has_image=False),)), Level.NOTE, "docker compose build"),
        (replace(WELL, engines=(replace(ENGINE, memory_mib=2000),)), Level.NOTE, "--overcommit 2"),
        (
            replace(WELL, engines=(replace(ENGINE, source="docker context colima", memory_mib=2000),)),
            Level.NOTE,
            "colima start --memory 4",
        ),
        (replace(WELL, bridges_filtered=True), Level.NOTE, "bridge-nf-call-iptables=0"),
        (replace(WELL, cgroups_writable=False), Level.NOTE, "use containers"),
    ],
)
def test_finding_names_the_fix(facts: ComputerFacts, level: Level, fix: str) -> None:
    findings = [finding for finding in findings_of(facts) if finding.level is not Level.OK]
    assert [finding.level for finding in findings] == [level]
    assert fix in findings[0].fix
    assert healthy(tuple(findings)) == (level is Level.NOTE)
    assert findings[0].name in "\n".join(lines_of(tuple(findings)))


def test_filtered_bridges_matter_only_with_an_engine() -> None:
    names = [finding.name for finding in findings_of(replace(WELL, bridges_filtered=True, engines=()))]
    assert "bridges" not in names


@pytest.mark.parametrize(("setting", "filtered"), [("1", True), ("0", False), (None, False)])
def test_bridges_filtered_reads_the_kernel_setting(tmp_path: Path, setting: str | None, filtered: bool) -> None:
    if setting is not None:
        (tmp_path / "sys/net/bridge").mkdir(parents=True)
        (tmp_path / "sys/net/bridge/bridge-nf-call-iptables").write_text(f"{setting}\n")
    assert bridges_filtered(tmp_path) is filtered


def test_any_responding_engine_counts() -> None:
    silent = EngineReport(source="Podman", url="u", error="no such socket")
    assert healthy(findings_of(replace(WELL, engines=(silent, ENGINE))))
    assert all(finding.level is Level.OK for finding in findings_of(replace(WELL, engines=(silent, ENGINE))))
