"""The strip of tasks and events: what happened, by whom, and how it ended. Pure."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from client.cloud_state import shard_of
from vmhost.api.views import InstanceView, ReasonView

_OWNER_ENDED = "Client.UserInitiatedShutdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line. A later entry with the same id tells how it went on."""

    id: str
    at: float
    text: str
    kind: str = "event"
    """"event": something happened. "task": somebody asked for it."""
    by: str = ""
    outcome: str = ""
    """For a task: "" while it goes on, "done in 0.4 s", or "failed: " and why."""
    tone: str = "neutral"
    """neutral, good, care, bad."""
    instances: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The line as the page draws it."""
        return asdict(self)


def change_entry(old: InstanceView | None, new: InstanceView) -> Entry | None:
    """What an instance's change is worth telling; None for steps in between."""
    if old is not None and old.state == new.state:
        return None
    text, tone = _change(old, new)
    if not text:
        return None
    return Entry(
        id=f"{new.id}.{new.generation}", at=new.changed_at or time.time(), text=text, tone=tone, instances=(new.id,)
    )


def _change(old: InstanceView | None, new: InstanceView) -> tuple[str, str]:
    if new.state == "running":
        shard = shard_of(new)
        part = "" if shard is None else f", for shard {shard}"
        return f"runs on {new.host}{part}", "good"
    if new.state == "pending":
        return f"is starting on {new.host}", "neutral"
    if old is not None and old.state == "running":
        return f"is {new.state}{why(new.reason)}", "care"
    if new.state == "terminated" and old is not None and old.state == "pending":
        return f"could not start{why(new.reason)}", "bad"
    if new.state in ("stopped", "terminated"):
        return f"is {new.state}", "neutral"
    return "", "neutral"


def why(reason: ReasonView | None) -> str:
    """The reason's words after a colon; nothing where there are none."""
    if reason is None or not reason.message:
        return ""
    if reason.code == _OWNER_ENDED:
        return ": its owner ended it"
    return f": {reason.message.removeprefix(f'{reason.code}: ')}"
