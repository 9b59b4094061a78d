"""Why an engine does not answer, in words that lead to the remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from vmhost.base.engines import EngineCandidate
from vmhost.base.errors import Unavailable
from vmhost.drivers.container.engine import Engine
from vmhost.drivers.container.probe import lacks


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
    assert "by DOCKER_HOST, " in caught.value.message
    assert "none.sock is not there; start the engine" in caught.value.message
    assert "by Colima, " in caught.value.message
    assert "nothing answers" in caught.value.message


async def test_no_candidate_leads_to_the_other_driver() -> None:
    with pytest.raises(Unavailable, match="process driver"):
        await Engine.connect([])


async def test_the_probe_says_what_is_missing(tmp_path: Path) -> None:
    missing = await lacks("any:image", {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert missing is not None
    assert missing.prerequisite == "engine"
    assert "is not there" in missing.reason
