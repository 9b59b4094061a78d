"""The vendored libraries run under the console's policy and do what the console needs."""

from __future__ import annotations

import pytest
from console_page import OpenPage, axe
from stub_server import PAGE, VENDOR, Served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

HTM, UPLOT = (next(VENDOR.glob(f"{name}-*")).name for name in ("htm", "uplot"))


async def test_components_with_state_are_drawn_and_redrawn(serve: Served, open_page: OpenPage) -> None:
    serve.script = f"""
        import {{ html, render, useEffect, useState }} from "/vendor/{HTM}/standalone.module.js";
        function Counter({{ name }}) {{
            const [count, setCount] = useState(0);
            useEffect(() => {{ document.title = `${{name}} ${{count}}`; }}, [count]);
            return html`<button style=${{{{ padding: "8px" }}}} onClick=${{() => setCount(count + 1)}}>
                ${{name}}: ${{count}}</button>`;
        }}
        render(html`<${{Counter}} name="kills" />`, document.querySelector(".text"));
    """
    serve.page = PAGE.replace("<p class", "<div class").replace("Words.</p>", "</div>")
    page = await open_page(serve.url)
    await page.get_by_role("button", name="kills: 0").click()
    await page.get_by_role("button", name="kills: 1").wait_for()
    await page.wait_for_function("document.title === 'kills 1'")
    assert await axe(page) == []


async def test_chart_drawn_and_read_with_pointer(serve: Served, open_page: OpenPage) -> None:
    serve.script = f"""
        import uPlot from "/vendor/{UPLOT}/uPlot.esm.js";
        const series = [{{}}, {{ label: "p99", stroke: "black" }}];
        const options = {{ width: 400, height: 200, scales: {{ x: {{ time: false }} }}, series }};
        window.chart = new uPlot(options, [[1, 2, 3], [10, 20, 15]], document.querySelector(".text"));
        chart.setData([[1, 2, 3, 4, 5], [10, 20, 15, 40, 30]]);
    """
    serve.page = PAGE.replace("<p class", "<div class").replace("Words.</p>", "</div>").replace(
        "/style.css", f"/vendor/{UPLOT}/uPlot.min.css"
    )  # fmt: skip
    page = await open_page(serve.url)
    assert await page.evaluate("() => chart.scales.y.max >= 40")
    drawn = "() => chart.ctx.getImageData(0, 0, 400, 200).data.some(value => value)"
    assert await page.evaluate(drawn)
    await page.locator(".u-over").hover()
    # The middle of five.
    await page.locator(".u-legend .u-value").filter(has_text="15").wait_for()
