"""What `glasscloud status` says of guarantees."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.cli.cloud_status import summary
from tests.unit.client.client_builders import cloud
from vmhost.api.views import CapabilityView

ALONE = "Instances get their guaranteed CPU as long as other programs use little CPU."
BESIDE = "Guarantees do not account for the other clouds on this computer: mine"


@pytest.mark.parametrize(
    ("enforced", "others", "said"),
    [(True, [], [ALONE]), (True, ["mine"], [BESIDE]), (False, [], []), (False, ["mine"], [])],
)
def test_guarantees_are_mentioned_only_where_they_are_enforced(
    enforced: bool, others: list[str], said: list[str]
) -> None:
    snapshot = replace(cloud(), capabilities=(CapabilityView(name="cpu", enforced=enforced, why=""),))
    lines = [line.strip() for line in summary(snapshot, "http://127.0.0.1:4566", None, others=others)]
    assert [line for line in lines if line in (ALONE, BESIDE)] == said
