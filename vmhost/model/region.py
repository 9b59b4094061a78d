"""The one region of the cloud, and its availability zones."""

from __future__ import annotations

REGION = "us-east-1"
ZONES = "abcdef"
"""us-east-1 has six zones, a to f."""
