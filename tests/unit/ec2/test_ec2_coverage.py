"""Every parameter in botocore's model is supported, fixed, without effect or refused by name: docs/ec2-coverage.md."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vmhost.base.errors import Unsupported
from vmhost.ec2.actions.action import DEPENDS, check_supported
from vmhost.ec2.ec2_service import ACTIONS
from vmhost.ec2.service_model import ListOf, Scalar, ServiceModel, Shape, Structure, load


def _script() -> ModuleType:
    path = Path(__file__).parents[3] / "scripts" / "ec2-coverage"
    loader = importlib.machinery.SourceFileLoader("ec2_coverage", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


coverage = _script()


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return load(ACTIONS.keys())


def params(shape: Shape, path: list[str], value: Any) -> Any:
    """Return a decoded request with only the value at the path."""
    if isinstance(shape, ListOf):
        return [params(shape.element, path, value)]
    if isinstance(shape, Scalar):
        return value
    inner = next(member.shape for member in shape.members if member.name == path[0])
    return {path[0]: params(inner, path[1:], value)}


def refusal(name: str, shape: Structure, path: str, value: Any) -> str:
    """Return the error for a request with this value; empty if it is accepted."""
    action = ACTIONS[name]
    accepted = action.supported | action.without_effect | {"DryRun"}
    try:
        check_supported(name, params(shape, path.split("."), value), accepted, action.fixed)
    except Unsupported as error:
        return str(error)
    return ""


def test_actions_name_only_documented_parameters(model: ServiceModel) -> None:
    for name, action in ACTIONS.items():
        documented = [*coverage.leaves(model.operations[name].input)]
        for path in (*action.supported, *action.without_effect, *action.fixed):
            assert any(leaf == path or leaf.startswith(f"{path}.") for leaf in documented), (name, path)
        assert not action.supported & (action.without_effect | set(action.fixed)), name


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_no_documented_parameter_is_ignored(model: ServiceModel, name: str) -> None:
    shape = model.operations[name].input
    for path in coverage.leaves(shape):
        how = coverage.treatment(ACTIONS[name], path)
        error = refusal(name, shape, path, "odd")
        if how == "refused":
            named = error.removeprefix(f"{name} does not support ").removesuffix(" here; leave it out")
            assert path == named or path.startswith(f"{named}."), error
        elif how.startswith("fixed=") and "depends" not in how:
            assert f"{name} does not support {path}='odd' here; it is always " in error
        else:
            assert not error, path


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_fixed_values_are_accepted(model: ServiceModel, name: str) -> None:
    def values(fixed: Any, path: str) -> list[tuple[str, Any]]:
        if isinstance(fixed, Mapping):
            return [pair for key, inner in fixed.items() for pair in values(inner, f"{path}.{key}" if path else key)]
        return [(path, each) for each in (fixed if isinstance(fixed, frozenset) else (fixed,)) if each is not DEPENDS]

    for path, value in values(ACTIONS[name].fixed, ""):
        assert not refusal(name, model.operations[name].input, path, value), path


def test_coverage_page_is_up_to_date(model: ServiceModel) -> None:
    assert coverage.PAGE.read_text() == coverage.page(model), "run scripts/ec2-coverage"
