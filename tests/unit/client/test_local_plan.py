"""What a local cloud shall be, and the places it keeps things in."""

from __future__ import annotations

from pathlib import Path

import pytest

from client.local import places
from client.local.plan import LocalPlan, frontend_command, moved, platform_command, replicas_of, switch
from vmhost.base.errors import Conflict, InvalidInput


@pytest.mark.parametrize(("instances", "shards", "replicas"), [(4, 2, 2), (6, 3, 2), (3, 3, 1), (8, 1, 8)])
def test_instances_divide_among_shards(instances: int, shards: int, replicas: int) -> None:
    assert replicas_of(instances, shards) == replicas


@pytest.mark.parametrize(("instances", "shards"), [(5, 2), (1, 2), (0, 1), (65, 1), (4, 0)])
def test_instances_that_do_not_are_refused_with_what_would(instances: int, shards: int) -> None:
    with pytest.raises(InvalidInput, match=r"--shards|--instances"):
        replicas_of(instances, shards)


def test_programs_never_import_from_the_folder_they_are_called_in(tmp_path: Path) -> None:
    plan = LocalPlan(state=str(tmp_path))
    assert "-P" in platform_command(plan, ready=tmp_path / "r")[:3]
    assert "-P" in frontend_command(plan, ready=tmp_path / "r")[:3]


def test_a_corpus_of_ones_own_is_handed_to_the_front_end(tmp_path: Path) -> None:
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
def test_how_to_switch_can_be_typed_and_fits_a_terminal(driver: str, missing: str, line: str) -> None:
    assert switch(driver, missing, ".venv/bin/glasscloud demo") == line
    assert len(f"  {line}") <= 80


def test_a_taken_port_is_said_aloud() -> None:
    assert moved(8000, "http://127.0.0.1:8001") == "port 8000 is in use; using 8001"
    assert moved(8000, "http://127.0.0.1:8000") is None
    assert moved(0, "http://127.0.0.1:40000") is None


def test_a_folder_has_one_holder_until_its_last_descriptor_is_closed(tmp_path: Path) -> None:
    assert not places.is_held(tmp_path)
    with places.hold(tmp_path):
        assert places.is_held(tmp_path)
        with pytest.raises(Conflict, match="already running"), places.hold(tmp_path):
            pass
    assert not places.is_held(tmp_path)


def test_the_cloud_that_is_meant_is_named_as_for_compose() -> None:
    assert places.cloud_name({}) == "glasscloud"
    assert places.cloud_name({"GLASSCLOUD_CLOUD": "mine"}) == "mine"


def test_the_state_folder_follows_the_xdg_convention() -> None:
    folder = places.state_folder("c", environ={"XDG_STATE_HOME": "/state"})
    assert folder == Path("/state/glasscloud/c")
    # Relative paths in these variables are to be ignored (XDG Base Directory Specification).
    assert places.state_folder("c", environ={"XDG_STATE_HOME": "state"}) == (Path.home() / ".local/state/glasscloud/c")


def test_a_demo_that_nobody_holds_is_found_and_a_held_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, living, young = places.demo_folder(), places.demo_folder(), places.demo_folder()
    with places.hold(killed):
        pass
    with places.hold(living):
        assert list(places.abandoned_demos()) == [killed]
    assert young.stat().st_mode & 0o077 == 0


def test_facts_are_read_as_written_and_rubbish_is_none(tmp_path: Path) -> None:
    assert places.read_facts(tmp_path) is None
    facts = places.LocalFacts(
        cloud="c", asked="auto", driver="process", why="w", supervisor=1, endpoint="e", search="s", access="a",
        queries="q", instances=4, shards=2, type="t", since=1.0, pids=(2, 3),
    )  # fmt: skip
    places.write_facts(tmp_path, facts)
    assert places.read_facts(tmp_path) == facts
    (tmp_path / "local.json").write_text("{")
    assert places.read_facts(tmp_path) is None
