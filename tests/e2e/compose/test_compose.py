"""`docker compose up` as people use it, in a project and a cloud of its own: up, stop, killed, kept; nothing left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_world import docker, left_of, nothing_left

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[3]
_READY_S = 60
_REMOVED_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One compose project and the cloud in it."""

    name: str
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return ["docker", "compose", "-f", str(ROOT / "compose.yaml"), *arguments]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def instances(self) -> set[str]:
        """The names of the instances that run."""
        return set(docker("ps", "--filter", f"label=glasscloud.cloud={self.name}", "--format", "{{.Names}}").split())

    def search(self) -> dict[str, object]:
        """A search's answer through the published port; raises OSError while no server listens."""
        where = self.run("port", "server", "8000")
        with urllib.request.urlopen(f"http://{where}/search?q=hypervisor&format=json", timeout=2) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    def answers(self) -> bool:
        """Whether a search is answered, and whole."""
        try:
            found = self.search()
        except (OSError, AssertionError):
            return False
        return bool(found["total"]) and not found["partial"]

    def left(self) -> list[str]:
        """What is left of the project and its cloud."""
        label = f"label=com.docker.compose.project={self.name}"
        found = docker("ps", "-a", "--filter", label, "--format", "container {{.Names}}").splitlines()
        found += docker("network", "ls", "--filter", label, "--format", "network {{.Name}}").splitlines()
        found += docker("volume", "ls", "--filter", label, "--format", "volume {{.Name}}").splitlines()
        return found + left_of(self.name)


def until(holds: Callable[[], bool], what: str, *, within_s: float = _READY_S) -> float:
    """Waits until it holds and gives the seconds that took."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < within_s, f"{what}: not within {within_s:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    name = f"gct-compose-{os.getpid()}"
    handed = tmp_path / "var"
    handed.mkdir(mode=0o755)
    tmp_path.chmod(0o755)
    settings = {
        "COMPOSE_PROJECT_NAME": name,
        "GLASSCLOUD_CLOUD": name,
        "GLASSCLOUD_VAR": str(handed),
        "GLASSCLOUD_API_PORT": "0",
        "GLASSCLOUD_SEARCH_PORT": "0",
        "GLASSCLOUD_CONSOLE_PORT": "0",
    }
    one = Project(name=name, environment=os.environ | settings)
    with nothing_left(name):
        try:
            yield one
            assert one.left() == []
            assert list(handed.iterdir()) == []
        finally:
            subprocess.run(one.command("down", "-v", "-t", "1"), env=one.environment, capture_output=True, check=False)


def test_ctrl_c_and_down_leave_nothing(project: Project) -> None:
    up = subprocess.Popen(
        project.command("up", "--no-build"),
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    printed = ""
    try:
        until(project.answers, "a search through the published port")
        assert len(project.instances()) == 4
        _no_guest_reaches(project, "vmhost", 4566)
        until(lambda: "req/s" in project.run("logs", "client"), "the first figures")
        _the_console_answers(project)
        _no_guest_reaches(project, "client", 8080)
        exported = project.run("exec", "-T", "client", "glasscloud", "env")
        assert "export AWS_ENDPOINT_URL=http://127.0.0.1:0\n" in exported
        # To docker's command alone: without a terminal it passes it on to Compose, for which a second one means kill.
        os.kill(up.pid, signal.SIGINT)
        printed, _ = up.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(up.pid, signal.SIGKILL)
        up.wait()
    assert "glasscloud is up: 4 instances (t3.nano, containers: all share one Linux kernel) on 2 hosts" in printed
    for noise in ("Traceback", "Error", "warning", f"{project.name}-i-"):
        assert noise not in printed.replace(f"docker kill {project.name}-i-", "")
    assert project.instances() == set()
    project.run("down")


def _the_console_answers(project: Project) -> None:
    """Through the published port, whose address is printed again."""
    where = project.run("port", "client", "8080")
    with urllib.request.urlopen(f"http://{where}/", timeout=5) as answer:
        assert b"/assets/start.js" in answer.read()
    told = project.run("exec", "-T", "client", "glasscloud", "status")
    assert "  console  http://127.0.0.1:0/#token=" in told


def _no_guest_reaches(project: Project, service: str, port: int) -> None:
    guest = sorted(project.instances())[0]
    networks = json.loads(docker("inspect", f"{project.name}-{service}-1", "-f", "{{json .NetworkSettings.Networks}}"))
    assert networks
    connect = f"import socket, sys; socket.create_connection((sys.argv[1], {port}), timeout=1)"
    for network in networks.values():
        for address in (network["IPAddress"], network["Gateway"]):
            if not address:
                continue
            tried = ["docker", "exec", guest, "python", "-c", connect, address]
            done = subprocess.run(tried, capture_output=True, timeout=20, check=False)
            assert done.returncode != 0, f"a guest reaches {address}:{port}"


def test_restarted_platform_takes_over_and_cleans_up(project: Project) -> None:
    project.run("up", "-d", "--no-build", "vmhost", "server")
    until(project.answers, "a search")
    docker("kill", f"{project.name}-vmhost-1")
    assert project.answers()
    assert len(project.instances()) == 4
    project.run("up", "-d", "--no-build", "vmhost", "server")
    until(lambda: project.answers() and len(project.instances()) == 4, "a search from four instances again")
    started = time.monotonic()
    project.run("stop", "vmhost")
    assert time.monotonic() - started < _REMOVED_S
    assert left_of(project.name) == []
    project.run("down")


def test_down_after_second_ctrl_c_reports_what_it_removed(project: Project, tmp_path: Path) -> None:
    project.run("up", "-d", "--no-build", "vmhost", "server")
    until(project.answers, "a search")
    # What Compose does to every container of its project when Ctrl-C comes twice.
    project.run("kill")
    project.run("down")
    assert len(project.instances()) == 4
    environment = project.environment | {"XDG_STATE_HOME": str(tmp_path / "state")}
    down = [sys.executable, "-P", "-m", "client", "down"]
    done = subprocess.run(down, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (
        0,
        "removed what a killed platform had left: 4 instances, 1 network, 1 volume\n",
    )
    assert left_of(project.name) == []
    # Keys that open nothing any more; the next platform writes its own over them.
    (Path(project.environment["GLASSCLOUD_VAR"]) / "access.json").unlink()
    again = subprocess.run(down, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (again.returncode, again.stdout) == (0, f"the cloud {project.name} was not up\n")


def test_down_leaves_a_running_platform(project: Project, tmp_path: Path) -> None:
    project.run("up", "-d", "--no-build", "vmhost", "server")
    until(project.answers, "a search")
    environment = project.environment | {"XDG_STATE_HOME": str(tmp_path / "state")}
    down = [sys.executable, "-P", "-m", "client", "down", "--cloud", project.name]
    done = subprocess.run(down, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "still there: 4 instances, 1 network" in done.stderr
    assert project.answers()
    project.run("down")


def test_instances_survive_with_a_state_folder(project: Project, tmp_path: Path) -> None:
    project.environment["GLASSCLOUD_STATE"] = str(tmp_path / "kept")
    project.run("up", "-d", "--no-build", "vmhost", "server")
    until(project.answers, "a search")
    before = project.instances()
    project.run("stop", "vmhost")
    assert project.instances() == before
    project.run("up", "-d", "--no-build", "vmhost")
    until(project.answers, "a search")
    assert project.instances() == before
    project.run("stop", "vmhost")
    state = ["--state", str(tmp_path / "sweep")]
    command = [sys.executable, "-m", "vmhost", "--driver", "container", "--cloud", project.name, *state, "--sweep"]
    subprocess.run(command, cwd=ROOT, timeout=60, check=True)
    project.run("down")


def test_workers_take_over_and_lost_ones_are_reported(project: Project) -> None:
    project.run("up", "-d", "--no-build")
    assert "client-worker" not in project.run("ps", "-a", "--services")
    until(lambda: "req/s" in project.run("logs", "client"), "the first figures")
    project.run("up", "-d", "--no-build", "--scale", "client-worker=2")
    until(lambda: "the load is now sent by 2 workers" in project.run("logs", "client"), "two workers' load")

    def figures() -> str:
        return project.run("logs", "client").rpartition("the load is now sent by 2 workers")[2]

    until(lambda: "req/s" in figures(), "the workers' figures")
    docker("kill", f"{project.name}-client-worker-1")
    until(lambda: "the load is now sent by 1 worker\n" in project.run("logs", "client") + "\n", "one worker's load")
    assert docker("ps", "--filter", f"name={project.name}-client-worker", "--format", "{{.Ports}}") == ""
    project.run("down")
