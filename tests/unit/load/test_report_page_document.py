"""The report's page is one file that needs nothing else, can be read by everyone, and escapes every text."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from importlib import resources

import pytest
from report_pages import CLOSED, HERE, HOSTILE, MANY, PLAN, RICH, Reader, read, report, rows

from client.load.plan.model import DataSource, Target
from client.load.report.page.elements import ms
from client.load.report.page.page import page_policy, report_page
from client.load.run_report import Report


@pytest.mark.parametrize("made", [[each] for each in MANY] + [MANY])
def test_page_is_well_formed_and_needs_nothing_else(made: list[Report]) -> None:
    page = report_page(made)
    root = Reader(page).root
    for name in ("link", "img", "iframe", "object", "use", "image", "form", "svg"):
        assert root.all(name) == []
    assert "@import" not in page
    for element in [found for name in ("a", "div", "span", "i", "abbr", "td", "script") for found in root.all(name)]:
        assert not any(name.startswith("on") or name in ("src", "style") for name in element.attributes)
        assert (element.attributes.get("href") or "#").startswith("#")
    ids = re.findall(r' id="([^"]+)"', page.partition("<script")[0])
    assert len(ids) == len(set(ids))


def test_policy_allows_only_the_script_and_style_of_the_page() -> None:
    page = read(RICH)
    (script,), (style,) = page.all("script"), page.all("style")
    (meta,) = (each for each in page.all("meta") if each.attributes.get("http-equiv"))
    assert meta.attributes["content"] == page_policy()
    assert page_policy() == (
        f"default-src 'none'; script-src 'sha256-{sha256(script.text)}'; style-src 'sha256-{sha256(style.text)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style.text


def sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("made", MANY)
def test_every_chart_has_a_text_and_its_numbers(made: Report) -> None:
    for figure in read(made).all("figure"):
        (plot,) = (each for each in figure.all("div") if each.attributes.get("class") == "plot")
        assert plot.attributes["role"] == "img"
        assert plot.attributes["aria-label"]
        assert figure.all("figcaption")[0].text
        assert len(figure.all("details")[0].all("tr")) >= 2
        assert not re.search(r"NaN|Infinity", figure.attributes["data-options"] or "")


def test_text_from_outside_is_escaped() -> None:
    plan = replace(
        PLAN, targets=(Target(url=f"http://h/{HOSTILE}", name=HOSTILE), Target(url="http://h/", name="b")),
        name=HOSTILE, sources={HOSTILE: DataSource(values=(HOSTILE,))},
    )  # fmt: skip
    made = report(plan=plan, marks=(HOSTILE,), names=(HOSTILE, "b"), hosts=(HOSTILE,))
    total = replace(made.summary, errors={HOSTILE: 3}, classes={HOSTILE: made.summary.response}, statuses={HOSTILE: 1})
    assessment = replace(made.assessment, reason=HOSTILE)
    process = replace(made.result.processes[0], name=HOSTILE)
    made = replace(
        made, assessment=assessment, result=replace(made.result, total=total, processes=(process,)),
        environment=replace(HERE, cpu=HOSTILE, system=HOSTILE, python=HOSTILE, versions={HOSTILE: HOSTILE}),
    )  # fmt: skip
    page = report_page([made, made])
    assert "\x00" not in page
    root = Reader(page).root
    assert len(root.all("script")) == 1
    assert root.all("img") == []
    shown = HOSTILE.replace("\x00", "\ufffd")
    assert root.all("header")[0].all("p")[0].text == shown
    assert shown in root.all("title")[0].text
    assert shown in root.all("ol")[0].text


def test_several_runs_have_an_overview_with_links() -> None:
    page = read(RICH, report(), report(plan=CLOSED))
    overview = rows(page, "All runs")
    assert [row[1] for row in overview] == ["FAILED", "FAILED", "VALID"]
    assert overview[0][7] == ms(RICH.summary.response.p99 or 0)
    links = [link.attributes["href"] for link in page.all("a")]
    assert links == [f"#{article.attributes['id']}" for article in page.all("article")]


def test_page_of_hours_stays_below_a_megabyte() -> None:
    long = report(seconds=1200, per_second=60, spread=40, bad=2)
    assert len(long.result.timeline) == 600
    one = report_page([long])
    assert len(one.encode()) < 1_000_000
    assert len(rows(Reader(one).root, "Requests per second over time")) == 600
    assert len(report_page([long] * 5).encode()) < 1_000_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_meets_wcag(scheme: str) -> None:
    style = resources.files("client.load.report.page").joinpath("style.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", part)) for part in style.split("@media", 2)[:2])
    assert light.keys() == dark.keys()
    colours = light if scheme == "light" else dark
    for ground in ("paper", "panel"):
        for text in ("ink", "soft", "blue", "orange", "green", "red"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for text, ground in (("green", "good-paper"), ("red", "bad-paper"), ("doubt", "doubt-paper"), ("paper", "violet")):
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for number in range(1, 8):
        assert contrast(colours[f"heat{number}"], colours["paper"]) >= 3, number


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
