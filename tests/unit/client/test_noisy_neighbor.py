"""The options and the result of the noisy neighbor experiment."""

from __future__ import annotations

from typing import Any

import pytest
from client_builders import IDS, summary

from client.experiments.cpu_isolation import HogRow, Isolation, NeighborRow, Outcome
from client.experiments.noisy_neighbor import NoisyNeighbor, result_of
from vmhost.api.parameters import with_values
from vmhost.base.errors import InvalidInput


def test_options_have_defaults() -> None:
    assert with_values(NoisyNeighbor, {}, subject="the CPU hog") == NoisyNeighbor()
    experiment = with_values(NoisyNeighbor, {"seconds": 3, "workers_per_vcpu": 2}, subject="the CPU hog")
    assert (experiment.seconds, experiment.workers_per_vcpu) == (3.0, 2)


@pytest.mark.parametrize(
    "options",
    [{"seconds": value} for value in (0, 61, "9", True, float("nan"))]
    + [{"workers_per_vcpu": value} for value in (0, 65, 1.5, None)]
    + [{"before_s": 1.0}, {"colour": 1}],
)
def test_unknown_and_excessive_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        with_values(NoisyNeighbor, options, subject="the CPU hog")


def test_result_has_rows_for_hog_and_neighbors() -> None:
    isolation = Isolation(
        outcome=Outcome.LEAKED,
        reason=f"{IDS[0]} delayed others",
        hog=HogRow(
            instance_id=IDS[0], requested_cores=16, received_cores=1.4, limit_cores=1.0, guaranteed_cores=0.1,
        ),
        neighbors=(
            NeighborRow(instance_id=IDS[1], cores=(0.1, 0.01), wait_ms=(0.2, 50.0), delayed=True, culprit=IDS[0]),
        ),
    )  # fmt: skip
    result = result_of(IDS[0], isolation, before=summary(), during=summary(lost=3), after=summary())
    assert (result.verdict, result.held, result.sentence) == ("leaked", False, f"leaked: {IDS[0]} delayed others")
    hog, neighbor, requests, lost, *_ = result.rows
    assert (hog.unit, hog.during, hog.bad) == ("cores", 1.4, True)
    assert (neighbor.before, neighbor.during, neighbor.bad) == (0.2, 50.0, True)
    assert f"delayed by {IDS[0]}" in neighbor.label
    assert (requests.during, lost.during, lost.bad) == (200, 3, True)
    assert list(result.phases) == ["before hog", "hog", "after hog"]
