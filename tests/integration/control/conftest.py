from __future__ import annotations

from pathlib import Path

import pytest
from fake_cloud import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(path=tmp_path / "cloud.sqlite")
