"""Which Python a benchmark runs: implementation, version, and whether it was built with profile-guided optimisation.

Debian's own Python, which was, runs the front end some 20 % faster than one built without. This file is also run as it
is inside our image, so it imports nothing of ours.
"""

from __future__ import annotations

import platform
import sysconfig
from collections.abc import Mapping


def words(implementation: str, version: str, config: Mapping[str, object]) -> str:
    """The interpreter in words, from its name, version and build variables. Pure."""
    name = f"{implementation} {version}"
    if implementation != "CPython":
        return name
    return f"{name}, built {'with' if optimised(config) else 'without'} profile-guided optimisation"


def optimised(config: Mapping[str, object]) -> bool:
    """Whether CPython was built so: its configuration asked for it, or it was asked of make, as Debian does. Debian
    empties the flag for compiling by the profile afterwards, which is never empty otherwise."""
    asked = "--enable-optimizations" in str(config.get("CONFIG_ARGS"))
    return asked or bool(config.get("PGO_PROF_GEN_FLAG") and not config.get("PGO_PROF_USE_FLAG"))


def own() -> str:
    """This interpreter."""
    return words(platform.python_implementation(), platform.python_version(), sysconfig.get_config_vars())


if __name__ == "__main__":
    print(own())
