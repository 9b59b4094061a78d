"""What an instance's change is told as."""

from __future__ import annotations

from dataclasses import replace

from client.console.log import change_entry
from tests.unit.client.client_builders import instance


def test_what_runs_is_said_to_be_for_its_shard_which_it_may_not_serve_yet() -> None:
    entry = change_entry(instance(1, state="pending"), instance(1, generation=2))
    assert entry is not None
    assert entry.text == f"runs on {instance(1).host}, for shard 1"


def test_what_serves_no_shard_only_runs() -> None:
    entry = change_entry(None, replace(instance(1), tags={}))
    assert entry is not None
    assert entry.text == f"runs on {instance(1).host}"
