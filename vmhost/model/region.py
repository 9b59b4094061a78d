"""The one region of the cloud, its availability zones, and the account that owns everything in it."""

from __future__ import annotations

REGION = "us-east-1"
ZONES = "abcdef"
"""us-east-1 has six zones, a to f."""
ACCOUNT_ID = "000000000000"
"""The account that owns every resource here."""
