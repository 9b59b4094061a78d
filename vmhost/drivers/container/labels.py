"""The labels of our objects in an engine. Only objects with these labels are ever touched."""

from __future__ import annotations

CLOUD = "glasscloud.cloud"
"""The cloud's name."""
OWNER = "glasscloud.owner"
"""The platform that made it: an id that its state folder keeps."""
HOME = "glasscloud.home"
"""Where that platform ran: its container, or its network namespace."""
INSTANCE = "glasscloud.instance"
RECORD = "glasscloud.record"
"""The instance's record at its launch, from which a platform that lost its store can restore it."""
HOST = "glasscloud.host"
ADDRESS = "glasscloud.address"
"""The guest's address on the instance network, the same at every boot."""
MBPS = "glasscloud.network_mbps"
"""The guest's network rate when it was made."""
ROLE = "glasscloud.role"
HELPER = "helper"
"""The role of the helper container, which works in guests' network namespaces (see helper.py)."""
PLATFORM = "platform"
"""The role of a platform that runs in a container: while it runs, no other one takes over its cloud."""
JOIN = "glasscloud.join"
"""A container with this label and a cloud's name is connected to that cloud's instance network, and not changed
otherwise."""
NOT_COMPOSES = {"com.docker.compose.project": "", "com.docker.compose.service": ""}
"""Compose labels the images that it builds and treats every container that inherits these labels as its own."""


def removal(cloud: str) -> str:
    """Return the command with which a person removes every container, network and volume of a cloud."""
    ours = f"--filter label={CLOUD}={cloud}"
    return (
        f"docker rm -fv $(docker ps -aq {ours}); docker network rm $(docker network ls -q {ours}); "
        f"docker volume rm $(docker volume ls -q {ours})"
    )
