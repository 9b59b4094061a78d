"""How a person calls this program from where they stand, for sentences that name a command."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

PROGRAM = "glasscloud"
DEFAULT_CLOUD = "glasscloud"
CLOUD_VARIABLE = "GLASSCLOUD_CLOUD"
"""Environment variable: the name of the cloud that is meant, as in compose."""
_BEFORE = re.compile(r"(?m)(^ +(?:[A-Z_]+=\S+ )*|\$\()" + PROGRAM + "(?= )")


def called(cloud: str = DEFAULT_CLOUD) -> str:
    """The program as it was called: "glasscloud" where the PATH leads to it, else such as ".venv/bin/glasscloud".

    For another cloud than the default one its name comes first: "GLASSCLOUD_CLOUD=mine glasscloud"."""
    return f"{_named(cloud)}{_program()}"


def _named(cloud: str) -> str:
    return "" if cloud == DEFAULT_CLOUD else f"{CLOUD_VARIABLE}={cloud} "


def _program() -> str:
    typed = sys.argv[0] if Path(sys.argv[0]).name == PROGRAM else str(Path(sys.executable).parent / PROGRAM)
    return as_typed(typed, on_path=shutil.which(PROGRAM), here=Path.cwd())


def as_typed(typed: str, *, on_path: str | None, here: Path) -> str:
    """The shortest that leads to the typed program: its bare name, a path from `here`, else the path as it is."""
    path = Path(typed)
    if not path.exists() or (on_path is not None and path.samefile(on_path)):
        return PROGRAM
    return str(path.relative_to(here)) if path.is_relative_to(here) else typed


def examples(text: str) -> str:
    """A help text's examples, the program named as it was called."""
    return _BEFORE.sub(lambda match: match[1] + called(), text)
