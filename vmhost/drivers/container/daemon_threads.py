"""A thread pool for calls that may hang. Unlike an executor's, its threads do not keep the program from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads:
    """Runs work in daemon threads, at most `most`, started as needed. Submit from one thread only."""

    def __init__(self, most: int, *, name: str) -> None:
        self._most = most
        self._name = name
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._made = 0

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run the work in the next free thread. It can be cancelled until it has started."""
        result: Future[T] = Future()
        self._jobs.put((result, work))
        if not self._idle.acquire(blocking=False) and self._made < self._most:
            self._made += 1
            threading.Thread(target=self._live, name=f"{self._name}-{self._made}", daemon=True).start()
        return result

    def close(self) -> None:
        """Cancel what has not started, and end each thread after its present work."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                job[0].cancel()
        for _ in range(self._made):
            self._jobs.put(None)

    def _live(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(*job)
            # Otherwise the variable would keep the last result alive while this thread waits.
            del job
            self._idle.release()


def _do(result: Future[Any], work: Callable[[], Any]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        value = work()
    except BaseException as error:
        result.set_exception(error)
    else:
        result.set_result(value)
