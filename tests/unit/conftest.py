"""What all unit tests share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _the_command_sets_its_environment_for_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line keeps programs that it starts from importing what lies about; later tests must start theirs as
    before, so what it sets is undone."""
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
