"""The experiments that there are, and how one at a time is run: two at once could not be separated in the figures."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

from client.experiments.experiment import Experiment, SystemUnderTest
from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor
from client.experiments.results import Failure, Progress, Result, Step
from vmhost.api.views import InstanceView
from vmhost.base.errors import CloudError, Conflict

_ALL: tuple[type[Experiment], ...] = (Kill, NoisyNeighbor)
EXPERIMENTS: Mapping[str, type[Experiment]] = {each.name: each for each in _ALL}
"""By name, in the order in which screens list them."""
STEPS_MAX = 20
TERMINAL = "the terminal"
"""`by` of experiments that were started with a key."""


class ExperimentRunner:
    """Runs the session's experiments, at most one at a time, and publishes every step to all `listeners`.

    An experiment belongs to the session: if its caller is cancelled, it is still measured to its end.
    Listeners do not raise and do not wait."""

    def __init__(self, system: SystemUnderTest) -> None:
        self.listeners: list[Callable[[Step], None]] = []
        self.busy = ""
        """The title of the running experiment; empty if none runs."""
        self.ended: tuple[Step, ...] = ()
        """The last steps of the last twenty experiments, newest first."""
        self._system = system
        self._numbers = itertools.count(1)
        self._task: asyncio.Task[Result] | None = None

    def must_be_idle(self) -> None:
        """Raise Conflict while an experiment runs: what it measures must not change."""
        if self.busy:
            raise Conflict(f"the {self.busy} is still being measured; try again in a moment")

    def start(self, experiment: Experiment, victim: InstanceView, *, by: str) -> asyncio.Task[Result]:
        """Start the experiment on the instance. Raises Conflict while another one runs."""
        self.must_be_idle()
        self.busy = experiment.title
        task = self._task = asyncio.create_task(self._run(experiment, victim, by))
        # Its end is published to the listeners, so an error that no caller awaits is not lost.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def run(self, experiment: Experiment, victim: InstanceView, *, by: str = TERMINAL) -> Result:
        """Run the experiment to its end. Raises Conflict while another one runs, and the experiment's errors."""
        return await asyncio.shield(self.start(experiment, victim, by=by))

    async def close(self) -> None:
        """Cancel the running experiment; it restores what it changed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, experiment: Experiment, victim: InstanceView, by: str) -> Result:
        number = next(self._numbers)

        def publish(what: Progress | Result | Failure) -> None:
            step = Step(
                number=number, by=by, experiment=experiment.name, title=experiment.title, instance_id=victim.id,
                ends_instance=experiment.ends_instance, what=what,
            )  # fmt: skip
            if not step.running:
                self.busy, self._task = "", None
                self.ended = (step, *self.ended)[:STEPS_MAX]
            for listener in tuple(self.listeners):
                listener(step)

        error = f"the {experiment.title} was cancelled; its figures are lost"
        try:
            result = await experiment.run(self._system, victim, publish)
        except CloudError as failed:
            error = failed.message
            raise
        else:
            publish(result)
            return result
        finally:
            if self.busy:
                publish(Failure(error=error))
