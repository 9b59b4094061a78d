"""What can be done to an instance, and why not when it cannot. Pure but for `do`, which asks the platform.

A new action is one more entry in ACTIONS; page, keyboard and API take it from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from vmhost.api.client import CloudClient
from vmhost.api.views import InstanceView

Do = Callable[[CloudClient, str], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do to an instance. `needs` are the states in which it makes sense.

    `measured`: it is an experiment, of which one runs at a time and which ends in a verdict. `asks`: the question that
    the page puts before it is done; empty for what needs none."""

    name: str
    label: str
    needs: tuple[str, ...]
    what: str
    """What happens, in a few words."""
    asks: str = ""
    measured: bool = False
    do: Do | None = None

    def to_json(self) -> dict[str, Any]:
        """The action as the page draws it."""
        return {"name": self.name, "label": self.label, "what": self.what, "asks": self.asks}


ACTIONS: tuple[Action, ...] = (
    Action(
        name="start",
        label="Start",
        needs=("stopped",),
        what="boots it again, with its disk as it was",
        do=lambda cloud, each: cloud.start_instances([each]),
    ),
    Action(
        name="stop",
        label="Stop",
        needs=("running", "pending"),
        what="ends its program in good order and keeps its disk",
        do=lambda cloud, each: cloud.stop_instances([each]),
    ),
    Action(
        name="reboot",
        label="Reboot",
        needs=("running",),
        what="starts its program anew, on the same host",
        do=lambda cloud, each: cloud.reboot_instances([each]),
    ),
    Action(
        name="terminate",
        label="Terminate",
        needs=("pending", "running", "stopping", "stopped"),
        what="ends it for good",
        asks="Terminate ends the instance for good. Go on?",
        do=lambda cloud, each: cloud.terminate_instances([each]),
    ),
    Action(
        name="kill",
        label="Kill",
        needs=("running",),
        what="ends its program as a crash would; nobody is told",
        measured=True,
    ),
    Action(
        name="hog",
        label="Hog",
        needs=("running",),
        what="lets it burn all the CPU that it can get",
        measured=True,
    ),
)
BY_NAME = {action.name: action for action in ACTIONS}


def hindrance(action: Action, view: InstanceView, *, busy: str, hogging: bool) -> str:
    """Why the action is not possible now, as a sentence; empty when it is. `busy` names the experiment under way."""
    if view.state not in action.needs:
        return f"it is {view.state}; {action.name} needs {' or '.join(action.needs[:2])}"
    if action.measured and busy:
        return f"the {busy} is still being measured"
    if action.name == "hog" and hogging:
        return "it hogs already"
    return ""
