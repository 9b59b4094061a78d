"""What doctor says about the limits and addresses of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmhost.api.drivers import Level
from vmhost.drivers.process.findings import limits_finding, writable_groups


@pytest.mark.parametrize(
    ("system", "groups", "systemd_user", "text"),
    [
        ("Linux", 2, False, "control groups v2, writable"),
        ("Linux", None, True, "systemd user scopes"),
        ("Darwin", None, False, "has no control groups"),
    ],
)
def test_limits_are_named(system: str, groups: int | None, systemd_user: bool, text: str) -> None:
    finding = limits_finding(system, groups=groups, systemd_user=systemd_user)
    assert finding.level is Level.OK
    assert text in finding.text


def test_watched_memory_is_a_note() -> None:
    finding = limits_finding("Linux", groups=None, systemd_user=False)
    assert (finding.level, finding.fix) == (Level.NOTE, "use containers, or run as root")


@pytest.mark.parametrize(("options", "version"), [("rw", 2), ("ro", None)])
def test_control_groups_must_be_writable(tmp_path: Path, options: str, version: int | None) -> None:
    (tmp_path / "self").mkdir()
    line = f"30 24 0:26 / {tmp_path} {options} shared:4 - cgroup2 cgroup2 {options}\n"
    (tmp_path / "self/mountinfo").write_text(line)
    assert writable_groups(tmp_path) == version


def test_system_without_control_groups(tmp_path: Path) -> None:
    assert writable_groups(tmp_path) is None
