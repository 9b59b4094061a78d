"""Which cloud a command applies to."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli import main
from client.cli.cloud_options import by_cloud
from client.console.request_guard import ConsoleKey
from client.local.state_dir import LocalFacts, demo_folder, hold, make_folder, state_folder, write_facts
from client.local.target_cloud import console_address, find_search_url, local_cloud, running_clouds, target_cloud
from client.program_name import program_name
from vmhost.api.access import Access
from vmhost.base.errors import InvalidInput, NotFound


@pytest.fixture(autouse=True)
def _nothing_is_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("GLASSCLOUD_ACCESS", "GLASSCLOUD_FRONTEND", "GLASSCLOUD_ENDPOINT", "GLASSCLOUD_CLOUD",
                 "GLASSCLOUD_CONSOLE", "GLASSCLOUD_CONSOLE_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@contextlib.contextmanager
def up(folder: Path, *, port: int = 8000) -> Iterator[LocalFacts]:
    """A cloud that counts as up while the block lasts, named as its folder."""
    make_folder(folder)
    Access.fresh("http://127.0.0.1:1").save(folder / "access.json")
    ConsoleKey.read_or_create(folder / "console.key")
    facts = LocalFacts(
        cloud=folder.name, driver_option="auto", driver="process", why="", supervisor=os.getpid(),
        endpoint=f"http://127.0.0.1:{port + 2}", search=f"http://127.0.0.1:{port}", access=str(folder / "access.json"),
        queries="q", instances=4, shards=2, type="t3.nano", since=0.0, console=f"http://127.0.0.1:{port + 1}",
        console_key=str(folder / "console.key"),
    )  # fmt: skip
    with hold(folder):
        write_facts(folder, facts)
        yield facts


def test_running_demo_is_found() -> None:
    killed, running = demo_folder(), demo_folder()
    with up(killed):
        pass
    with up(running) as facts:
        assert local_cloud() == facts
        assert find_search_url() == facts.search
        assert console_address(facts) == ConsoleKey.read_or_create(running / "console.key").link(facts.console)
    assert local_cloud() is None


def test_up_takes_precedence_over_a_demo() -> None:
    with up(state_folder("glasscloud")) as stays, up(demo_folder()) as demo:
        assert local_cloud() == stays
        assert running_clouds() == (stays, demo)


def test_several_demos_need_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with up(demo_folder()) as one, up(demo_folder()) as other:
        with pytest.raises(InvalidInput, match=f"2 demos run here; name one: .*--cloud {other.cloud}"):
            local_cloud()
        monkeypatch.setenv("GLASSCLOUD_CLOUD", one.cloud)
        assert local_cloud() == one


def test_access_file_selects_its_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with up(state_folder("glasscloud")), up(state_folder("mine"), port=9000) as mine:
        copy = tmp_path / "copy.json"
        copy.write_bytes(Path(mine.access).read_bytes())
        monkeypatch.setenv("GLASSCLOUD_ACCESS", str(copy))
        assert target_cloud() == mine
        assert find_search_url() == mine.search
        Access.fresh("http://127.0.0.1:1").save(copy)
        assert target_cloud() is None
        with pytest.raises(NotFound, match="front end of this cloud is not known here"):
            find_search_url()


def test_missing_cloud_error_names_running_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLASSCLOUD_CLOUD", "other")
    with up(state_folder("mine")):
        assert main(["ps"]) == 1
    assert capsys.readouterr().err == (
        "glasscloud ps: the cloud other is not up (mine is; choose with --cloud NAME); "
        f"start it with: {program_name('other')} up\n"
    )


@pytest.fixture
def _environment_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """--cloud changes this process's environment, which ends with a command; here the tests go on."""
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.usefixtures("_environment_restored")
def test_cloud_option_names_the_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with up(state_folder("glasscloud")), up(state_folder("mine"), port=9000) as mine:
        # What is typed counts, not what the environment names.
        os.environ["GLASSCLOUD_ACCESS"] = str(tmp_path / "none.json")
        assert main(["env", "--cloud", "mine", "--json"]) == 0
    key = Access.load(Path(mine.access), environ={}).access_key_id
    assert json.loads(capsys.readouterr().out)["AWS_ACCESS_KEY_ID"] == key


@pytest.mark.usefixtures("_environment_restored")
@pytest.mark.parametrize("command", ["up", "status", "down", "ps", "env", "flow", "watch", "console", "share"])
def test_invalid_cloud_is_refused_by_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--cloud", "../x", *(["--yes"] if command == "share" else [])]) == 2
    assert "'../x' is not a valid cloud name" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["watch", "console"])
def test_access_file_and_cloud_exclude_each_other(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--cloud", "mine", "--access", "access.json"]) == 2
    assert "--cloud and --access each name a cloud" in capsys.readouterr().err


@pytest.mark.usefixtures("_environment_restored")
def test_down_refuses_a_running_demo(capsys: pytest.CaptureFixture[str]) -> None:
    with up(demo_folder()) as demo:
        assert main(["down", "--cloud", demo.cloud]) == 1
    assert "is a demo that is running; end it with q in its terminal" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["up", "demo"])
def test_chosen_port_in_use_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main([command, "--port", str(port)]) == 2
        said = capsys.readouterr().err
        assert f"port {port} is in use; choose another with --port, or omit --port" in said
        with up(state_folder("mine"), port=port):
            assert by_cloud(port) == " (by the cloud mine)"
