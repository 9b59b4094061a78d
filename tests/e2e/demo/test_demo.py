"""The demo and the command line with real programs and processes as instances, as on a computer without an engine."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from client.process_tree import process_tree, still_running

CLIENT = [sys.executable, "-P", "-m", "client"]
ANY_PORT = ["--driver", "process", "--port", "0", "--api-port", "0"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose clouds and demos have this test's folder to themselves."""
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSCLOUD_")}
    return {**kept, "XDG_STATE_HOME": str(tmp_path / "state"), "TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm"}


def run(environment: dict[str, str], *words: str, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLIENT, *words], env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def until(holds: Any, *, timeout_s: float = 15) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.05)


def demos(environment: dict[str, str]) -> list[Path]:
    return list(Path(environment["TMPDIR"]).glob("glasscloud-demo-*"))


@contextlib.contextmanager
def plain_demo(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], tuple[psutil.Process, ...]]]:
    """A demo without a terminal that is up, and its programs."""
    demo = subprocess.Popen(
        [*CLIENT, "demo", *ANY_PORT], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout is not None
    try:
        assert "4 instances answer one search box" in demo.stdout.readline()
        assert re.match(r"  search  http://127\.0\.0\.1:\d+/search\?q=hypervisor$", demo.stdout.readline().rstrip())
        until(lambda: sum("client.load.worker" in each.cmdline() for each in process_tree(demo.pid)))
        yield demo, process_tree(demo.pid)
    finally:
        demo.kill()
        demo.wait(timeout=10)
        demo.stdout.close()


def test_tour_passes_and_leaves_nothing(environment: dict[str, str]) -> None:
    done = run(environment, "demo", "--once", "--json", "--seconds", "1", "--rate", "30", *ANY_PORT)
    report = json.loads(done.stdout)
    assert report["left_behind"] == []
    kill, hog = report["experiments"]
    assert (kill["experiment"], kill["verdict"], hog["experiment"]) == ("kill", "passed", "noisy_neighbor")
    rows = {row["label"]: row for row in kill["rows"]}
    assert rows["noticed after"]["during"] < 5
    assert rows["replaced after"]["instance_id"] not in ("", kill["instance_id"])
    assert [phase["phase"] for phase in report["phases"]] == [
        "baseline", "kill", "before hog", "hog", "after hog", "end"
    ]  # fmt: skip
    assert {row["instance_id"] for row in report["phases"][0]["instances"]} >= {kill["instance_id"]}
    assert (done.returncode == 0) == report["good"], done.stderr
    assert report["good"], report["failures"]
    assert demos(environment) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_plain_demo_in_order(environment: dict[str, str], number: signal.Signals) -> None:
    with plain_demo(environment) as (demo, below):
        demo.send_signal(number)
        assert demo.wait(timeout=20) == 0
        assert still_running(below) == ()
        assert demos(environment) == []


@pytest.mark.parametrize("command", ["demo", "up"])
def test_interrupted_start_leaves_nothing(environment: dict[str, str], command: str) -> None:
    starting = subprocess.Popen(
        [*CLIENT, command, *ANY_PORT], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert starting.stderr is not None
    with starting.stderr:
        assert "starting the platform" in starting.stderr.readline()
        below = process_tree(starting.pid)
        starting.send_signal(signal.SIGINT)
        assert starting.wait(timeout=30) == 130
        assert starting.stderr.read().splitlines()[-1] == "interrupted before the cloud was up; nothing is left"
    assert still_running(below) == ()
    assert demos(environment) == []


def test_status_finds_the_console_of_a_demo(environment: dict[str, str]) -> None:
    with plain_demo(environment) as (demo, _):
        said = run(environment, "status")
        assert said.returncode == 0, said.stderr
        address = re.search(r"  console  (http://127\.0\.0\.1:\d+)/#token=(\S+)", said.stdout)
        assert address is not None, said.stdout
        token = json.dumps({"token": address[2]}).encode()
        request = urllib.request.Request(
            f"{address[1]}/api/session", data=token, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer) == {"can_act": True}
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(timeout=20) == 0


def test_killed_demo_leaves_nothing(environment: dict[str, str]) -> None:
    with plain_demo(environment) as (demo, below):
        demo.kill()
        demo.wait(timeout=10)
        until(lambda: still_running(below) == () and demos(environment) == [])


def test_keys_work_and_terminal_is_restored(environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    demo = subprocess.Popen(
        [*CLIENT, "demo", *ANY_PORT], env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    screen = Screen(ours)
    try:
        assert "\x1b[?1049h" not in screen.until("starting the platform")
        screen.until("k kill")
        below = process_tree(demo.pid)
        screen.press("k", until=r"you killed i-0\w+: noticed .*, replaced .*: none of \d+ requests was lost")
        screen.press("?", until=r"hedge .*press any key to go back")
        screen.press("x", until=r"k kill")
        screen.press('s"unclosed\r', until="a quotation mark is not closed")
        assert "'kind'" not in screen.text
        screen.press("shypervisor\r", until=r'search "hypervisor": \d+ hits')
        screen.press("+", until=r"50 req/s")
        os.write(ours, b"q")
        screen.until("nothing is left")
        assert demo.wait(timeout=20) == 0
        assert screen.text.rfind("\x1b[?1049l") > screen.text.rfind("\x1b[?1049h")
        assert termios.tcgetattr(theirs) == before
        assert still_running(below) == ()
    finally:
        demo.kill()
        demo.wait(timeout=10)
        os.close(ours)
        os.close(theirs)


def test_ctrl_c_under_make_exits_with_0(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(f"demo:\n\t@{' '.join([*CLIENT, 'demo', *ANY_PORT])}\n")
    # The terminal's own: only then does its Ctrl-C reach make too.
    owned = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(theirs)
    make = subprocess.Popen(
        [sys.executable, "-c", owned, "make", "-C", str(tmp_path), "demo"], env=environment,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    screen = Screen(ours)
    try:
        screen.until("k kill")
        below = process_tree(make.pid)
        screen.press("s", until="search for: ")
        os.write(ours, b"\x03")
        screen.until("nothing is left")
        assert make.wait(timeout=20) == 0
        assert termios.tcgetattr(theirs) == before
        assert still_running(below) == ()
        assert demos(environment) == []
    finally:
        make.kill()
        make.wait(timeout=10)
        os.close(ours)
        os.close(theirs)


class Screen:
    """The output to a terminal."""

    def __init__(self, fd: int) -> None:
        self.text = ""
        self._fd = fd

    def until(self, pattern: str, *, timeout_s: float = 40) -> str:
        end = time.monotonic() + timeout_s
        begin = len(self.text)
        while not re.search(pattern, self.text[begin:], re.DOTALL):
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} did not show; last: {self.text[-2000:]}"
            if select.select([self._fd], [], [], min(left, 0.5))[0]:
                self.text += os.read(self._fd, 65536).decode("utf-8", "replace")
        return self.text

    def press(self, keys: str, *, until: str) -> None:
        os.write(self._fd, keys.encode())
        self.until(until)


def facts(environment: dict[str, str]) -> dict[str, Any]:
    path = Path(environment["XDG_STATE_HOME"]) / "glasscloud" / "glasscloud" / "local.json"
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def test_up_restarts_programs_and_down_removes_all(environment: dict[str, str]) -> None:
    below: tuple[psutil.Process, ...] = ()
    try:
        first = run(environment, "up", *ANY_PORT)
        assert first.returncode == 0, first.stderr
        assert "glasscloud is up: 4 instances (t3.nano), 2 shards" in first.stdout
        again = run(environment, "up", *ANY_PORT)
        assert "glasscloud is already up" in again.stdout
        assert "started with other options" not in again.stdout
        other = run(environment, "up", "--type", "t3.micro", *ANY_PORT)
        assert (other.returncode, "started with other options" in other.stdout) == (1, True)
        below = process_tree(facts(environment)["supervisor"])

        instances = json.loads(run(environment, "ps", "--json").stdout)
        assert [each["state"] for each in instances] == ["running"] * 4
        assert "4 running" in run(environment, "status").stdout
        assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in run(environment, "env").stdout
        watched = subprocess.Popen(
            [*CLIENT, "watch", "--load", "5"], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert watched.stdout is not None
        assert watched.stdout.readline().startswith("glasscloud is up: 4 instances (t3.nano, ")
        watched.send_signal(signal.SIGINT)
        assert watched.wait(timeout=20) == 0
        watched.stdout.close()

        search = facts(environment)["search"]
        os.kill(facts(environment)["pids"][1], signal.SIGKILL)
        until(lambda: run(environment, "load", search, "--rate", "5", "--for", "1s").returncode == 0)

        down = run(environment, "down")
        assert down.stdout == "glasscloud is down; nothing is left\n"
        assert still_running(below) == ()
        assert run(environment, "down").stdout.startswith("no cloud was up")
    finally:
        stop(below)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--instances", "64", "--type", "m5.large"], r"64 m5\.large instances do not fit here"),
        (["--type", "t3.nanoo"], r"instance type t3\.nanoo does not exist; did you mean t3\.nano\?"),
    ],
)
def test_impossible_instances_are_refused(environment: dict[str, str], options: list[str], reason: str) -> None:
    refused = run(environment, "up", *options, *ANY_PORT, timeout_s=40)
    assert refused.returncode == 1
    assert re.match(f"glasscloud up: not all instances could start: {reason}", refused.stderr.splitlines()[-1])
    assert run(environment, "down").stdout == "no cloud was up\n"


def test_down_after_everything_was_killed(environment: dict[str, str]) -> None:
    below: tuple[psutil.Process, ...] = ()
    try:
        assert run(environment, "up", *ANY_PORT).returncode == 0
        supervisor = facts(environment)["supervisor"]
        below = process_tree(supervisor)
        for pid in (supervisor, *facts(environment)["pids"]):
            os.kill(pid, signal.SIGKILL)
        assert run(environment, "ps").stderr.startswith("glasscloud ps: no cloud is up here")
        down = run(environment, "down")
        assert down.returncode == 0, down.stderr
        assert down.stdout == "removed what a killed platform had left\n"
        assert run(environment, "down").stdout == "no cloud was up\n"
        assert still_running(below) == ()
    finally:
        stop(below)


def stop(below: tuple[psutil.Process, ...]) -> None:
    """After a failed test: ends what it left running."""
    for program in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            program.kill()
