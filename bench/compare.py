"""`python -m bench.compare COMMIT [NAME …]`: an earlier commit beside this one, in alternating runs of benchmarks.

For each number it prints the median of both and the ratio new / old, with the interval that contains the true ratio
with 95 % probability if the rounds' logarithms are normally distributed. A number whose interval spans 1 did not
measurably change. Both commits use this environment's packages; each has an image of its own, if there is an engine.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NEW = Path(__file__).parent.parent
_LINE = re.compile(r"^(?:met|MISSED|kept|BROKEN)?\s+(?P<name>.+?): (?P<value>-?[\d.]+(?:e[+-]\d+)?) (?P<unit>\S[^(]*)")
_T_95 = (0.0, 12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Student's t for 95 %, by degrees of freedom; 2.23 above."""


def main() -> int:
    """Compare the benchmarks of two commits; code 1 if one of them printed no number."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("commit", help="the earlier commit")
    parser.add_argument("names", nargs="+", metavar="NAME", help="benchmarks to run")
    parser.add_argument("--rounds", type=int, default=4, help="runs of each benchmark for each commit (default 4)")
    options = parser.parse_args()
    failed = False
    with _checked_out(options.commit) as old:
        trees = {"old": old, "new": NEW}
        images = {side: _image(tree, f"glasscloud-bench-{side}") for side, tree in trees.items()}
        for name in options.names:
            runs: dict[str, list[list[tuple[str, float]]]] = {"old": [], "new": []}
            for turn in range(options.rounds):
                for side in ("old", "new") if turn % 2 == 0 else ("new", "old"):
                    runs[side].append(numbers(_output(trees[side], name, images[side])))
            # Names of numbers may have changed between the commits; their order has not.
            for which, (label, _) in enumerate(runs["new"][0]):
                pairs = [
                    (a[which][1], b[which][1])
                    for a, b in zip(runs["old"], runs["new"], strict=True)
                    if min(len(a), len(b)) > which
                ]
                print(f"{name}: {label.strip()}: {compared(pairs)}", flush=True)
            failed |= not runs["new"][0]
    return 1 if failed else 0


def numbers(output: str) -> list[tuple[str, float]]:
    """Return name and value of each number that a run of benchmarks printed. Pure."""
    return [(match["name"], float(match["value"])) for line in output.splitlines() if (match := _LINE.match(line))]


def compared(pairs: Sequence[tuple[float, float]]) -> str:
    """Return a sentence about the pairs (old, new) of one number. Pure."""
    old, new = ([pair[side] for pair in pairs] for side in (0, 1))
    text = f"{statistics.median(old):.3g} -> {statistics.median(new):.3g}"
    if len(pairs) < 2 or min(*old, *new) <= 0:
        return f"{text} (no ratio: {', '.join(f'{a:g} -> {b:g}' for a, b in pairs)})"
    logs = [math.log(b / a) for a, b in pairs]
    degrees = len(logs) - 1
    half = (_T_95[degrees] if degrees < len(_T_95) else 2.23) * statistics.stdev(logs) / math.sqrt(len(logs))
    middle = statistics.mean(logs)
    ratio, low, high = (math.exp(each) for each in (middle, middle - half, middle + half))
    return f"{text}, x {ratio:.3f} (95 %: {low:.3f} to {high:.3f}, {len(pairs)} pairs)"


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="glasscloud-bench-") as folder:
        tree = Path(folder) / "old"
        subprocess.run(["git", "-C", NEW, "worktree", "add", "--quiet", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "-C", NEW, "worktree", "remove", "--force", tree], check=False)


def _image(tree: Path, tag: str) -> str:
    if shutil.which("docker"):
        arguments = ["--build-arg", f"BASE_IMAGE={base}"] if (base := os.environ.get("BASE_IMAGE")) else []
        subprocess.run(["docker", "build", "--quiet", *arguments, "--tag", tag, tree], check=True, stdout=sys.stderr)
    return tag


def _output(tree: Path, name: str, image: str) -> str:
    """Run a benchmark in a tree, whose folders shadow the installed ones, and return what it printed."""
    environment = os.environ | {"PYTHONPATH": str(tree), "GLASSCLOUD_IMAGE": image}
    command = [sys.executable, "-m", "bench", name]
    run = subprocess.run(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, timeout=1800, check=False
    )
    print(run.stdout, file=sys.stderr, flush=True)
    return run.stdout


if __name__ == "__main__":
    sys.exit(main())
