"""Threads for calls that may never come back."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from vmhost.drivers.container.threads import Threads


def test_results_and_errors_come_back() -> None:
    threads = Threads(2, name="test-results")
    assert threads.submit(lambda: 6 * 7).result(5) == 42
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(5)
    threads.close()


def test_there_are_never_more_than_so_many_and_no_program_waits_for_them() -> None:
    threads = Threads(2, name="test-bound")
    go = threading.Event()
    calls = [threads.submit(lambda: go.wait(5)) for _ in range(5)]
    living = [one for one in threading.enumerate() if one.name.startswith("test-bound")]
    assert len(living) == 2
    assert all(one.daemon for one in living)
    go.set()
    assert all(call.result(5) for call in calls)
    threads.close()


def test_closing_begins_nothing_new_and_ends_the_threads() -> None:
    threads = Threads(1, name="test-closing")
    begun, go = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return go.wait(5)

    under_way, waiting = threads.submit(work), threads.submit(work)
    assert begun.wait(5)
    (thread,) = (one for one in threading.enumerate() if one.name.startswith("test-closing"))
    threads.close()
    with pytest.raises(CancelledError):
        waiting.result(0)
    go.set()
    assert under_way.result(5)
    thread.join(5)
    assert not thread.is_alive()
