from __future__ import annotations

from pathlib import Path

import pytest

from vmhost.base.errors import InvalidInput
from vmhost.catalogue.image_catalogue import DEFAULT_CATALOGUE, Placeholders, load_images
from vmhost.catalogue.type_catalogue import load_types

WORDS = Placeholders(python="/usr/bin/python3", image="glasscloud:test")
GOOD = """
[[image]]
id = "ami-0123456789"
name = "mine"
root_gib = 2

[image.boot.process]
command = ["{python}", "-c", "print({1: 2})"]

[image.boot.container]
image = "{image}"
user = "1000"
port = 80
environment = { WHERE = "{image}" }
"""


def write(folder: Path, text: str, name: str = "images.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_types_match_ec2() -> None:
    catalogue = load_types()
    kinds = {kind.name: kind for kind in catalogue.types}
    assert catalogue.as_of.count("-") == 2
    assert len(kinds) == len(catalogue.types) == 26
    assert {kind.hypervisor for kind in kinds.values() if kind.family == "t2"} == {"xen"}
    assert {kind.hypervisor for kind in kinds.values() if kind.family != "t2"} == {"nitro"}
    nano, large = kinds["t3.nano"], kinds["m5.large"]
    assert (nano.vcpus, nano.memory_mib, nano.baseline_percent, nano.price_usd_hour) == (2, 512, 5.0, 0.0052)
    assert (large.vcpus, large.memory_mib, large.baseline_percent, large.burstable) == (2, 8192, None, False)


def test_default_image_boots_with_every_driver() -> None:
    (image,) = load_images([DEFAULT_CATALOGUE], WORDS)
    assert image.name == "glasscloud-minimal"
    assert set(image.boots) == {"fake", "process", "container"}
    assert image.boots["process"].command[0] == WORDS.python
    assert image.boots["container"].image == WORDS.image


def test_only_placeholders_are_replaced(tmp_path: Path) -> None:
    (image,) = load_images([write(tmp_path, GOOD)], WORDS)
    assert image.boots["process"].command == ("/usr/bin/python3", "-c", "print({1: 2})")
    container = image.boots["container"]
    assert (container.image, container.user, container.port) == ("glasscloud:test", "1000", 80)
    assert container.environment == {"WHERE": "glasscloud:test"}
    assert (image.root_gib, image.architecture) == (2, "x86_64")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no"),
        ("image = 3", "has no"),
        ("[[image", "not valid TOML"),
        (GOOD.replace("ami-0123456789", "my-image"), "use ami-"),
        (GOOD.replace('name = "mine"', ""), "name is required"),
        (GOOD.replace("root_gib", "rooot_gib"), "rooot_gib"),
        (GOOD.replace("user =", "usr ="), "usr"),
        (GOOD + GOOD, "twice"),
        ('[[image]]\nid = "ami-0123456789"\nname = "mine"\n', "no boot table"),
        ('[[image]]\nid = "ami-0123456789"\nname = "mine"\nboot = { process = { command = "sh" } }', "list of strings"),
        ('[[image]]\nid = "ami-0123456789"\nname = "mine"\nboot = { process = {} }', "neither command nor image"),
    ],
)
def test_invalid_catalogue_error_names_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidInput, match=says) as refused:
        load_images([path], WORDS)
    assert str(path) in str(refused.value)


def test_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_images([tmp_path / "none.toml"], WORDS)


def test_network_without_figures_uses_ec2_words() -> None:
    words = {itype.name: itype.network_words for itype in load_types().types}
    assert words["t2.micro"] == "Low to Moderate"
    assert words["t2.2xlarge"] == "Moderate"
    assert not any(said for name, said in words.items() if not name.startswith("t2."))
