"""One experiment at a time, whoever asks for it: two at once could not be told apart in the figures."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from client.experiments.kill import run_kill
from client.experiments.noisy_neighbor import run_cpu_hog
from client.experiments.results import Failure, HogPlan, HogProgress, HogResult, KillProgress, KillResult, Step
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict, Unavailable

if TYPE_CHECKING:
    from client.session import Session

STEPS_MAX = 20
TERMINAL = "the terminal"
"""Who asks by a key."""

Listener = Callable[[Step], None]
Result = TypeVar("Result", KillResult, HogResult)


class ExperimentRunner:
    """The session's kills and hogs: at most one at a time; every step and verdict is told to all `listeners`.

    An experiment belongs to the session: whoever asked for it may go, by cancelling, and it is measured to its end.
    Listeners do not raise and do not wait. `by` says who asks: "the terminal", "the console", "the demo"."""

    def __init__(self, session: Session) -> None:
        self.listeners: list[Listener] = []
        self.busy = ""
        """The experiment under way: "kill", "hog"; empty while there is none."""
        self.ended: tuple[Step, ...] = ()
        """The last steps of the last twenty experiments, the newest first."""
        self._session = session
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[object] | None = None

    def must_be_idle(self) -> None:
        """Raises Conflict while an experiment is under way: what it measures must stay as it is."""
        if self.busy:
            raise Conflict(f"the {self.busy} is still being measured; try again in a moment")

    async def kill(self, victim: InstanceView, *, by: str = TERMINAL) -> KillResult:
        """Kills the instance and follows what becomes of it. Raises Conflict while busy, as `run_kill` otherwise."""

        def work(told: Callable[[KillProgress], None]) -> Awaitable[KillResult]:
            return run_kill(self._session, victim, told)

        return await self._alone("kill", victim, by, work)

    async def hog(self, victim: InstanceView, plan: HogPlan | None = None, *, by: str = TERMINAL) -> HogResult:
        """Lets the instance go wild for a while. Raises Conflict while busy, as `run_cpu_hog` otherwise."""

        def work(told: Callable[[HogProgress], None]) -> Awaitable[HogResult]:
            return run_cpu_hog(self._session, victim, plan or HogPlan(), told)

        return await self._alone("hog", victim, by, work)

    async def close(self) -> None:
        """Ends the experiment under way; what it changed is put back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _alone(
        self, kind: str, victim: InstanceView, by: str, work: Callable[[Callable[..., None]], Awaitable[Result]]
    ) -> Result:
        self.must_be_idle()
        self.busy = kind
        task = self._task = asyncio.create_task(self._told(kind, victim, by, work))
        # Its end has been told to the listeners: nobody waiting for it is no fault.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _told(
        self, kind: str, victim: InstanceView, by: str, work: Callable[[Callable[..., None]], Awaitable[Result]]
    ) -> Result:
        number = next(self._numbers)

        def told(what: KillProgress | HogProgress | KillResult | HogResult | Failure) -> None:
            step = Step(number=number, by=by, what=what)
            if not isinstance(what, (KillProgress, HogProgress)):
                self.busy, self._task = "", None
                self.ended = (step, *self.ended)[:STEPS_MAX]
            for listener in tuple(self.listeners):
                listener(step)

        error: CloudError = Unavailable(f"the {kind} was broken off; its figures are lost")
        try:
            result = await work(told)
        except CloudError as failed:
            error = failed
            raise
        else:
            told(result)
            return result
        finally:
            if self.busy:
                told(Failure(kind=kind, instance_id=victim.id, error=error.message))
