"""What an experiment has to provide."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar, Protocol

from client.cloud_state import CloudState, shard_of
from client.experiments.results import Progress, Result
from client.experiments.system import SystemUnderTest
from vmhost.api.views import InstanceView
from vmhost.base.errors import Conflict

Report = Callable[[Progress], None]


class Experiment(Protocol):
    """A fault under load, and the judgement of what it did.

    Instances of the class carry its options; those that users may set are declared with `parameter`."""

    name: ClassVar[str]
    """In addresses and in JSON."""
    title: ClassVar[str]
    """In sentences: "the CPU hog"."""
    summary: ClassVar[str]
    """What the instance does meanwhile, in a few words; follows "it"."""
    button: ClassVar[str]
    """On a button that runs it on any instance."""
    key: ClassVar[str]
    """On the keyboard."""
    fault: ClassVar[str]
    """The fault that it injects; empty if it injects none."""
    ends_instance: ClassVar[bool]
    """Whether the end of the instance is part of it."""

    async def run(self, system: SystemUnderTest, victim: InstanceView, report: Report) -> Result:
        """Run it on an instance, reporting each stage. Raises CloudErrors; the load is as before in any case."""


def choose_victim(cloud_state: CloudState, rng: random.Random) -> InstanceView:
    """Choose any running instance of the search service; in a cloud without that service any other one.

    Raises Conflict if none runs."""
    service = [view for view in cloud_state.present if shard_of(view) is not None]
    candidates = [view for view in cloud_state.running if shard_of(view) is not None or not service]
    if candidates:
        return rng.choice(candidates)
    if service:
        raise Conflict("no instance is running; replacements are starting, try again in a moment")
    raise Conflict("no instance is running; launch or start one first")
