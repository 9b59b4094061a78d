"""The catalogue of instance types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from vmhost.catalogue.regenerate import CATALOGUE
from vmhost.model.instance_type import InstanceType


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeCatalogue:
    """EC2's types and the date of their figures."""

    as_of: str
    """ISO date at which figures and prices were those that EC2 publishes."""
    region: str
    types: tuple[InstanceType, ...]


def load_types(path: Path = CATALOGUE) -> TypeCatalogue:
    """The catalogue that ships with the program."""
    data = json.loads(path.read_text())
    types = tuple(InstanceType(**row) for row in data["types"])
    return TypeCatalogue(as_of=data["as_of"], region=data["region"], types=types)
