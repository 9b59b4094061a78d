"""`glasscloud ready` with an engine and without any registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.engine
def test_existing_image_is_ready_without_its_base_image(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "client", "ready", "--seconds", "1", "--json"],
        cwd=ROOT,
        # A name that never resolves (RFC 2606).
        env={**os.environ, "BASE_IMAGE": "registry.invalid/python:3", "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert "building the image failed; continuing with the existing one" in done.stderr
    assert "-- running the tour with the container driver" in done.stderr
    assert json.loads(done.stdout) == {"ready": True, "passed": ["process", "container"], "reason": ""}
