"""Garbage collector settings. They apply to the whole process, so each test restores them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from vmhost.base import gc_tuning


@pytest.fixture(autouse=True)
def restored_settings() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_frozen_objects_are_not_collected_again() -> None:
    ring: list[object] = []
    ring.append(ring)
    del ring
    usual = gc.get_threshold()
    gc_tuning.freeze_existing()
    assert gc.get_freeze_count() > 1000
    assert len(gc.get_objects()) < gc.get_freeze_count()
    assert gc.collect() < 10
    assert gc.get_threshold() == usual


def test_collect_rarely_raises_the_threshold() -> None:
    usual = gc.get_threshold()
    gc_tuning.collect_rarely()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] > 10 * usual[0]
