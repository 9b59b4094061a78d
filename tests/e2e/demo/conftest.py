"""A cloud of plain processes that is up, and a session with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from client.session import Session, open_session
from vmhost.api.access import Access

UP_TIMEOUT_S = 90


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The facts of a cloud that is stopped after the module."""
    state = tmp_path_factory.mktemp("state")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLASSCLOUD_")}
    environment = {**kept, "XDG_STATE_HOME": str(state)}

    def run(*words: str) -> None:
        command = [sys.executable, "-P", "-m", "client", *words]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=UP_TIMEOUT_S)

    run("up", "--driver", "process", "--port", "0", "--api-port", "0")
    try:
        yield json.loads((state / "glasscloud" / "glasscloud" / "local.json").read_text())
    finally:
        run("down")


@pytest.fixture
async def session(facts: dict[str, Any]) -> AsyncIterator[Session]:
    access = Access.load(Path(facts["access"]), environ={})
    async with open_session(access, facts["search"], queries=Path(facts["queries"])) as session:
        yield session
