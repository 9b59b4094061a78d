"""Lines of the log for an instance's changes."""

from __future__ import annotations

from dataclasses import replace

from client.console.event_log import change_entry
from tests.unit.client.client_builders import instance


def test_running_entry_names_shard() -> None:
    entry = change_entry(instance(1, state="pending"), instance(1, generation=2))
    assert entry is not None
    assert entry.text == f"runs on {instance(1).host}, for shard 1"


def test_what_serves_no_shard_only_runs() -> None:
    entry = change_entry(None, replace(instance(1), tags={}))
    assert entry is not None
    assert entry.text == f"runs on {instance(1).host}"
