"""A driver that is a folder and one line in the registry appears wherever people look for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from client.cli import main
from client.cli.down import counted
from vmhost.api.drivers import list_objects
from vmhost.catalogue.image_catalogue import Placeholders, load_images
from vmhost.drivers import registry

ABOUT = """
from vmhost.api.drivers import Diagnosis, DriverDescription, DriverObject, Finding, Level
from vmhost.drivers.registry import DriverAbout

async def diagnose(computer):
    fix = computer.install({"apt": "lightvm", "brew": "lightvm"}) or "install lightvm"
    finding = Finding(name="LightVM", level=Level.NOTE, text="not installed", fix=f"{fix}, then {computer.program} up")
    return Diagnosis(findings=(finding,), usable=False)

async def list_objects(cloud):
    return tuple(DriverObject(kind="lightvm", name=f"{cloud}-{number}", noun="virtual machine") for number in (1, 2))

ABOUT = DriverAbout(
    description=DriverDescription(
        name="lightvm", plural="virtual machines", needs="LightVM is installed", packages=("lightvm_sdk",),
        image_settings=frozenset({"kernel"}),
    ),
    factory="lightvm.driver:Driver", removal_command=lambda cloud, _: f"lightvm rm {cloud}", diagnose=diagnose,
    list_objects=list_objects,
)
"""


@pytest.fixture(autouse=True)
def _new_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "lightvm"
    package.mkdir()
    (package / "about.py").write_text(ABOUT)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "ABOUTS", (*registry.ABOUTS, "lightvm.about"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    # Nothing but the new driver may decide what is found.
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")


def test_doctor_shows_its_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 1
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found["LightVM"]["text"] == "not installed"
    assert "lightvm, then " in found["LightVM"]["fix"]
    assert found["environment"]["text"] == "packages are missing: lightvm_sdk"


def test_help_and_errors_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--help"]) == 0
    assert "as virtual machines if LightVM is installed" in " ".join(capsys.readouterr().out.split())
    assert main(["up", "--driver", "vmware"]) == 2
    assert "lightvm" in capsys.readouterr().err


async def test_its_objects_are_counted_in_its_words() -> None:
    assert counted(await list_objects("mine", "lightvm")) == "2 virtual machines"


def test_image_catalogue_takes_its_settings(tmp_path: Path) -> None:
    catalogue = tmp_path / "images.toml"
    boot = 'command = ["run"]\nkernel = "vmlinux"'
    catalogue.write_text(f'[[image]]\nid = "ami-00000001"\nname = "one"\n[image.boot.lightvm]\n{boot}\n')
    (image,) = load_images([catalogue], Placeholders(python="p", image="i"))
    assert "lightvm" in image.boots
