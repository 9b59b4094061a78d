"""What can be done to an instance, and why not when it cannot. Pure but for `do`, which asks the platform.

A new action is one more entry in ACTIONS; page, keyboard and API take it from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView

Do = Callable[[CloudClient, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do to an instance. In which states it is possible, the platform says.

    `experiment`: the experiment that it runs; empty for others. `asks`: the question to ask first, if any."""

    name: str
    """Also the name of the platform's request, unless it injects a `fault` of another name."""
    label: str
    what: str
    """What happens, in a few words."""
    asks: str = ""
    experiment: str = ""
    do: Do | None = None
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """The action as the page draws it."""
        return {"name": self.name, "label": self.label, "what": self.what, "asks": self.asks}


ACTIONS: tuple[Action, ...] = (
    Action(
        name="start",
        label="Start",
        what="starts it again, with its disk as it was",
        do=lambda cloud, each: cloud.start_instances([each]),
    ),
    Action(
        name="stop",
        label="Stop",
        what="ends its program in good order and keeps its disk",
        do=lambda cloud, each: cloud.stop_instances([each]),
    ),
    Action(
        name="reboot",
        label="Reboot",
        what="restarts it on the same host",
        do=lambda cloud, each: cloud.reboot_instances([each]),
    ),
    Action(
        name="terminate",
        label="Terminate",
        what="deletes the instance and its disk",
        asks="Terminate deletes the instance and its disk. Continue?",
        do=lambda cloud, each: cloud.terminate_instances([each]),
    ),
    Action(
        name="kill",
        label="Kill",
        what="ends its program instantly, as a crash would",
        asks="Kill ends its program instantly, as a crash would. Continue?",
        experiment=Kill.name,
    ),
    Action(
        name="hog",
        label="Hog",
        what="makes it use all the CPU it can get",
        experiment=NoisyNeighbor.name,
        fault="cpu_hog",
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}


def hindrance(
    action: Action, view: InstanceView, *, allowed: Mapping[str, tuple[str, ...]], busy: str, hogging: bool
) -> str:
    """Why the action is not possible now, as a sentence; empty when it is.

    `allowed` are the states in which the platform accepts each action; one that it does not name is left to the
    platform to refuse. `busy` names the experiment under way."""
    states = allowed.get(action.fault or action.name)
    if states is not None and view.state not in states:
        return f"it is {view.state}; {action.name} works on {_either(states)} instances"
    if action.experiment and busy:
        return f"the {busy} is still being measured"
    if action.experiment == NoisyNeighbor.name and hogging:
        return "a CPU hog already runs in it"
    return ""


def _either(states: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(states[:-1]), states[-1])))
