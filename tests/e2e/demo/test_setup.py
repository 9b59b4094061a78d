"""Set-up completes in the next run after an interrupt at any step, or with a broken environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Stands for a Python: it makes an environment whose Python is itself, and whose pip is a file. Steps named in SLOW wait
# to be interrupted, as a Python that is busy does: with a traceback.
PYTHON = """#!/bin/sh
slow() { case "${SLOW:-}" in "$1") trap 'echo "Traceback (most recent call last)" >&2; exit 1' INT; echo "$1" >steps
    while :; do sleep 0.1; done;; esac; }
case "$*" in
    --version) echo "Python 3.13.0" ;;
    "-m venv "*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; slow venv; touch .venv/pip ;;
    *"import pip"*) test -e .venv/pip ;;
    *"pip --disable"*"--require-hashes"*) slow install; touch .venv/packages ;;
    *"server index"*) test -e .venv/packages && echo "search index: there" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", tmp_path / "scripts")
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).write_text("one==1\n")
    return tmp_path


def environment(project: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHON": str(project / "python"), **more}


def set_up(project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/setup"], cwd=project, env=environment(project),
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def interrupted(project: Path, step: str) -> tuple[int, str]:
    """The exit code and the output of a run that gets a terminal's Ctrl-C during a step."""
    os.mkfifo(project / "steps")
    run = subprocess.Popen(
        ["scripts/setup"], cwd=project, env=environment(project, SLOW=step), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    assert (project / "steps").read_text().strip() == step
    os.killpg(run.pid, signal.SIGINT)
    output = run.communicate(timeout=10)[0]
    return run.returncode, output


@pytest.mark.parametrize("step", ["venv", "install"])
def test_setup_completes_after_an_interrupt(project: Path, step: str) -> None:
    code, output = interrupted(project, step)
    assert code == 130
    assert output.splitlines()[-1] == "interrupted; run the same command again to finish setting up"
    assert "Traceback" not in output
    assert "failed" not in output
    again = set_up(project)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "creating .venv with Python 3.13.0" in again.stdout
    assert "search index: there" in again.stdout


def test_setup_replaces_an_environment_without_pip(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(project / ".venv")], check=True, timeout=60)
    done = set_up(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the environment in .venv is unfinished or broken; creating it again" in done.stdout


def test_setup_repeats_nothing(project: Path) -> None:
    assert "installing 1 packages" in set_up(project).stdout
    assert set_up(project).stdout == "search index: there\n"
