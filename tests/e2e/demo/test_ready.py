"""`glasscloud ready` where an engine answers and every registry is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.engine
def test_an_image_that_is_there_is_ready_though_the_one_below_it_cannot_be_fetched(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "client", "ready", "--seconds", "1", "--json"],
        cwd=ROOT,
        # A name that no name server may ever know (RFC 2606).
        env={**os.environ, "BASE_IMAGE": "registry.invalid/python:3", "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "the image was not built; going on with the existing one" in done.stderr
    assert "-- the tour with each instance a container" in done.stderr
    assert json.loads(done.stdout) == {"ready": True, "tried": ["process", "container"], "lacks": ""}
