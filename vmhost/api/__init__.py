"""The platform's API for other programs: access file, client, views, EC2's limits. Needs no engine and no cloud SDK.

The only part of `vmhost` besides `base` that `server` and `client` may import.
"""

from __future__ import annotations

API_VERSION = "2016-11-15"
"""Version of the EC2 API."""
FLEET_TAG = "aws:ec2:fleet-id"
"""Tag of a fleet's instances: the fleet's id."""
PORT_TAG = "glasscloud:port"
"""Tag of an instance that has no address of its own: the port that it got instead."""
USER_DATA_BYTES_MAX = 16 * 1024
"""Maximum size of user data, before base64."""
