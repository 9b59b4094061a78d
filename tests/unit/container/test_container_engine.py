"""Why an engine does not answer, in words that lead to the remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from vmhost.base.errors import Unavailable
from vmhost.drivers.container.docker_engines import EngineCandidate
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.prerequisites import missing_prerequisite


async def test_each_candidate_that_does_not_answer_is_named(tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(dead))
    candidates = [
        EngineCandidate(source="DOCKER_HOST", url=f"unix://{tmp_path}/none.sock"),
        EngineCandidate(source="Colima", url=f"unix://{dead}"),
    ]
    with pytest.raises(Unavailable) as caught:
        await Engine.connect(candidates)
    assert "from DOCKER_HOST: " in caught.value.message
    assert "none.sock does not exist; start the engine" in caught.value.message
    assert "from Colima: " in caught.value.message
    assert "does not answer" in caught.value.message


async def test_without_candidates_process_driver_is_recommended() -> None:
    with pytest.raises(Unavailable, match="--driver process"):
        await Engine.connect([])


async def test_missing_engine_is_named(tmp_path: Path) -> None:
    missing = await missing_prerequisite("any:image", {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert missing is not None
    assert missing.name == "engine"
    assert "does not exist" in missing.reason
