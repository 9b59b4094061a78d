"""Loads the catalogue of instance types."""

from __future__ import annotations

import json
from pathlib import Path

from vmhost.catalogue.regenerate import CATALOGUE
from vmhost.model.instance_type import InstanceType, TypeCatalogue


def load_types(path: Path = CATALOGUE) -> TypeCatalogue:
    """Load the catalogue that is part of the program."""
    data = json.loads(path.read_text())
    types = tuple(InstanceType(**row) for row in data["types"])
    return TypeCatalogue(as_of=data["as_of"], region=data["region"], types=types)
