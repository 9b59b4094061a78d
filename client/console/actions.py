"""The actions on an instance, and why one is disabled. Pure except for `run`, which calls the platform.

Experiments and faults are actions by themselves; any other is one more entry in _LIFECYCLE. The page and the API take
it from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from client.cloud_state import CloudState
from client.experiments.experiment import Experiment
from client.experiments.runner import EXPERIMENTS
from vmhost.api.client import CloudClient
from vmhost.api.parameters import parameters_of
from vmhost.api.views import FaultKindView, InstanceView, ParameterView

LIFECYCLE, EXPERIMENT, FAULT = "lifecycle", "experiment", "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action on one instance. The platform says in which states it is possible."""

    name: str
    """In addresses. The platform knows the action by `fault` if that is set, else by this name."""
    title: str
    """In sentences and, with a capital, on buttons."""
    description: str
    """What happens, in a few words."""
    confirm: str = ""
    """The question that the page asks first; empty for an action that needs none."""
    kind: str = LIFECYCLE
    parameters: tuple[ParameterView, ...] = ()
    fault: str = ""
    """The fault that it injects."""
    run: Callable[[CloudClient, str], Awaitable[Any]] | None = None
    """Only of a lifecycle action."""


_LIFECYCLE = (
    Action(
        name="start",
        title="start",
        description="starts it again, with its disk as it was",
        run=lambda cloud, instance_id: cloud.start_instances([instance_id]),
    ),
    Action(
        name="stop",
        title="stop",
        description="shuts its program down and keeps its disk",
        run=lambda cloud, instance_id: cloud.stop_instances([instance_id]),
    ),
    Action(
        name="reboot",
        title="reboot",
        description="restarts it on the same host",
        run=lambda cloud, instance_id: cloud.reboot_instances([instance_id]),
    ),
    Action(
        name="terminate",
        title="terminate",
        description="deletes the instance and its disk",
        confirm="Terminate deletes the instance and its disk. Continue?",
        run=lambda cloud, instance_id: cloud.terminate_instances([instance_id]),
    ),
)


def actions_of(world: CloudState) -> tuple[Action, ...]:
    """Return all actions: lifecycle, experiments, and the platform's faults that no experiment injects."""
    covered = {each.fault for each in EXPERIMENTS.values()}
    return (
        *_LIFECYCLE,
        *(_of_experiment(each) for each in EXPERIMENTS.values()),
        *(_of_fault(each) for each in world.fault_kinds if each.name not in covered),
    )


def _of_experiment(each: type[Experiment]) -> Action:
    return Action(
        name=each.name, title=each.title, description=each.summary, kind=EXPERIMENT, fault=each.fault,
        parameters=parameters_of(each), confirm=_question(each.summary) if each.ends_instance else "",
    )  # fmt: skip


def _of_fault(each: FaultKindView) -> Action:
    return Action(
        name=each.name, title=each.title, description=each.summary, kind=FAULT, fault=each.name,
        parameters=each.parameters, confirm="" if each.lasts else _question(each.summary),
    )  # fmt: skip


def _question(summary: str) -> str:
    return f"The instance {summary}. Continue?"


def action_row(action: Action) -> dict[str, Any]:
    """Return the action as the page draws it."""
    return {
        "name": action.name,
        "label": action.title[:1].upper() + action.title[1:],
        "description": action.description,
        "confirm": action.confirm,
        "kind": action.kind,
        "parameters": action.parameters,
    }


def disabled_reason(action: Action, view: InstanceView, world: CloudState, busy: str) -> str:
    """Return why the action is not possible now, as a sentence; empty if it is.

    The platform decides about an action of which the snapshot names no states. `busy` names the experiment that is
    running."""
    states = None if world.snapshot is None else world.snapshot.allowed.get(action.fault or action.name)
    if states is not None and view.state not in states:
        either = " or ".join(filter(None, (", ".join(states[:-1]), states[-1])))
        return f"it is {view.state}; {action.title} works on {either} instances"
    if action.kind == EXPERIMENT and busy:
        return f"the {busy} is still being measured"
    if any(each.fault == action.fault for each in world.faults.get(view.id, ())):
        return f"{action.title} already runs in it"
    return ""
