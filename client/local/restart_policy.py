"""Restart a program when it ends, with growing pauses, until it ends too often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from client.local.child_program import ChildProgram, exit_in_words
from vmhost.base.clock import Clock
from vmhost.base.errors import CloudError

RESTARTS_MAX = 5
STEADY_S = 15.0
"""A program that ran this long has recovered: its earlier failures are not counted any more."""


def pause_before(restart: int) -> float:
    """Return the seconds to wait before the nth restart in a row: 0, 1, 3, 9, 27."""
    return 0.0 if restart <= 1 else float(3 ** (restart - 2))


async def keep_running(
    child: ChildProgram, start: Callable[[], Awaitable[object]], *, say: Callable[[str], None], clock: Clock
) -> None:
    """Restart a program whenever it ends; retry a restart that fails. Never returns.

    Raises the last failure after `RESTARTS_MAX` restarts in a row without `STEADY_S` of running in between."""
    restarts = 0
    while True:
        began = clock.monotonic()
        code = await child.ended()
        failure: CloudError = (ended := child.failure(code))
        if clock.monotonic() - began >= STEADY_S:
            restarts = 0
        say(f"{child.name} {exit_in_words(code)}; restarting it")
        while True:
            restarts += 1
            if restarts > RESTARTS_MAX:
                raise failure
            if pause_s := pause_before(restarts):
                reason = "" if failure is ended else f"{failure.message}\n"
                say(f"{reason}retrying in {pause_s:.0f} s")
            await child.stop(grace_s=0)
            await clock.sleep(pause_s)
            try:
                await start()
                break
            except CloudError as error:
                failure = error
