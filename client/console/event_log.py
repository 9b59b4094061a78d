"""Lines of the event log: what happened, who caused it, how it ended. Pure."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from client.cloud_events import instance_news
from vmhost.api.views import InstanceView


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line. A later entry with the same id updates it."""

    id: str
    at: float
    text: str
    kind: str = "event"
    """"event": something happened. "task": someone requested it."""
    by: str = ""
    outcome: str = ""
    """Of a task: "" while it is in progress, "done in 0.4 s", or "failed: " and the reason."""
    tone: str = "neutral"
    """neutral, good, warning, bad."""
    instances: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the line as the page draws it."""
        return asdict(self)


def change_entry(old: InstanceView | None, new: InstanceView) -> LogEntry | None:
    """Return the line for an instance's change; None if it means nothing to people."""
    news = instance_news(old, new)
    if news is None:
        return None
    return LogEntry(
        id=f"{new.id}.{new.generation}", at=new.changed_at or time.time(), text=news.text, tone=news.tone.value,
        instances=(new.id,),
    )  # fmt: skip
