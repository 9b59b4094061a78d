"""The findings for computers that lack something, and the command that fixes each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.doctor import ComputerFacts, findings_of, healthy, lines_of
from vmhost.api.drivers import Computer, Finding, Level

LINUX = Computer(system="Linux", package_manager="apt", program="glasscloud")
WELL = ComputerFacts(
    computer=LINUX,
    python=(3, 12, 1),
    in_venv=True,
    missing_packages=(),
    architecture="x86_64",
    cores=4,
    memory_mib=8000,
    memory_free_mib=4000,
    disk_free_mib=50_000,
    disk_path="/tmp",
    frees_disk=("docker system prune",),
    ports_taken={4566: False, 8000: False},
    index=True,
    of_drivers=(Finding(name="addresses", text="each process gets its own loopback address"),),
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
        (replace(WELL, index=False), Level.PROBLEM, "glasscloud index"),
        (replace(WELL, architecture="riscv64"), Level.PROBLEM, ""),
        (replace(WELL, memory_free_mib=500), Level.PROBLEM, "--instances 2"),
        (replace(WELL, disk_free_mib=10), Level.PROBLEM, "docker system prune, or free some space another way"),
        (replace(WELL, ports_taken={8000: True}), Level.NOTE, "ss -ltnp 'sport = :8000'"),
        (
            replace(WELL, computer=replace(LINUX, system="Darwin"), ports_taken={8000: True}),
            Level.NOTE,
            "lsof -nP -iTCP:8000",
        ),
        (
            replace(WELL, of_drivers=(Finding(name="engine", level=Level.NOTE, text="none", fix="start it"),)),
            Level.NOTE,
            "start it",
        ),
    ],
)
def test_finding_names_the_fix(facts: ComputerFacts, level: Level, fix: str) -> None:
    findings = [finding for finding in findings_of(facts) if finding.level is not Level.OK]
    assert [finding.level for finding in findings] == [level]
    assert fix in findings[0].fix
    assert healthy(findings) == (level is Level.NOTE)
    assert findings[0].name in "\n".join(lines_of(findings))
