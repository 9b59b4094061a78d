from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmhost.__main__ import main, parser, settings_of
from vmhost.base.errors import InvalidInput
from vmhost.drivers.registry import DriverAbout, MissingPrerequisite, Prerequisites, all_drivers, choose
from vmhost.model.image import Boot, Image
from vmhost.settings import Settings, default_state


def image(container: str | None) -> Image:
    boots = {"process": Boot(command=("true",))}
    if container:
        boots["container"] = Boot(image=container)
    return Image(
        id="ami-00000001", name="x", description="", architecture="x86_64", root_gib=1, created="", boots=boots
    )


def _drivers(missing_prerequisite: Prerequisites) -> tuple[DriverAbout, ...]:
    """The real drivers, of which the preferred one has other prerequisites."""
    preferred, *others = all_drivers()
    return (replace(preferred, missing_prerequisite=missing_prerequisite), *others)


async def test_chosen_driver_is_used_without_probing() -> None:
    async def missing_prerequisite(reference: str) -> MissingPrerequisite | None:
        raise AssertionError(reference)

    choice = await choose("process", [image("one")], _drivers(missing_prerequisite))
    assert (choice.driver, choice.why) == ("process", "")


async def test_auto_needs_every_image_for_containers() -> None:
    probed: list[str] = []

    async def missing_prerequisite(reference: str) -> MissingPrerequisite | None:
        probed.append(reference)
        return MissingPrerequisite(name="image", reason="no image two") if reference == "two" else None

    drivers = _drivers(missing_prerequisite)
    chosen = await choose("auto", [image("one"), image(None)], drivers)
    assert (chosen.driver, chosen.why, chosen.missing) == ("container", "instances are containers", "")
    refused = await choose("auto", [image("one"), image("two")], drivers)
    assert (refused.driver, refused.missing) == ("process", "image")
    assert refused.why == "instances are plain processes: no image two"
    assert probed == ["one", "one", "two"]


def test_arguments_become_settings(tmp_path: Path) -> None:
    line = (
        "--driver fake --port 0 --hosts 3 --overcommit 1.5 --images a.toml --images b.toml --allowed-host VMHOST --keep"
    )
    arguments = parser().parse_args([*line.split(), "--state", str(tmp_path), "--cloud", "lab-1"])
    settings = settings_of(arguments, {"GLASSCLOUD_IMAGE": "mine:1"})
    assert (settings.driver, settings.port, settings.state, settings.keep) == ("fake", 0, tmp_path, True)
    assert (settings.cloud.name, settings.hosts, settings.cloud.overcommit) == ("lab-1", 3, 1.5)
    assert settings.images == (Path("a.toml"), Path("b.toml"))
    assert (settings.allowed_hosts, settings.image) == (frozenset({"vmhost"}), "mine:1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"driver": "xen"},
        {"port": 70000},
        {"open": True, "bind": "0.0.0.0"},
        {"network": "198.18.0.0/99"},
        {"network": "198.18.0.1/16"},
        {"network": "10.0.0.0/30"},
    ],
)
def test_invalid_settings_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"use |out of range|invalid"):
        Settings(state=tmp_path, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [["--cloud", "No Name"], ["--overcommit", "0"], ["--overcommit", "nan"]])
def test_wrong_arguments_exit_with_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main([*arguments, "--driver", "fake"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_help_has_examples(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert "(default:" not in text
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_state_folder_follows_xdg() -> None:
    assert default_state("c", {"XDG_STATE_HOME": "/var/tmp/s"}) == Path("/var/tmp/s/glasscloud/c/vmhost")
    assert default_state("c", {}) == Path.home() / ".local/state/glasscloud/c/vmhost"
