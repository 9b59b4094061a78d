"""Finds the line of a script that blocks the event loop, such as a `time.sleep`.

While the script blocks the loop, no other flow of the process can continue: their requests look slow and the service
gets the blame. A thread looks at the loop's thread when the loop is late, and finds the script's function in which it
is. The time that the thread waited for a CPU is not the script's fault and does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import linecache
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from client.load.run_result import BlockingCall
from client.load.script.script_loader import is_own

BLOCKED_MIN_S = 0.05
"""A loop that is late by less is only busy."""
_BEAT_S = 0.01
PLACES_MAX = 10
_NS_PER_S = 1_000_000_000
_TEXT_MAX = 100


class Watchdog:
    """Watches the running loop of this thread from `start` to `stop`."""

    def __init__(self, path: str) -> None:
        self.beats = 0
        """How often its thread has run; also while the event loop is blocked."""
        self._path = path
        self._places: dict[tuple[str, str, str], tuple[int, float, float]] = {}
        self._thread_id = threading.get_ident()
        self._beaten_s = time.monotonic()
        self._waited_ns = _run_queue_wait_ns()
        self._suspect: _Suspect | None = None
        self._ended: list[_Suspect] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="glasscloud-watchdog", daemon=True)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def blocking_calls(self) -> tuple[BlockingCall, ...]:
        """The places in the script, and for how long each blocked the loop, the worst first."""
        found = [
            BlockingCall(where=where, function=function, line=line, count=count, total_s=total_s, longest_s=longest_s)
            for (where, function, line), (count, total_s, longest_s) in self._places.items()
        ]
        return tuple(sorted(found, key=lambda each: -each.total_s))

    def start(self) -> None:
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
        self._thread.join()

    def _beat(self) -> None:
        now_s, waited_ns = time.monotonic(), _run_queue_wait_ns()
        waited_s = (waited_ns - self._waited_ns) / _NS_PER_S
        suspects, self._ended, self._suspect = [*self._ended, self._suspect], [], None
        self._beaten_s, self._waited_ns = now_s, waited_ns
        for suspect in suspects:
            if suspect is not None and suspect.seen > 1:
                held_s = (suspect.until_s or now_s) - suspect.since_s - waited_s
                if held_s >= BLOCKED_MIN_S:
                    self._note(suspect.place, held_s)
        self._timer = asyncio.get_running_loop().call_later(_BEAT_S, self._beat)

    def _note(self, place: tuple[str, str, str], held_s: float) -> None:
        known = self._places.get(place)
        if known is None:
            if len(self._places) >= PLACES_MAX:
                return
            where, function, line = place
            print(
                f"{where} in {function} blocked the event loop for {held_s:.2f} s: {line}; "
                "no other flow of this process could continue in that time",
                file=sys.stderr,
            )
            known = (0, 0.0, 0.0)
        count, total_s, longest_s = known
        self._places[place] = (count + 1, total_s + held_s, max(longest_s, held_s))

    def _watch(self) -> None:
        while not self._over.wait(_BEAT_S):
            self.beats += 1
            beaten_s, now_s = self._beaten_s, time.monotonic()
            if now_s - beaten_s - _BEAT_S < BLOCKED_MIN_S / 2:
                continue
            frame = self._own_frame()
            suspect = self._suspect
            if frame is not None and suspect is not None and suspect.call == id(frame):
                suspect.seen += 1
                continue
            # The call has ended, and the loop has not come to its next beat yet.
            first = suspect is None and not self._ended
            if suspect is not None and suspect.seen > 1:
                suspect.until_s = now_s
                self._ended.append(suspect)
            # In a loop that is busy with many flows in turn, each look finds another call.
            since_s = beaten_s + _BEAT_S if first else now_s
            self._suspect = None if frame is None else _Suspect(id(frame), _place(frame), since_s)

    def _own_frame(self) -> FrameType | None:
        """The innermost call of a function of the script that the loop's thread is in."""
        frame = sys._current_frames().get(self._thread_id)
        while frame is not None and not is_own(frame.f_code.co_filename, self._path):
            frame = frame.f_back
        return frame


@dataclass(slots=True, eq=False)
class _Suspect:
    """One call of a function that may block the loop: how often it was found there, and since when."""

    call: int
    place: tuple[str, str, str]
    since_s: float
    seen: int = 1
    until_s: float = 0.0


def _place(frame: FrameType) -> tuple[str, str, str]:
    file, number = frame.f_code.co_filename, frame.f_lineno
    line = linecache.getline(file, number).strip()[:_TEXT_MAX]
    return f"{Path(file).name}:{number}", frame.f_code.co_name, line


def _run_queue_wait_ns() -> int:
    """How long this thread has waited for a CPU since it was started; 0 if the system does not report it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    return 0
