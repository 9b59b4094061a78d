"""Threads for calls that may never come back."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from vmhost.drivers.container.daemon_threads import DaemonThreads


def test_results_and_errors_come_back() -> None:
    threads = DaemonThreads(2, name="test-results")
    assert threads.submit(lambda: 6 * 7).result(5) == 42
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(5)
    threads.close()


def test_pool_is_bounded_and_its_threads_are_daemons() -> None:
    threads = DaemonThreads(2, name="test-bound")
    go = threading.Event()
    calls = [threads.submit(lambda: go.wait(5)) for _ in range(5)]
    living = [one for one in threading.enumerate() if one.name.startswith("test-bound")]
    assert len(living) == 2
    assert all(one.daemon for one in living)
    go.set()
    assert all(call.result(5) for call in calls)
    threads.close()


def test_close_cancels_queued_work_and_ends_threads() -> None:
    threads = DaemonThreads(1, name="test-closing")
    started, go = threading.Event(), threading.Event()

    def work() -> bool:
        started.set()
        return go.wait(5)

    under_way, waiting = threads.submit(work), threads.submit(work)
    assert started.wait(5)
    (thread,) = (one for one in threading.enumerate() if one.name.startswith("test-closing"))
    threads.close()
    with pytest.raises(CancelledError):
        waiting.result(0)
    go.set()
    assert under_way.result(5)
    thread.join(5)
    assert not thread.is_alive()
