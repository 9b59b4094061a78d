"""The actions on an instance, and why one is disabled. Pure except for `run`, which calls the platform.

A new action is one more entry in ACTIONS; the page, the keyboard and the API take it from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from client.experiments.kill import Kill
from client.experiments.noisy_neighbor import NoisyNeighbor
from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView

Run = Callable[[CloudClient, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action on one instance. The platform says in which states it is possible.

    `experiment`: the name of the experiment that it runs; empty for other actions. `confirm`: the question that the
    page asks first; empty for an action that needs none."""

    name: str
    """Identifies the action. The platform knows it by `fault` if that is set, else by this name."""
    label: str
    description: str
    """What happens, in a few words."""
    confirm: str = ""
    experiment: str = ""
    run: Run | None = None
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the action as the page draws it."""
        return {"name": self.name, "label": self.label, "description": self.description, "confirm": self.confirm}


ACTIONS: tuple[Action, ...] = (
    Action(
        name="start",
        label="Start",
        description="starts it again, with its disk as it was",
        run=lambda cloud, instance_id: cloud.start_instances([instance_id]),
    ),
    Action(
        name="stop",
        label="Stop",
        description="shuts its program down and keeps its disk",
        run=lambda cloud, instance_id: cloud.stop_instances([instance_id]),
    ),
    Action(
        name="reboot",
        label="Reboot",
        description="restarts it on the same host",
        run=lambda cloud, instance_id: cloud.reboot_instances([instance_id]),
    ),
    Action(
        name="terminate",
        label="Terminate",
        description="deletes the instance and its disk",
        confirm="Terminate deletes the instance and its disk. Continue?",
        run=lambda cloud, instance_id: cloud.terminate_instances([instance_id]),
    ),
    Action(
        name="kill",
        label="Kill",
        description="ends its program instantly, as a crash would",
        confirm="Kill ends its program instantly, as a crash would. Continue?",
        experiment=Kill.name,
    ),
    Action(
        name="hog",
        label="Hog",
        description="makes it use all the CPU it can get",
        experiment=NoisyNeighbor.name,
        fault="cpu_hog",
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}


def disabled_reason(
    action: Action, view: InstanceView, *, allowed: Mapping[str, tuple[str, ...]], busy: str, hogging: bool
) -> str:
    """Return why the action is not possible now, as a sentence; empty if it is.

    `allowed` are the states in which the platform accepts each action; the platform decides about an action that is
    not in it. `busy` names the experiment that is running."""
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
