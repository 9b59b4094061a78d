"""The commands of README on a minimal Debian: as root and as another user, with and without a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMAGE = os.environ.get("NEWCOMER_IMAGE", "glasscloud-ci-newcomer:bookworm")
pytestmark = pytest.mark.engine

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()=>][A-Z0-9]?")
README = (ROOT / "README.md").read_text()
LOAD_ALONE = re.search(r"`(pipx install git\+)ADDRESS`", (ROOT / "docs" / "load.md").read_text())
NEEDS = re.search(r"`(apt install [^`]+)`", README)
INTERRUPT = r"""
for p in /proc/[0-9]*; do
    tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -q 'python.*[b]in/glasscloud demo' && kill -INT ${p#/proc/}
done; true"""
MEASURE = """
cd; export PATH=$HOME/.local/bin:$PATH
python3 -m http.server --bind 127.0.0.1 8123 >/dev/null 2>&1 & server=$!
trap 'kill $server' EXIT
fetch='import urllib.request as u; u.urlopen("http://127.0.0.1:8123/")'
until python3 -c "$fetch" 2>/dev/null; do sleep 0.1; done
glasscloud load http://127.0.0.1:8123/ --rate 20 --for 2s || test $? = 3
glasscloud demo 2>&1 || true
"""
CLONE = re.search(r"`(git clone ADDRESS glasscloud)`", README)
TRY_IT = re.search(r"## Try it.*?```sh\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def newcomer() -> Iterator[str]:
    """A running minimal Debian with the packages installed by README's command, and a repository to clone."""
    assert NEEDS is not None
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode:
        if os.environ.get("GLASSCLOUD_TESTS") == "all":
            pytest.fail(f"the image {IMAGE} is not there; .ci/engine makes it")
        pytest.skip(f"the image {IMAGE} is not there; .ci/engine makes it")
    name = f"newcomer-{uuid.uuid4().hex[:8]}"
    run = [
        "docker",
        "run",
        "-d",
        "--rm",
        "--init",
        "--name",
        name,
        "-v",
        f"{ROOT}:/repository:ro",
        IMAGE,
        "sleep",
        "1200",
    ]
    subprocess.run(run, check=True, capture_output=True)
    try:
        install = f"apt-get update -qq && {NEEDS[1].replace('install', 'install -qq -y')} && useradd -m ada"
        inside(name, install, user="root", timeout_s=240)
        inside(name, "git config --system --add safe.directory '*'", user="root")
        yield name
    finally:
        subprocess.run(["docker", "kill", name], capture_output=True, check=False)


def inside(name: str, script: str, *, user: str, timeout_s: float = 60) -> str:
    command = ["docker", "exec", "-u", user, name, "sh", "-ec", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def programs_left(name: str) -> list[str]:
    listing = inside(name, "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null; echo; done", user="root")
    return [line for line in listing.splitlines() if "vmhost" in line or "server" in line or "glasscloud" in line]


class Session:
    """One `docker exec` of README's commands, with or without a terminal."""

    def __init__(self, name: str, *, user: str, terminal: bool) -> None:
        assert CLONE is not None
        assert TRY_IT is not None
        home = "/root" if user == "root" else f"/home/{user}"
        clone = CLONE[1].replace("ADDRESS", "/repository")
        script = f"cd {home}; rm -rf glasscloud; echo $$ > /tmp/{user}.pid; {clone}\n{TRY_IT[1]}"
        command = ["docker", "exec", "-u", user, "-e", f"HOME={home}"]
        command += ["-it", "-e", "TERM=xterm", "-e", "COLUMNS=80", "-e", "LINES=24"] if terminal else []
        self._ours, theirs = pty.openpty()
        self._name, self._text = name, ""
        self.process = subprocess.Popen(
            [*command, name, "sh", "-c", script],
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def wait_for(self, pattern: str, *, timeout_s: float) -> None:
        """Read until the output, without terminal codes, contains the pattern."""
        end = time.monotonic() + timeout_s
        while not re.search(pattern, ESCAPES.sub("", self._text), re.DOTALL):
            left = end - time.monotonic()
            assert left > 0, f"{pattern!r} did not show; last: {self._text[-3000:]}"
            if select.select([self._ours], [], [], min(left, 1.0))[0]:
                try:
                    self._text += os.read(self._ours, 65536).decode("utf-8", "replace")
                except OSError:
                    raise AssertionError(f"it ended before {pattern!r} showed: {self._text[-3000:]}") from None

    def type(self, keys: str) -> None:
        self._text = ""
        os.write(self._ours, keys.encode())

    def end(self) -> int:
        code = self.process.wait(timeout=30)
        os.close(self._ours)
        return code

    def stop(self) -> None:
        """End what a failed test left running."""
        if self.process.poll() is None:
            inside(self._name, INTERRUPT, user="root")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=15)
            self.process.kill()
            self.process.wait(timeout=10)


@pytest.mark.parametrize("user", ["root", "ada"])
def test_demo_with_a_terminal(newcomer: str, user: str) -> None:
    session = Session(newcomer, user=user, terminal=True)
    try:
        session.wait_for(r"k kill", timeout_s=120)
        session.type("k")
        session.wait_for(r"you killed .*replaced", timeout_s=15)
        session.type("q")
        assert session.end() == 0
    finally:
        session.stop()
    assert programs_left(newcomer) == []


@pytest.mark.parametrize("user", ["root", "ada"])
def test_demo_without_a_terminal(newcomer: str, user: str) -> None:
    session = Session(newcomer, user=user, terminal=False)
    try:
        session.wait_for(r"search +http://", timeout_s=120)
        session.wait_for(r"killed .*replaced", timeout_s=45)
        inside(newcomer, INTERRUPT, user="root")
        assert session.end() == 0
    finally:
        session.stop()
    assert programs_left(newcomer) == []


def test_load_generator_alone(newcomer: str) -> None:
    assert LOAD_ALONE is not None
    inside(newcomer, "apt-get install -qq -y pipx", user="root", timeout_s=240)
    # pipx takes only addresses with a host, so the repository is served over the network.
    serve = "git daemon --base-path=/ --export-all --detach --listen=127.0.0.1 --pid-file=/tmp/git-daemon.pid"
    inside(newcomer, serve, user="root")
    inside(newcomer, f"{LOAD_ALONE[1]}git://127.0.0.1/repository", user="ada", timeout_s=240)
    output = inside(newcomer, MEASURE, user="ada", timeout_s=120)
    assert re.search(r"(VALID|INVALID): ", output)
    assert "(40 good)" in output
    assert "glasscloud: demo needs" in output
    found = inside(newcomer, "ls ~/.local/*/venvs/glasscloud/lib/python3*/site-packages", user="ada")
    assert not {"docker", "botocore", "tantivy"} & set(found.split())
