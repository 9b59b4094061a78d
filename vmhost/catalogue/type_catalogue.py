"""Loads the catalogue of instance types from types.toml."""

from __future__ import annotations

from pathlib import Path

import msgspec

from vmhost.model.instance_type import InstanceType, TypeCatalogue

CATALOGUE = Path(__file__).parent / "types.toml"


class _Size(msgspec.Struct, array_like=True):
    """One row of a family's table."""

    name: str
    vcpus: int
    memory_gib: float
    baseline_percent: float
    """Of each vCPU; 0: the whole vCPU."""
    network_baseline_mbps: int
    network_burst_mbps: int
    price_usd_hour: float
    network_words: str = ""


class _Family(msgspec.Struct):
    name: str
    hypervisor: str
    sizes: list[_Size]


class _Table(msgspec.Struct):
    as_of: str
    region: str
    family: list[_Family]


def load_types(path: Path = CATALOGUE) -> TypeCatalogue:
    """Load the catalogue that is part of the program."""
    table = msgspec.toml.decode(path.read_bytes(), type=_Table)
    types = tuple(_type(family, size) for family in table.family for size in family.sizes)
    return TypeCatalogue(as_of=table.as_of, region=table.region, types=types)


def _type(family: _Family, size: _Size) -> InstanceType:
    return InstanceType(
        name=f"{family.name}.{size.name}",
        family=family.name,
        vcpus=size.vcpus,
        memory_mib=int(size.memory_gib * 1024),
        hypervisor=family.hypervisor,
        network_baseline_mbps=size.network_baseline_mbps,
        network_burst_mbps=size.network_burst_mbps,
        price_usd_hour=size.price_usd_hour,
        baseline_percent=size.baseline_percent or None,
        network_words=size.network_words,
    )
