"""Steps of experiments as JSON."""

from __future__ import annotations

import json

from client.experiments.results import Failure, Progress, Result, Row, Step, result_json, step_json

RESULT = Result(
    experiment="kill", instance_id="i-1", action="killed i-1", account="noticed after 0.1 s", verdict="passed",
    held=True, reason="none was lost",
    rows=(Row(label="slowed most: i-2, p99", unit="ms", before=2.0, instance_id="i-2"),),
)  # fmt: skip


def step(what: Progress | Result | Failure) -> Step:
    return Step(
        number=3, by="the console", experiment="kill", title="kill", instance_id="i-1", ends_instance=True, what=what
    )


def test_result_as_json_with_short_ids() -> None:
    data = step_json(step(RESULT), {"i-1": "one", "i-2": "two"})
    assert json.loads(json.dumps(data)) == data
    assert (data["id"], data["by"], data["short"], data["running"]) == (3, "the console", "one", False)
    assert (data["account"], data["sentence"]) == ("killed one: noticed after 0.1 s", "passed: none was lost")
    assert data["rows"] == [
        {
            "label": "slowed most: two, p99", "unit": "ms", "before": 2.0, "during": None, "after": None,
            "instance_id": "i-2", "bad": False,
        }
    ]  # fmt: skip


def test_progress_and_failure_as_json() -> None:
    progress = step_json(step(Progress(action="killed i-1", stage="waiting for i-1")), {"i-1": "one"})
    assert (progress["running"], progress["sentence"], progress["held"]) == (True, "waiting for one", None)
    failure = step_json(step(Failure(error="it is gone")), {})
    assert (failure["running"], failure["sentence"], failure["short"]) == (False, "it is gone", "i-1")


def test_result_without_short_ids_has_whole_ones() -> None:
    assert result_json(RESULT)["account"] == "killed i-1: noticed after 0.1 s"
