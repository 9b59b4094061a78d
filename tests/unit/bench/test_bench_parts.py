"""The arithmetic of benchmarks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cpu_usage import MeasuredInstance, entitled
from bench.interpreter import description, own


def _instance(guaranteed: float, ceiling: float = 1.0) -> MeasuredInstance:
    return MeasuredInstance(container="c", type_name="t", host="host-a", guaranteed=guaranteed, ceiling=ceiling, pid=1)


def test_cores_are_divided_by_weight() -> None:
    assert entitled(1.0, [_instance(0.1), _instance(0.2), _instance(0.2)]) == pytest.approx([0.2, 0.4, 0.4])


def test_share_above_the_ceiling_goes_to_others() -> None:
    assert entitled(3.0, [_instance(0.1), _instance(0.1), _instance(0.4, 1.0)]) == pytest.approx([1.0, 1.0, 1.0])
    assert entitled(2.0, [_instance(0.1, 2.0), _instance(0.2, 2.0), _instance(0.9, 0.5)]) == pytest.approx(
        [0.5, 1.0, 0.5]
    )


@given(
    guests=st.lists(st.tuples(st.floats(0.01, 4), st.floats(0.1, 4)), max_size=8),
    cores=st.floats(0.1, 16),
)
def test_shares_never_exceed_the_cores(guests: list[tuple[float, float]], cores: float) -> None:
    made = [_instance(guaranteed, ceiling) for guaranteed, ceiling in guests]
    shares = entitled(cores, made)
    assert sum(shares) == pytest.approx(min(cores, sum(one.ceiling for one in made)))
    assert all(share <= one.ceiling + 1e-9 for share, one in zip(shares, made, strict=True))


@pytest.mark.parametrize(
    ("config", "built"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto'", "PGO_PROF_USE_FLAG": "-fprofile-use"}, "with"),
        ({"CONFIG_ARGS": "", "PGO_PROF_GEN_FLAG": "-fprofile-generate", "PGO_PROF_USE_FLAG": ""}, "with"),
        ({"PGO_PROF_GEN_FLAG": "-fprofile-generate", "PGO_PROF_USE_FLAG": "-fprofile-use"}, "without"),
        ({}, "without"),
    ],
)
def test_interpreter_is_named_with_its_build(config: dict[str, object], built: str) -> None:
    assert description("CPython", "3.11.7", config) == f"CPython 3.11.7, built {built} profile-guided optimization"


def test_other_interpreters_are_named_without_build() -> None:
    assert description("PyPy", "3.11.11", {}) == "PyPy 3.11.11"
    assert own()
