"""Generates instance_types.json from types.toml: `python -m vmhost.catalogue.regenerate`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
TABLE = FOLDER / "types.toml"
CATALOGUE = FOLDER / "instance_types.json"


def rendered(table: str) -> str:
    """Return the catalogue's JSON for the table's TOML. Raises ValueError for an invalid table."""
    data = tomllib.loads(table)
    types = [row for family in data["family"] for row in _rows(family)]
    lines = ",\n".join("    " + json.dumps(row) for row in types)
    head = json.dumps({"as_of": data["as_of"], "region": data["region"]})[1:-1]
    return f'{{\n  {head},\n  "types": [\n{lines}\n  ]\n}}\n'


def _rows(family: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for size, vcpus, memory_gib, baseline, network, burst, price, *words in family["sizes"]:
        yield {
            "name": f"{family['name']}.{size}",
            "family": family["name"],
            "vcpus": vcpus,
            "memory_mib": int(memory_gib * 1024),
            "hypervisor": family["hypervisor"],
            "baseline_percent": float(baseline) if baseline else None,
            "network_baseline_mbps": network,
            "network_burst_mbps": burst,
            "price_usd_hour": price,
            **({"network_words": words[0]} if words else {}),
        }


if __name__ == "__main__":
    CATALOGUE.write_text(rendered(TABLE.read_text()))
    print(f"wrote {CATALOGUE.name}")
