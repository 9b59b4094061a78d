"""A guest's weight arrives as it was meant, whatever the engine's runtime makes of shares."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.drivers.container.container_config import ShareConversion, conversion_of, cpu_shares
from vmhost.drivers.container.engine_responses import read_info


def _arrives(shares: int, conversion: ShareConversion) -> float:
    """The weight that a runtime's own formula gives."""
    if conversion is ShareConversion.NONE:
        return shares / 10.24
    if conversion is ShareConversion.LINEAR:
        return 1 + (shares - 2) * 9999 // 262_142
    log = math.log2(shares)
    return math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))


def test_the_formulas_are_those_of_runc() -> None:
    """The values that runc 1.3.1 and 1.4.0-rc.1 gave for the same shares (runc issue 4896), and the newer one's fixed
    point."""
    assert _arrives(2000, ShareConversion.LINEAR) == 77
    assert _arrives(2000, ShareConversion.LOGARITHMIC) == 170
    assert _arrives(1024, ShareConversion.LOGARITHMIC) == 100


@given(weight=st.integers(1, 10_000), conversion=st.sampled_from(ShareConversion))
def test_weight_survives_the_conversion(weight: int, conversion: ShareConversion) -> None:
    arrived = _arrives(cpu_shares(weight, conversion), conversion)
    assert abs(arrived - weight) <= 1


@given(conversion=st.sampled_from(ShareConversion), lower=st.integers(1, 10_000), higher=st.integers(1, 10_000))
def test_more_weight_is_never_fewer_shares(conversion: ShareConversion, lower: int, higher: int) -> None:
    lower, higher = sorted((lower, higher))
    assert 2 <= cpu_shares(lower, conversion) <= cpu_shares(higher, conversion) <= 262_144


@pytest.mark.parametrize(
    ("name", "version", "conversion"),
    [
        ("runc", "1.1.5+ds1", ShareConversion.LINEAR),
        ("runc", "1.3.1", ShareConversion.LINEAR),
        ("runc", "1.3.2", ShareConversion.LOGARITHMIC),
        ("runc", "v1.4.0-rc.1", ShareConversion.LOGARITHMIC),
        ("OCI Runtime (crun)", "crun version 1.14.1\ncommit: de537a7", ShareConversion.LINEAR),
        ("OCI Runtime (crun)", "crun version 1.23", ShareConversion.LOGARITHMIC),
        ("another", "0.1", ShareConversion.LOGARITHMIC),
        ("runc", "", ShareConversion.LOGARITHMIC),
    ],
)
def test_conversion_depends_on_the_runtimes_version(name: str, version: str, conversion: ShareConversion) -> None:
    components = [{"Name": "Engine", "Version": "26.1.5"}, {"Name": name, "Version": version}]
    assert conversion_of(2, components) is conversion
    assert conversion_of(1, components) is ShareConversion.NONE
    info = {"NCPU": 2, "MemTotal": 1 << 30, "CgroupVersion": "2"}
    assert read_info(info, components).conversion is conversion
