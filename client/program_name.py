"""The name by which the user can call this program from their folder, for messages that contain a command."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

PROGRAM = "glasscloud"
DEFAULT_CLOUD = "glasscloud"
CLOUD_VARIABLE = "GLASSCLOUD_CLOUD"
"""Environment variable with the name of the cloud to use, as in compose."""
_BEFORE = re.compile(r"(?m)(^ +(?:[A-Z_]+=\S+ )*|\$\()" + PROGRAM + "(?= )")


def program_name(cloud: str = DEFAULT_CLOUD) -> str:
    """Return the command to type: "glasscloud" if it is on the PATH, else a path such as ".venv/bin/glasscloud".

    For a cloud other than the default one it starts with the variable: "GLASSCLOUD_CLOUD=mine glasscloud"."""
    return f"{_named(cloud)}{_program()}"


def _named(cloud: str) -> str:
    return "" if cloud == DEFAULT_CLOUD else f"{CLOUD_VARIABLE}={cloud} "


def _program() -> str:
    typed = sys.argv[0] if Path(sys.argv[0]).name == PROGRAM else str(Path(sys.executable).parent / PROGRAM)
    return as_typed(typed, on_path=shutil.which(PROGRAM), here=Path.cwd())


def as_typed(typed: str, *, on_path: str | None, here: Path) -> str:
    """Return the shortest way to name the program: its bare name, a path relative to `here`, or the path unchanged."""
    path = Path(typed)
    if not path.exists() or (on_path is not None and path.samefile(on_path)):
        return PROGRAM
    return str(path.relative_to(here)) if path.is_relative_to(here) else typed


def examples(text: str) -> str:
    """Return the examples of a help text with the program's name as the user can type it here."""
    return _BEFORE.sub(lambda match: match[1] + program_name(), text)
