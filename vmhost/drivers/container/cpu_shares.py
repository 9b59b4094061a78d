"""Converts a CPU weight to the engine's CPU shares, such that the runtime under the engine sets that weight. Pure.

The engine's API knows only the shares of control groups version 1. For version 2 the runtime converts them to a weight,
and runtimes changed the formula in 2025.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto

_SHARES_MIN, _SHARES_MAX = 2, 262_144
_SHARES_PER_WEIGHT_V1 = 10.24
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_LOGARITHMIC_SINCE = {"runc": (1, 3, 2), "crun": (1, 23, 0)}
"""The first version of each runtime with the newer formula."""


class ShareConversion(Enum):
    """How shares are converted to the weight of a guest's control group."""

    NONE = auto()
    """Version 1 uses shares; the default is 1024, where a weight has 100."""
    LINEAR = auto()
    """weight = 1 + (shares - 2) * 9999 / 262142"""
    LOGARITHMIC = auto()
    """weight = 10 ^ ((l^2 + 125 l) / 612 - 7 / 34) with l = log2(shares), so that 1024 becomes 100
    (github.com/opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value)"""


def conversion_of(cgroup_version: int, components: Iterable[Mapping[str, object]]) -> ShareConversion:
    """Return how this engine's runtime converts, from the components of the engine's version response.

    An unknown runtime, or one without a version, is assumed to be recent."""
    if cgroup_version == 1:
        return ShareConversion.NONE
    for component in components:
        since = next((since for name, since in _LOGARITHMIC_SINCE.items() if name in str(component.get("Name"))), None)
        found = _VERSION.search(str(component.get("Version")))
        if since is not None and found is not None:
            version = tuple(int(part or 0) for part in found.groups())
            return ShareConversion.LOGARITHMIC if version >= since else ShareConversion.LINEAR
    return ShareConversion.LOGARITHMIC


def cpu_shares(weight: int, conversion: ShareConversion) -> int:
    """Return the engine's shares for a weight of 1 to 10000 (default 100)."""
    return max(_SHARES_MIN, min(_SHARES_MAX, _INVERSES[conversion](weight)))


def _linear(weight: int) -> int:
    return round(2 + (weight - 1) * 262_142 / 9999)


def _logarithmic(weight: int) -> int:
    log2_shares = (math.sqrt(125**2 + 4 * 612 * (math.log10(weight) + 7 / 34)) - 125) / 2
    # Runtimes round the weight up.
    return math.floor(2**log2_shares)


_INVERSES: Mapping[ShareConversion, Callable[[int], int]] = {
    ShareConversion.NONE: lambda weight: round(weight * _SHARES_PER_WEIGHT_V1),
    ShareConversion.LINEAR: _linear,
    ShareConversion.LOGARITHMIC: _logarithmic,
}
