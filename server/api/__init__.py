"""The part of the search service that clients may import: its data and formats. It needs no search library."""

SERVICE_TAG = "search:service"
"""The tag with the service's name on its instances, fleets and launch templates."""
SHARD_TAG = "search:shard"
"""The tag with the number of the shard that a leaf holds."""
