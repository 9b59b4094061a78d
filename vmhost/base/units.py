"""Parses durations and sizes as people write them."""

from __future__ import annotations

import re

from vmhost.base.errors import InvalidInput

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": KIB, "m": MIB, "g": GIB}


def parse_duration(text: str) -> float:
    """Return the seconds in "30s", "1.5m", "250ms", "2h" or a plain number of seconds. Raises InvalidInput."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"invalid duration {text!r}; use a number with ms, s, m or h, such as 30s")
    return float(match[1]) * _DURATION_UNITS[match[2]]


def parse_size(text: str) -> int:
    """Return the bytes in "512", "64k", "512MiB" or "2g" (powers of 1024). Raises InvalidInput."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(f"invalid size {text!r}; use a number with k, m or g, such as 512m")
    return int(float(match[1]) * _SIZE_UNITS[match[2].lower()])


def short_release(release: str) -> str:
    """Shorten a kernel release: "6.18" from "6.18.3-cloud-amd64"; empty if it has no such form."""
    match = re.match(r"\d+\.\d+", release)
    return match[0] if match else ""


def mib(size_bytes: float) -> float:
    """Convert bytes to MiB."""
    return size_bytes / MIB
