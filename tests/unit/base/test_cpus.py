"""Sets of CPUs as Linux writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmhost.base.units import format_cpus, parse_cpus, physical_cores


@given(cpus=st.frozensets(st.integers(0, 300)))
def test_formatted_list_parses_back(cpus: frozenset[int]) -> None:
    assert parse_cpus(format_cpus(cpus)) == tuple(sorted(cpus))


def test_adjacent_cpus_are_formatted_as_ranges() -> None:
    assert format_cpus([6, 0, 1, 2]) == "0-2,6"
    assert parse_cpus("0-2,6\n") == (0, 1, 2, 6)


def test_invalid_list_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_cpus("all")


def test_threads_of_a_core_are_grouped(tmp_path: Path) -> None:
    for cpu, siblings in ((0, "0,2"), (1, "1,3"), (2, "0,2"), (3, "1,3"), (4, "nonsense")):
        folder = tmp_path / f"devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings)
    assert physical_cores(range(6), tmp_path) == ((0, 2), (1, 3), (4,), (5,))
    assert physical_cores((0, 1, 3), tmp_path) == ((0,), (1, 3)), "CPU 2 is not ours"
