"""What happened to an instance, in words: the same sentences on every screen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from client.cloud_state import shard_of
from vmhost.api.views import InstanceView, ReasonView

_OWNER_ENDED = "Client.UserInitiatedShutdown"


class Tone(StrEnum):
    """How good the news is."""

    NEUTRAL = "neutral"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceNews:
    """A change of an instance; `text` follows the instance's id. `minor` changes are shown only in a full log."""

    text: str
    tone: Tone
    minor: bool = False


def instance_news(old: InstanceView | None, new: InstanceView) -> InstanceNews | None:
    """Return what a change of an instance means; None if it means nothing to people."""
    before = None if old is None else old.state
    if before == new.state:
        return _impairment(old, new)
    match new.state:
        case "running":
            shard = shard_of(new)
            # It may not serve the shard yet.
            purpose = "" if shard is None else f", for shard {shard}"
            return InstanceNews(text=f"runs on {new.host}{purpose}", tone=Tone.GOOD)
        case "pending":
            return InstanceNews(text=f"is starting on {new.host}", tone=Tone.NEUTRAL, minor=True)
        case "terminated" if before == "pending":
            return InstanceNews(text=f"could not start{reason_text(new.reason)}", tone=Tone.BAD)
    if before == "running":
        return InstanceNews(text=f"is {new.state}{reason_text(new.reason)}", tone=Tone.WARNING)
    if new.state in ("stopped", "terminated"):
        return InstanceNews(text=f"is {new.state}", tone=Tone.NEUTRAL, minor=True)
    return None


def _impairment(old: InstanceView | None, new: InstanceView) -> InstanceNews | None:
    if old is None or new.state != "running" or old.impaired == new.impaired:
        return None
    if new.impaired:
        return InstanceNews(text=f"cannot respond: {new.impaired}", tone=Tone.WARNING)
    return InstanceNews(text="can respond again", tone=Tone.GOOD)


def reason_text(reason: ReasonView | None) -> str:
    """Return ": " and the reason's message without its code, or "" if there is no reason."""
    if reason is None or not reason.message:
        return ""
    if reason.code == _OWNER_ENDED:
        return ": requested by its owner"
    return f": {reason.message.removeprefix(f'{reason.code}: ')}"
