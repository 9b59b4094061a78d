"""From a weight to the engine's CPU shares, so that the runtime under the engine arrives at that weight again. Pure.

The engine's API knows only the shares of control groups version 1. For version 2 the runtime turns them into a weight,
and runtimes changed how in 2025.
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
"""The first version of each runtime that converts the newer way."""


class Conversion(Enum):
    """What becomes of shares on their way into a guest's control group."""

    NONE = auto()
    """Version 1 uses them as they are; 1024 is usual where a weight of 100 is."""
    LINEAR = auto()
    """weight = 1 + (shares - 2) * 9999 / 262142"""
    LOGARITHMIC = auto()
    """weight = 10 ^ ((l^2 + 125 l) / 612 - 7 / 34) with l = log2(shares), so that 1024 becomes 100
    (github.com/opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value)"""


def conversion_of(cgroup_version: int, components: Iterable[Mapping[str, object]]) -> Conversion:
    """How this engine's runtime converts, from the components that the engine's version call lists.

    A runtime that is not known, or does not tell its version, is taken for one of today."""
    if cgroup_version == 1:
        return Conversion.NONE
    for component in components:
        since = next((since for name, since in _LOGARITHMIC_SINCE.items() if name in str(component.get("Name"))), None)
        found = _VERSION.search(str(component.get("Version")))
        if since is not None and found is not None:
            version = tuple(int(part or 0) for part in found.groups())
            return Conversion.LOGARITHMIC if version >= since else Conversion.LINEAR
    return Conversion.LOGARITHMIC


def cpu_shares(weight: int, conversion: Conversion) -> int:
    """The engine's shares for a weight of 1 to 10000 where 100 is usual."""
    return max(_SHARES_MIN, min(_SHARES_MAX, _INVERSES[conversion](weight)))


def _linear(weight: int) -> int:
    return round(2 + (weight - 1) * 262_142 / 9999)


def _logarithmic(weight: int) -> int:
    log2_shares = (math.sqrt(125**2 + 4 * 612 * (math.log10(weight) + 7 / 34)) - 125) / 2
    # Runtimes round the weight up.
    return math.floor(2**log2_shares)


_INVERSES: Mapping[Conversion, Callable[[int], int]] = {
    Conversion.NONE: lambda weight: round(weight * _SHARES_PER_WEIGHT_V1),
    Conversion.LINEAR: _linear,
    Conversion.LOGARITHMIC: _logarithmic,
}
