"""What an experiment has to provide."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, Self

from client.cloud_state import CloudState, shard_of
from client.experiments.results import Progress, Result
from client.experiments.system import SystemUnderTest
from vmhost.api.views import InstanceView
from vmhost.base.errors import Conflict

Report = Callable[[Progress], None]


class Experiment(Protocol):
    """A fault under load, and the judgement of what it did. Instances of the class carry its options."""

    name: ClassVar[str]
    """In addresses and in JSON."""
    title: ClassVar[str]
    """In sentences: "the CPU hog"."""
    button: ClassVar[str]
    """On a button that runs it on any instance."""
    key: ClassVar[str]
    """On the keyboard."""
    ends_instance: ClassVar[bool]
    """Whether the end of the instance is part of it."""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Return the experiment with options from a form; missing ones have defaults. Raises InvalidInput."""

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
