"""The plan of a local cloud, and its state folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.local import state_dir
from client.local.local_plan import (
    LocalPlan,
    frontend_command,
    other_driver_hint,
    platform_command,
    port_moved_note,
    replicas_of,
)
from vmhost.base.errors import Conflict, InvalidInput


@pytest.mark.parametrize(("instances", "shards", "replicas"), [(4, 2, 2), (6, 3, 2), (3, 3, 1), (8, 1, 8)])
def test_instances_divide_among_shards(instances: int, shards: int, replicas: int) -> None:
    assert replicas_of(instances, shards) == replicas


@pytest.mark.parametrize(("instances", "shards"), [(5, 2), (1, 2), (0, 1), (65, 1), (4, 0)])
def test_uneven_instances_are_refused(instances: int, shards: int) -> None:
    with pytest.raises(InvalidInput, match=r"--shards|--instances"):
        replicas_of(instances, shards)


def test_programs_do_not_import_from_the_current_folder(tmp_path: Path) -> None:
    plan = LocalPlan(state=str(tmp_path))
    assert "-P" in platform_command(plan, ready=tmp_path / "r")[:3]
    assert "-P" in frontend_command(plan, ready=tmp_path / "r")[:3]


def test_own_corpus_is_passed_to_the_front_end(tmp_path: Path) -> None:
    plan = LocalPlan(state=str(tmp_path), corpus="/docs")
    command = frontend_command(plan, ready=tmp_path / "r")
    assert command[command.index("--index") + 1] == str(tmp_path / "index")
    assert "--index" not in frontend_command(LocalPlan(state=str(tmp_path)), ready=tmp_path / "r")


@pytest.mark.parametrize(
    ("driver", "missing", "line"),
    [
        ("container", "", "Plain processes instead: .venv/bin/glasscloud demo --driver process"),
        ("process", "engine", "For containers: start Docker, docker compose build, .venv/bin/glasscloud demo"),
        ("process", "image", "For containers: docker compose build, .venv/bin/glasscloud demo"),
        ("process", "networks", "Containers: .venv/bin/glasscloud demo --driver container"),
    ],
)
def test_driver_hint_fits_80_columns(driver: str, missing: str, line: str) -> None:
    assert other_driver_hint(driver, missing, ".venv/bin/glasscloud demo") == line
    assert len(f"  {line}") <= 80


def test_port_in_use_is_noted() -> None:
    assert port_moved_note(8000, "http://127.0.0.1:8001") == "port 8000 is in use; using 8001"
    assert port_moved_note(8000, "http://127.0.0.1:8000") is None
    assert port_moved_note(0, "http://127.0.0.1:40000") is None


def test_folder_is_locked_until_released(tmp_path: Path) -> None:
    assert not state_dir.is_held(tmp_path)
    with state_dir.hold(tmp_path):
        assert state_dir.is_held(tmp_path)
        with pytest.raises(Conflict, match="already running"), state_dir.hold(tmp_path):
            pass
    assert not state_dir.is_held(tmp_path)


def test_cloud_name_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLASSCLOUD_CLOUD", raising=False)
    assert state_dir.cloud_name() == "glasscloud"
    monkeypatch.setenv("GLASSCLOUD_CLOUD", "mine")
    assert state_dir.cloud_name() == "mine"


def test_state_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert state_dir.state_folder("c") == Path("/state/glasscloud/c")
    # Relative paths in these variables are to be ignored (XDG Base Directory Specification).
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    assert state_dir.state_folder("c") == Path.home() / ".local/state/glasscloud/c"


def test_abandoned_demos_are_those_without_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, living, young = state_dir.demo_folder(), state_dir.demo_folder(), state_dir.demo_folder()
    with state_dir.hold(killed):
        pass
    with state_dir.hold(living):
        assert list(state_dir.abandoned_demos()) == [killed]
    assert young.stat().st_mode & 0o077 == 0


def test_facts_are_read_as_written(tmp_path: Path) -> None:
    assert state_dir.read_facts(tmp_path) is None
    facts = state_dir.LocalFacts(
        cloud="c", driver_option="auto", driver="process", why="w", supervisor=1, endpoint="e", search="s", access="a",
        queries="q", instances=4, shards=2, type="t", since=1.0, pids=(2, 3),
    )  # fmt: skip
    state_dir.write_facts(tmp_path, facts)
    assert state_dir.read_facts(tmp_path) == facts
    (tmp_path / "local.json").write_text("{")
    assert state_dir.read_facts(tmp_path) is None


def test_facts_of_version_0_1_are_read(tmp_path: Path) -> None:
    former = {
        "cloud": "c", "asked": "auto", "driver": "process", "why": "w", "supervisor": 1, "endpoint": "e", "search": "s",
        "access": "a", "queries": "q", "instances": 4, "shards": 2, "type": "t", "since": 1.0, "pids": [2], "notes": [],
    }  # fmt: skip
    (tmp_path / "local.json").write_text(json.dumps(former))
    facts = state_dir.read_facts(tmp_path)
    assert facts is not None
    assert (facts.driver_option, facts.pids) == ("auto", (2,))
