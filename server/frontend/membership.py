"""Which instances are leaves of this service. Pure."""

from __future__ import annotations

import re

from server.frontend.replicas import Machine
from vmhost.api.views import InstanceView

SERVICE_TAG = "search:service"
SHARD_TAG = "search:shard"
PORT_DEFAULT = 8080
_WORD = re.compile(r"[\w.:-]{1,80}", re.ASCII)


def machine_of(view: InstanceView, *, service: str, shards: int) -> Machine | None:
    """The leaf that runs in the instance; None where it runs none of this service, or cannot answer."""
    if view.state != "running" or view.impaired or view.tags.get(SERVICE_TAG) != service or not view.address:
        return None
    shard = view.tags.get(SHARD_TAG, "")
    if not shard.isdecimal() or not shard.isascii() or len(shard) > 6 or int(shard) >= shards:
        return None
    return Machine(
        instance_id=_word(view.id),
        type=_word(view.type),
        host=_word(view.host),
        shard=int(shard),
        address=view.address,
        port=view.port or PORT_DEFAULT,
    )


def _word(text: str) -> str:
    """Text that may stand in a header as it is."""
    return text if _WORD.fullmatch(text) else "-"
