"""`glasscloud load --once`: one request of each target, or one flow, shown with both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.load.load_command import Website, load
from tests.integration.load.load_service import served

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")


@pytest.fixture
async def service() -> AsyncIterator[Website]:
    website = Website()
    async with served(website.handle) as website.url:
        yield website


async def test_once_shows_the_requests_of_a_flow(service: Website, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text(
        "async def on_start(user):\n    print('hello \\x1b[31mred')\n    await user.get('/start')\n"
        "async def flow(user):\n"
        "    page = await user.post('/buy', data={'what': 'glass', 'password': 'hunter2'}, name='buy')\n"
        "    user.check('sold' in await page.text(), 'nothing was sold')\n"
        "async def on_stop(user):\n    await user.get('/stop')\n"
    )
    code, out, err = await load(str(script), "--url", service.url, "--users", "5", "--once")
    assert (code, err) == (1, "")
    assert service.asked == {"/start": 1, "/buy": 1, "/stop": 1}
    lines = out.splitlines()
    assert lines[0] == "printed: hello red"
    assert lines[1].startswith("step GET /start: 200 OK; after ")
    assert any(line.startswith("step buy: 200 OK; after ") for line in lines)
    assert "    > what=glass&password=(hidden)" in lines
    assert "    < you asked /buy" in lines
    (end,) = (line for line in lines if line.startswith("flow: "))
    assert end.startswith("flow: FAILED (wrong answer): nothing was sold (flow.py:6); after ")
    assert "\x1b" not in out


async def test_once_shows_a_request_of_each_target(service: Website, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'rate = 100\nfor = "1m"\n'
        f'[[target]]\nname = "good"\nurl = "{service.url}/good"\n'
        f'[[target]]\nname = "other"\nurl = "{service.url}/other"\nexpect = {{contains = "nothing"}}\n'
    )
    code, out, _ = await load(str(plan), "--once")
    assert code == 1
    assert service.asked == {"/good": 1, "/other": 1}
    assert "good: 200 OK; connected in " in out
    assert "other: FAILED: the body does not contain 'nothing'; connected in " in out
    assert "    > GET /good HTTP/1.1" in out
    assert "    < you asked /other" in out
    assert (await load(f"{service.url}/", "--once"))[0] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["http://127.0.0.1:9/", "--once"], {1, 2}, "127.0.0.1:9 cannot be reached"),
        (
            ["http://127.0.0.1:9/", "--once", "--json"],
            {2},
            "--json cannot be used with --once, which sends each request once and makes no report",
        ),
    ],
)
async def test_once_refuses_other_options(arguments: list[str], code: set[int], expected: str) -> None:
    found, _, err = await load(*arguments)
    assert found in code
    assert expected in err


async def test_once_shows_output_of_a_failing_script(service: Website, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text("print('loading')\nasync def setup(url):\n    1 / 0\nasync def flow(user): pass\n")
    code, out, err = await load(str(script), "--url", service.url, "--once")
    assert (code, out) == (2, "printed: loading\n")
    assert "ZeroDivisionError" in err
    assert "flow.py:3" in err
