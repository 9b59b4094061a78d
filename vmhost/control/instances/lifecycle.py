"""The life of an instance as one table: (state, event) -> state. docs/lifecycle.md is generated from it. Pure.

Source of the states: EC2 User Guide, "Amazon EC2 instance state changes".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from vmhost.base.errors import Conflict
from vmhost.control.instances.record import InstanceState as State


class Event(StrEnum):
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


REQUESTS = frozenset({Event.START, Event.STOP, Event.REBOOT, Event.TERMINATE})

TABLE: Mapping[tuple[State, Event], State] = {
    (State.PENDING, Event.START): State.PENDING,
    (State.PENDING, Event.STARTED): State.RUNNING,
    (State.PENDING, Event.LAUNCH_FAILED): State.SHUTTING_DOWN,
    (State.PENDING, Event.START_FAILED): State.STOPPED,
    (State.PENDING, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.RUNNING, Event.START): State.RUNNING,
    (State.RUNNING, Event.REBOOT): State.REBOOTING,
    (State.RUNNING, Event.STOP): State.STOPPING,
    (State.RUNNING, Event.DIED): State.STOPPED,
    (State.RUNNING, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.REBOOTING, Event.START): State.REBOOTING,
    (State.REBOOTING, Event.REBOOT): State.REBOOTING,
    (State.REBOOTING, Event.STOP): State.STOPPING,
    (State.REBOOTING, Event.STOPPED): State.RESTARTING,
    (State.REBOOTING, Event.DIED): State.STOPPED,
    (State.REBOOTING, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.RESTARTING, Event.START): State.RESTARTING,
    (State.RESTARTING, Event.REBOOT): State.RESTARTING,
    (State.RESTARTING, Event.STOP): State.STOPPING,
    (State.RESTARTING, Event.STARTED): State.RUNNING,
    (State.RESTARTING, Event.START_FAILED): State.STOPPED,
    (State.RESTARTING, Event.DIED): State.STOPPED,
    (State.RESTARTING, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.STOPPING, Event.STOP): State.STOPPING,
    (State.STOPPING, Event.STOPPED): State.STOPPED,
    (State.STOPPING, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.STOPPED, Event.START): State.PENDING,
    (State.STOPPED, Event.STOP): State.STOPPED,
    (State.STOPPED, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.SHUTTING_DOWN, Event.TERMINATE): State.SHUTTING_DOWN,
    (State.SHUTTING_DOWN, Event.REMOVED): State.TERMINATED,
    (State.TERMINATED, Event.TERMINATE): State.TERMINATED,
}
"""Every allowed pair. A failed launch is shutting-down until nothing of it is left, then terminated."""


def next_state(state: State, event: Event, *, subject: str = "the instance") -> State:
    """Return the state after the event. Raises Conflict for a pair that is not in the table."""
    try:
        return TABLE[state, event]
    except KeyError:
        able = ", ".join(sorted({origin.in_api.value for origin, known in TABLE if known is event}))
        raise Conflict(f"{subject} is {state.in_api}; {event} needs {able}") from None


def states_for(event: Event) -> tuple[State, ...]:
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
    requests = ", ".join(event.value for event in Event if event in REQUESTS)
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
            "  signal or the memory limit.",
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
