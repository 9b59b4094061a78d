"""`python -m bench [NAME …]`: runs benchmarks, prints each number beside its target; code 1 if one is missed."""

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
from bench.measurement import Measurement, MissingPrerequisite
from bench.platform_setup import IMAGE, require_engine

NAMES = ("frontend", "load", "leaf", "cpu", "isolation", "launching", "idling", "console", "readers")


def main() -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(NAMES)} (default: all)"
    )
    names = parser.parse_args().names or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}; choose from {', '.join(NAMES)}")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {_computer()}, {interpreter.own()}")
    if inside := _in_image():
        print(f"inside {IMAGE}: {inside}")
    missed = [name for name in names if _measure(name)]
    return 1 if missed else 0


def _measure(name: str) -> bool:
    try:
        measurements: list[Measurement] = asyncio.run(importlib.import_module(f"bench.{name}").run())
    except MissingPrerequisite as missing:
        print(f"skipped {name}: {missing}")
        return False
    for each in measurements:
        print(each.line(), flush=True)
    return any(each.met is False for each in measurements)


def _computer() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = f"{len(models)} x {models[0]}" if models else platform.processor()
    return f"{name}, {platform.system()} {platform.release()}"


def _in_image() -> str:
    """The Python of container instances; empty without an engine that has the image."""
    source = Path(interpreter.__file__).read_text()
    with contextlib.suppress(MissingPrerequisite, subprocess.SubprocessError):
        require_engine()
        command = ["docker", "run", "--rm", "--entrypoint", "python", IMAGE, "-c", source]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    return ""


if __name__ == "__main__":
    sys.exit(main())
