"""The life of an instance as one table: (state, event) -> state. docs/lifecycle.md is generated from it. Pure.

Source of the states: EC2 User Guide, "Amazon EC2 instance state changes".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from vmhost.base.errors import Conflict
from vmhost.control.instances.record import InstanceState as State


class InstanceEvent(StrEnum):
    """A request of the instance's owner (the first four), or something that was observed of its guest."""

    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    TERMINATE = "terminate"
    STARTED = "started"
    STOPPED = "guest stopped"
    DIED = "guest died"
    REMOVED = "guest removed"
    LAUNCH_FAILED = "launch failed"
    START_FAILED = "start failed"


REQUESTS = frozenset({InstanceEvent.START, InstanceEvent.STOP, InstanceEvent.REBOOT, InstanceEvent.TERMINATE})

TABLE: Mapping[tuple[State, InstanceEvent], State] = {
    (State.PENDING, InstanceEvent.START): State.PENDING,
    (State.PENDING, InstanceEvent.STARTED): State.RUNNING,
    (State.PENDING, InstanceEvent.LAUNCH_FAILED): State.SHUTTING_DOWN,
    (State.PENDING, InstanceEvent.START_FAILED): State.STOPPED,
    (State.PENDING, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.RUNNING, InstanceEvent.START): State.RUNNING,
    (State.RUNNING, InstanceEvent.REBOOT): State.REBOOTING,
    (State.RUNNING, InstanceEvent.STOP): State.STOPPING,
    (State.RUNNING, InstanceEvent.DIED): State.STOPPED,
    (State.RUNNING, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.REBOOTING, InstanceEvent.START): State.REBOOTING,
    (State.REBOOTING, InstanceEvent.REBOOT): State.REBOOTING,
    (State.REBOOTING, InstanceEvent.STOP): State.STOPPING,
    (State.REBOOTING, InstanceEvent.STOPPED): State.RESTARTING,
    (State.REBOOTING, InstanceEvent.DIED): State.STOPPED,
    (State.REBOOTING, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.RESTARTING, InstanceEvent.START): State.RESTARTING,
    (State.RESTARTING, InstanceEvent.REBOOT): State.RESTARTING,
    (State.RESTARTING, InstanceEvent.STOP): State.STOPPING,
    (State.RESTARTING, InstanceEvent.STARTED): State.RUNNING,
    (State.RESTARTING, InstanceEvent.START_FAILED): State.STOPPED,
    (State.RESTARTING, InstanceEvent.DIED): State.STOPPED,
    (State.RESTARTING, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.STOPPING, InstanceEvent.STOP): State.STOPPING,
    (State.STOPPING, InstanceEvent.STOPPED): State.STOPPED,
    (State.STOPPING, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.STOPPED, InstanceEvent.START): State.PENDING,
    (State.STOPPED, InstanceEvent.STOP): State.STOPPED,
    (State.STOPPED, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.SHUTTING_DOWN, InstanceEvent.TERMINATE): State.SHUTTING_DOWN,
    (State.SHUTTING_DOWN, InstanceEvent.REMOVED): State.TERMINATED,
    (State.TERMINATED, InstanceEvent.TERMINATE): State.TERMINATED,
}
"""Every allowed pair. A failed launch is shutting-down until nothing of it is left, then terminated."""


def next_state(state: State, event: InstanceEvent, *, subject: str = "the instance") -> State:
    """Return the state after the event. Raises Conflict for a pair that is not in the table."""
    try:
        return TABLE[state, event]
    except KeyError:
        able = ", ".join(sorted({origin.in_api.value for origin, known in TABLE if known is event}))
        raise Conflict(f"{subject} is {state.in_api}; {event} needs {able}") from None


def states_for(event: InstanceEvent) -> tuple[State, ...]:
    """Return the states, as the API shows them, in which the request has an effect."""
    effective = (origin.in_api for (origin, known), target in TABLE.items() if known is event and target is not origin)
    return tuple(dict.fromkeys(effective))


def mermaid() -> str:
    """Return the table as a Mermaid state diagram, without the pairs that change nothing."""
    lines = ["stateDiagram-v2", "    [*] --> pending: run"]
    for (origin, event), target in TABLE.items():
        if origin is not target:
            lines.append(f"    {_name(origin)} --> {_name(target)}: {event}")
    lines.append("    terminated --> [*]: forgotten after 1 h")
    return "\n".join(lines)


def _name(state: State) -> str:
    return state.value.replace("-", "_")


def document() -> str:
    """Return the text of docs/lifecycle.md; a test compares the file with it."""
    rows = [f"| {origin} | {event} | {target} |" for (origin, event), target in TABLE.items()]
    requests = ", ".join(event.value for event in InstanceEvent if event in REQUESTS)
    return "\n".join(
        [
            "# The life of an instance",
            "",
            "Generated from the table in `vmhost/control/instances/lifecycle.py` by",
            "`python -m vmhost.control.instances.lifecycle`.",
            "",
            f"Owners request {requests}; all other events are observed. A request that is not in the",
            "table is refused with `IncorrectInstanceState` and changes nothing.",
            "",
            "```mermaid",
            mermaid(),
            "```",
            "",
            "| state | event | next state |",
            "|---|---|---|",
            *rows,
            "",
            "- If the program ends by itself, its instance is `stopped` with a `StateReason`:",
            "  `Client.InstanceInitiatedShutdown` for exit code 0, else `Server.InternalError` with the exit code, the",
            "  signal or the memory limit. With the shutdown behavior `terminate` and exit code 0 it is terminated.",
            "- A launch that fails is `shutting-down` until nothing of it is left, then `terminated`, with its",
            "  `StateReason`.",
            "- EC2's API shows `rebooting` and `restarting` as `running`. If the platform crashes during a reboot, its",
            "  next start finishes it. If the reboot fails, the instance is `stopped`.",
            "- A terminated instance stays visible for one hour, with its last console output.",
            "",
        ]
    )


if __name__ == "__main__":
    print(document(), end="")
