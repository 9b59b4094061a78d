"""The labels by which everything of ours in an engine is found again, and by which nothing else is touched."""

from __future__ import annotations

CLOUD = "glasscloud.cloud"
"""Whose it is: the cloud's name."""
OWNER = "glasscloud.owner"
"""Which platform it is of: an id that its state folder keeps."""
HOME = "glasscloud.home"
"""Where that platform ran when it made it: its container, or its network namespace."""
INSTANCE = "glasscloud.instance"
RECORD = "glasscloud.record"
"""The instance as it was launched, from which a platform that lost its records can make them again."""
HOST = "glasscloud.host"
ADDRESS = "glasscloud.address"
"""The guest's address on the instance network, the same at every boot."""
MBPS = "glasscloud.network_mbps"
"""The guest's network rate when it was made."""
ROLE = "glasscloud.role"
HELPER = "helper"
"""The role of the container that works in the guests' network namespaces for a control plane without the rights."""
PLATFORM = "platform"
"""The role of a control plane in a container: while it runs, no other one takes over its cloud."""
JOIN = "glasscloud.join"
"""Whoever carries this with a cloud's name is connected to that cloud's instance network; no more is done to it."""
NOT_COMPOSES = {"com.docker.compose.project": "", "com.docker.compose.service": ""}
"""Compose labels the images that it builds, and takes every container that inherits the label for one of its own."""


def removal(cloud: str) -> str:
    """The command by which a person removes every container, network and volume of a cloud."""
    ours = f"--filter label={CLOUD}={cloud}"
    return (
        f"docker rm -fv $(docker ps -aq {ours}); docker network rm $(docker network ls -q {ours}); "
        f"docker volume rm $(docker volume ls -q {ours})"
    )
