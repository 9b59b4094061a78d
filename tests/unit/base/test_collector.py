"""The collector's settings are a process's own: each test gives them back."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from vmhost.base import collector


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_set_aside_is_collected_first_and_looked_through_no_more() -> None:
    ring: list[object] = []
    ring.append(ring)
    del ring
    usual = gc.get_threshold()
    collector.set_aside()
    assert gc.get_freeze_count() > 1000
    assert len(gc.get_objects()) < gc.get_freeze_count()
    assert gc.collect() < 10
    assert gc.get_threshold() == usual


def test_a_relaxed_collector_looks_seldom() -> None:
    usual = gc.get_threshold()
    collector.relax()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] > 10 * usual[0]
