"""What all tests share: what some of them need of the machine, and the last line that says which were not run."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterator

import hypothesis
import pytest

from bench import chromium

IMAGE = os.environ.get("GLASSCLOUD_IMAGE", "glasscloud:latest")
_HOW_ENGINE = "start a Docker engine, then: docker compose build && make test"
_HOW_ROOT = "run make test as root"
_NOT_RUN = "not run"
_not_run: dict[str, set[str]] = {}

# Machines that tests run on are shared: how long an example takes says nothing.
hypothesis.settings.register_profile("glasscloud", deadline=None)
hypothesis.settings.load_profile("glasscloud")


@functools.cache
def engine_lacks() -> str:
    """Why tests that need an engine cannot run here; empty when they can."""
    try:
        info = subprocess.run(
            ["docker", "image", "inspect", IMAGE], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return "no docker command answers"
    if info.returncode == 0 and json.loads(info.stdout):
        return ""
    return f"the image {IMAGE} is not there" if "No such image" in info.stderr else "no Docker engine answers"


@pytest.fixture(autouse=True)
def _environment_stays() -> Iterator[None]:
    """What a command sets for the programs that it starts ends with the test that called it."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips, saying why, what this machine cannot run; with GLASSCLOUD_TESTS=all nothing is skipped."""
    if os.environ.get("GLASSCLOUD_TESTS") == "all":
        return
    for item in items:
        if item.get_closest_marker("engine") and (why := engine_lacks()):
            _skip(item, why, _HOW_ENGINE)
        elif item.get_closest_marker("browser") and chromium.program() is None:
            _skip(item, "no Chromium", chromium.HOW_TO_GET)
        elif item.get_closest_marker("root") and os.geteuid() != 0:
            _skip(item, "needs the rights of the superuser", _HOW_ROOT)


def _skip(item: pytest.Item, why: str, how: str) -> None:
    item.add_marker(pytest.mark.skip(reason=why))
    # A property, because tests may run in other processes than the one that counts them.
    item.user_properties.append((_NOT_RUN, f"{why}; {how}"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what was not run and why."""
    for name, value in report.user_properties:
        if name == _NOT_RUN:
            _not_run.setdefault(str(value), set()).add(report.nodeid)


def pytest_unconfigure() -> None:
    """Ends the run with one line on what was not run here and how to run it."""
    if _not_run:
        parts = [f"{len(tests)} tests ({reason})" for reason, tests in sorted(_not_run.items())]
        print("Not run here: " + "; ".join(parts) + ".")
