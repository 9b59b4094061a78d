"""`python -m bench [NAME …]`: runs benchmarks, prints each figure beside its promise; code 1 when one broke."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure, Missing

NAMES = ("frontend", "load", "leaf", "launching", "idling", "console", "readers")


def main() -> int:
    """Runs what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default all")
    names = parser.parse_args().names or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"{unknown[0]!r} is no benchmark; expected one of {', '.join(NAMES)}")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}")
    broken = [name for name in names if _measure(name)]
    return 1 if broken else 0


def _measure(name: str) -> bool:
    try:
        figures: list[Figure] = asyncio.run(importlib.import_module(f"bench.{name}").run())
    except Missing as missing:
        print(f"not run {name}: {missing}")
        return False
    for figure in figures:
        print(figure.line(), flush=True)
    return any(figure.kept is False for figure in figures)


def _machine() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = f"{len(models)} x {models[0]}" if models else platform.processor()
    return f"{name}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
