"""Loads image catalogues: TOML files that say, for each image and driver, what to start.

    [[image]]
    id = "ami-0123456789abcdef0"
    name = "my-service"
    description = "What it is, in a sentence"
    root_gib = 1                      # size of its disk where the driver can limit it
    created = "2026-01-01T00:00:00Z"
    architecture = "x86_64"           # default: this computer's

    [image.boot.process]              # one table per driver that can start it
    command = ["{python}", "-m", "my.service"]

    [image.boot.container]
    image = "{image}"
    command = ["python", "-m", "my.service"]
    environment = { NAME = "value" }  # also: read_only, port (default 8080) and
    user = "own"                      # a kernel user for each instance, for images that run as any user; without it
                                      # the image's own user, whose kernel limits all of its instances share

`{python}` is the platform's own interpreter, `{image}` the container image in its settings.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmhost.api.drivers import DriverDescription, all_descriptions
from vmhost.base.errors import InvalidInput
from vmhost.model.image import Boot, Image

DEFAULT_CATALOGUE = Path(__file__).parent / "images.toml"
_ID = re.compile(r"ami-[0-9a-f]{8,17}")
_IMAGE_KEYS = frozenset({"id", "name", "description", "root_gib", "created", "architecture", "boot"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """Values of the placeholders in braces."""

    python: str
    image: str
    architecture: str = "x86_64"
    """Default for images without an architecture."""

    def fill(self, text: str) -> str:
        """Replace `{python}` and `{image}`; other braces remain."""
        return text.replace("{python}", self.python).replace("{image}", self.image)


def load_images(paths: Sequence[Path], placeholders: Placeholders) -> tuple[Image, ...]:
    """Load the images of all files; ids and names must be unique. Raises InvalidInput naming file and image."""
    drivers = all_descriptions()
    images: dict[str, Image] = {}
    for path in paths:
        for entry in _entries(path):
            image = _image(entry, f"{path}: image {entry.get('id')!r}", placeholders, drivers)
            if image.id in images or any(image.name == other.name for other in images.values()):
                raise InvalidInput(f"{path}: image {image.id} ({image.name}) is defined twice")
            images[image.id] = image
    return tuple(images.values())


def _entries(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"image catalogue {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"image catalogue {path} is not valid TOML: {error}") from error
    entries = data.get("image")
    if not isinstance(entries, list) or not entries:
        raise InvalidInput(f"image catalogue {path} has no [[image]]")
    return entries


def _image(
    entry: Mapping[str, Any], subject: str, placeholders: Placeholders, drivers: Sequence[DriverDescription]
) -> Image:
    _only(entry, _IMAGE_KEYS, subject)
    image_id, name = _text(entry, "id", subject), _text(entry, "name", subject)
    if not _ID.fullmatch(image_id):
        raise InvalidInput(f"{subject}: invalid id; use ami- and 8 to 17 hexadecimal digits")
    boots = entry.get("boot")
    if not isinstance(boots, dict) or not boots:
        raise InvalidInput(f"{subject} has no boot table; add [image.boot.DRIVER] for each driver that can start it")
    known = frozenset[str]().union(*(each.image_settings for each in drivers))
    return Image(
        id=image_id,
        name=name,
        description=entry.get("description", ""),
        architecture=entry.get("architecture", placeholders.architecture),
        root_gib=int(entry.get("root_gib", 1)),
        created=entry.get("created", "2026-01-01T00:00:00Z"),
        boots={each.name: Boot() for each in drivers if each.for_tests}
        | {name: _boot(boot, f"{subject}, {name}", placeholders, known) for name, boot in boots.items()},
    )


def _boot(boot: Mapping[str, Any], subject: str, placeholders: Placeholders, known: frozenset[str]) -> Boot:
    _only(boot, known, subject)
    command, image = boot.get("command", []), boot.get("image")
    if not isinstance(command, list) or not all(isinstance(part, str) for part in command):
        raise InvalidInput(f"{subject}: the command must be a list of strings")
    if not command and image is None:
        raise InvalidInput(f"{subject} has neither command nor image")
    return Boot(
        command=tuple(placeholders.fill(part) for part in command),
        image=placeholders.fill(image) if image is not None else None,
        environment={key: placeholders.fill(str(value)) for key, value in boot.get("environment", {}).items()},
        user=boot.get("user"),
        read_only=bool(boot.get("read_only", False)),
        port=int(boot.get("port", 8080)),
    )


def _only(table: Mapping[str, Any], known: frozenset[str], subject: str) -> None:
    if unknown := sorted(set(table) - known):
        raise InvalidInput(f"{subject} has unknown settings {', '.join(unknown)}; use {', '.join(sorted(known))}")


def _text(table: Mapping[str, Any], key: str, subject: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"{subject}: {key} is required")
    return value
