"""A fault or an experiment that is added as CONTRIBUTING.md says, in two files, appears everywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PARTS = ("client", "server", "vmhost")
FAULT = '''
"""The fault `freeze`."""

from dataclasses import dataclass
from typing import ClassVar

from vmhost.api.parameters import parameter
from vmhost.faults.fault import Fault, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze(Fault):
    name: ClassVar[str] = "freeze"
    title: ClassVar[str] = "freeze"
    summary: ClassVar[str] = "does nothing for a while"

    seconds: float = parameter(3.0, label="seconds", least=1, most=9, unit="s")

    @property
    def duration_s(self) -> float:
        return self.seconds

    async def inject(self, target: Target) -> None:
        await target.driver.instances.kill(target.instance_id)
'''
EXPERIMENT = '''
"""The experiment `crowd`."""

from dataclasses import dataclass
from typing import ClassVar

from vmhost.api.parameters import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    name: ClassVar[str] = "crowd"
    title: ClassVar[str] = "crowd"
    summary: ClassVar[str] = "gets ten times the requests"
    button: ClassVar[str] = "Send a crowd"
    key: ClassVar[str] = "x"
    fault: ClassVar[str] = ""
    ends_instance: ClassVar[bool] = False

    times: int = parameter(10, label="times", least=2, most=20)
'''
SHOWN = """
import msgspec
from dataclasses import replace
from client.cloud_state import CloudState, fold
from client.console.publisher import Publisher
from client.experiments.runner import EXPERIMENTS
from client.experiments.results import Progress, Step, step_json
from client.view.demo_screen import KEYS
from client.view.screen_texts import GLOSSARY
from tests.unit.client.client_builders import IDS, cloud
from vmhost.admin import ALLOWED
from vmhost.api.views import FaultView, Snapshot, decode

fault = FaultView(fault_id="fault-1", fault="freeze", instance_id=IDS[0], phase="started", at=1.0, until=4.0)
sent = replace(cloud(), allowed=ALLOWED, faults=(fault,))
world = fold(CloudState(), decode(Snapshot, msgspec.json.decode(msgspec.json.encode(sent))))
page = Publisher(world, links={}, why="").snapshot()
what = Progress(action="", stage="waiting")
step = Step(number=1, by="", experiment="crowd", title=EXPERIMENTS["crowd"].title, instance_id=IDS[0],
            ends_instance=False, what=what)
shown = {"page": page, "keys": KEYS, "glossary": GLOSSARY, "step": step_json(step, {})}
print(msgspec.json.encode(shown).decode())
"""


def add(root: Path, path: str, text: str, registry: str, import_line: str, before: str, after: str) -> None:
    """Write the file, and put the class into the registry's list."""
    (root / path).write_text(text.lstrip())
    listed = (root / registry).read_text()
    assert before in listed
    first = listed.index("\nfrom ", listed.index("__future__")) + 1
    (root / registry).write_text(listed[:first] + import_line + "\n" + listed[first:].replace(before, after))


def test_two_files_each_show_it_everywhere(tmp_path: Path) -> None:
    for part in (*PARTS, "tests/unit/client"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    add(
        tmp_path, "vmhost/faults/freeze.py", FAULT, "vmhost/faults/registry.py",
        "from vmhost.faults.freeze import Freeze", "(Kill, HogCpu)", "(Kill, HogCpu, Freeze)",
    )  # fmt: skip
    add(
        tmp_path, "client/experiments/crowd.py", EXPERIMENT, "client/experiments/runner.py",
        "from client.experiments.crowd import Crowd", "(Kill, NoisyNeighbor)", "(Kill, NoisyNeighbor, Crowd)",
    )  # fmt: skip
    run = subprocess.run(
        [sys.executable, "-c", SHOWN], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    shown = json.loads(run.stdout)
    page = shown["page"]
    freeze, crowd = ({each["name"]: each for each in page["actions"]}[name] for name in ("freeze", "crowd"))
    assert (freeze["label"], freeze["kind"], freeze["parameters"][0]["most"]) == ("Freeze", "fault", 9)
    assert (crowd["label"], crowd["kind"], crowd["parameters"][0]["label"]) == ("Crowd", "experiment", "times")
    assert {"name": "crowd", "title": "crowd", "button": "Send a crowd", "ends_instance": False} in page["experiments"]
    frozen = page["instances"][0]
    assert [each["label"] for each in frozen["faults"]] == ["freeze"]
    assert frozen["disabled"]["freeze"] == "freeze already runs in it"
    assert ["x", "crowd"] in shown["keys"]
    assert any(line.split() == ["crowd", "gets", "ten", "times", "the", "requests"] for line in shown["glossary"])
    assert (shown["step"]["experiment"], shown["step"]["sentence"]) == ("crowd", "waiting")
