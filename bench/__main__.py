"""`python -m bench [NAME …]`: runs benchmarks, prints each figure beside its promise; code 1 when one broke."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import interpreter
from bench.figures import Figure, Missing
from bench.machines import IMAGE, need_engine

NAMES = ("frontend", "load", "leaf", "cpu", "isolation", "launching", "idling", "console", "readers")


def main() -> int:
    """Runs what is named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; default all")
    names = parser.parse_args().names or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"{unknown[0]!r} is no benchmark; expected one of {', '.join(NAMES)}")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}, {interpreter.own()}")
    if inside := _in_image():
        print(f"inside {IMAGE}: {inside}")
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
    return f"{name}, {platform.system()} {platform.release()}"


def _in_image() -> str:
    """The interpreter of container instances; empty without an engine that has the image."""
    source = Path(interpreter.__file__).read_text()
    with contextlib.suppress(Missing, subprocess.SubprocessError):
        need_engine()
        command = ["docker", "run", "--rm", "--entrypoint", "python", IMAGE, "-c", source]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    return ""


if __name__ == "__main__":
    sys.exit(main())
