"""The functions behind the load's charts, called in the browser: scales, labels, settled seconds."""

from __future__ import annotations

from typing import Any

import pytest
from console_page import OpenPage

from client.local.state_dir import LocalFacts

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


async def evaluated(open_page: OpenPage, cloud: LocalFacts, file: str, script: str, given: Any) -> Any:
    """What the script says, which knows that file's functions as `it`."""
    page = await open_page(cloud.console)
    return await page.evaluate(
        f"async (given) => {{ const it = await import('/assets/load/{file}'); {script} }}", given
    )


async def test_logarithmic_scale_has_round_labels(cloud: LocalFacts, open_page: OpenPage) -> None:
    script = """const of = (range) => [range, it.logSteps(...range).map(it.shortTime)];
        return given.map(([low, high]) => of(it.logRange(low, high)));"""
    ranges = [[0.9635, 2.408], [0.077945, 2408], [800, 1700], [None, None]]
    assert await evaluated(open_page, cloud, "scales.js", script, ranges) == [
        [[0.5, 5], ["0.5 ms", "1 ms", "2 ms", "5 ms"]],
        [[0.05, 5000], ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s"]],
        [[500, 5000], ["500 ms", "1 s", "2 s", "5 s"]],
        [[0.5, 200], ["1 ms", "10 ms", "100 ms"]],
    ]


async def test_major_mark_labels_first(cloud: LocalFacts, open_page: OpenPage) -> None:
    minor, major = [{"begin": 0, "end": 90, "minor": each} for each in (True, False)]
    later = {"begin": 95, "end": 150, "minor": True}
    crowd = [minor, major, minor, minor, major, later]
    assert await evaluated(open_page, cloud, "marks.js", "return it.rowsFor(given)", crowd) == [2, 0, -1, -1, 1, 0]


async def test_only_settled_seconds_drawn(cloud: LocalFacts, open_page: OpenPage) -> None:
    def course(ok: list[int], **changes: Any) -> dict[str, Any]:
        columns = [{"began_s": n, "seconds": 1, "offered": 20, "ok": each, "failed": 0} for n, each in enumerate(ok)]
        return {"over": False, "elapsed_s": 6.0, "timeout_s": 2.0, "columns": columns, **changes}

    courses = [
        course([20, 20, 20, 20, 20, 20]),
        course([20, 20, 20, 3, 20, 20]),
        course([20, 20, 3, 20, 20, 20]),
        course([20, 20, 3, 20, 20, 20], over=True),
    ]
    script = "return given.map((course) => it.settled(course).length)"
    # Not every process has told of the last second; an open one ends the drawing until a second after its timeout.
    assert await evaluated(open_page, cloud, "timeline.js", script, courses) == [5, 3, 5, 6]
