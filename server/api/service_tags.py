"""The tags by which the service's instances, fleets and launch templates are found."""

SERVICE_TAG = "search:service"
"""The service's name."""
SHARD_TAG = "search:shard"
"""The number of the shard that a leaf holds."""
