"""Examples of what failed in a script: with the request and the response before it."""

from __future__ import annotations

from collections.abc import Callable

from client.load.plan.model import Plan
from tests.integration.load.script_shop import flow_of, report_of


async def test_a_failed_check_shows_the_request_and_the_response_before_it(planned: Callable[..., Plan]) -> None:
    script = (
        flow_of(
            'data = {"name": "ada", "password": "hunter2"}',
            'page = await user.post("/login", data=data, headers={"X-Key": "hunter2"})',
            "await find(user, await page.text())",
        )
        + """
async def find(user, text):
    user.check("basket" in text, "no basket")
"""
    )
    report = await report_of(planned(script, rate_per_s=20, duration_s=0.5))
    (example,) = report.result.examples
    assert (example.target, example.fault, example.status) == ("flow", "wrong answer", 200)
    assert example.error.split("\n") == [
        "no basket (flow.py:6)",
        "  flow.py:4 in flow: await find(user, await page.text())",
        '  flow.py:6 in find: user.check("basket" in text, "no basket")',
    ]
    assert "GET http" in example.request
    assert "/home HTTP/1.1" in example.request
    assert "Cookie: visitor=(hidden)" in example.request
    assert "home of" in example.response
    assert "hunter2" not in f"{example}"


async def test_a_step_that_fails_is_an_example_with_its_body(planned: Callable[..., Plan]) -> None:
    script = flow_of('await user.post("/broken", json={"title": "glass", "token": "hunter2"}, name="buy")')
    report = await report_of(planned(script, rate_per_s=20, duration_s=0.5))
    assert {each.kind for each in report.result.examples} == {("buy", 405, "4xx")}
    example = report.result.examples[0]
    assert example.error == "status 405 Method Not Allowed"
    assert '{"title": "glass", "token": (hidden)}' in example.request
    assert example.response.startswith("HTTP/1.1 405 Method Not Allowed")
    assert len(report.result.examples) == 3


async def test_a_flow_out_of_time_shows_the_step_that_took_it(planned: Callable[..., Plan]) -> None:
    report = await report_of(planned(flow_of('await user.get("/hang")'), rate_per_s=10, duration_s=0.3, timeout_s=0.2))
    assert {each.target for each in report.result.examples} == {"GET /hang"}
    assert report.result.examples[0].error == "no response when the flow's timeout of 0.2 s was over"
    slow = flow_of('await user.get("/visit")', "import asyncio", "await asyncio.sleep(5)")
    report = await report_of(planned(slow, rate_per_s=10, duration_s=0.3, timeout_s=0.3))
    assert {(each.target, each.error.split("\n")[0]) for each in report.result.examples} == {
        ("flow", "the flow took longer than its timeout of 0.3 s")
    }
