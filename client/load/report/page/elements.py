"""The elements that pages are made of: numbers, tables, sections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from client.load.histogram import SAMPLES_BEYOND_MIN
from client.load.summary import Latency
from vmhost.base.html_template import Html, escape, fill, join

PERCENTILES = ("p50", "p90", "p99", "p99.9", "p99.99", "max")
TOO_FEW = f"–: fewer than {SAMPLES_BEYOND_MIN} samples are above this percentile, so chance would decide it."
_TABLE = """<div class="wide" tabindex="0" role="region" aria-label="{name}"><table class="words{words}">
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def ms(value: float) -> str:
    """Writes milliseconds with two or three significant digits."""
    if value < 1:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def per_s(value: float) -> str:
    """Writes a rate."""
    return f"{value:,.1f}"


def seconds(value: float) -> str:
    """Writes a time: "8.0 s", "12 min 30 s", "3 h 2 min"."""
    if value < 120:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def share(part: float, whole: float) -> str:
    """Writes a share in percent, never rounded to none or all; "–" if there is no whole."""
    if not whole:
        return "–"
    if part in (0, whole):
        return f"{100 * part / whole:.0f} %"
    percent = min(max(100 * part / whole, 0.001), 99.999)
    digits = f"{percent:.3f}".rstrip("0").rstrip(".") if percent > 99 else f"{percent:.3g}"
    return f"{digits} %"


def time_cell(value: float | None, name: str, count: int) -> Html:
    """Returns a time in milliseconds, or a dash that says why it is unknown."""
    if value is not None:
        return escape(ms(value))
    why = f"{count:,} samples are too few for {name}: fewer than {SAMPLES_BEYOND_MIN} are above it"
    return fill('<abbr title="{why}">–</abbr>', why=why if count else "no sample")


def percentile_cells(latency: Latency, names: Sequence[str] = PERCENTILES) -> list[Html]:
    """Returns the cells of these percentiles."""
    return [time_cell(getattr(latency, name.replace(".", "")), name, latency.count) for name in names]


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1) -> Html:
    """Returns a table that scrolls sideways if it must. The first `words` columns are text, the others numbers."""
    return fill(
        _TABLE,
        name=name,
        words=words,
        head=join(fill('<th scope="col">{text}</th>', text=text) for text in head),
        rows=join((_row(cells) for cells in rows), "\n"),
    )


def _row(cells: Sequence[object]) -> Html:
    first, *rest = cells
    others = join(fill("<td>{cell}</td>", cell=each) for each in rest)
    return fill('<tr><th scope="row">{first}</th>{others}</tr>', first=first, others=others)


def section(title: str, *parts: Html) -> Html:
    """Returns a section, or nothing if all of its parts are empty."""
    content = join(filter(None, parts), "\n")
    return (
        fill("<section>\n<h3>{title}</h3>\n{content}\n</section>", title=title, content=content) if content else content
    )


def paragraph(text: str, kind: str = "text") -> Html:
    """Returns a paragraph of the class `kind`, or nothing if it has no text."""
    return fill('<p class="{kind}">{text}</p>', kind=kind, text=text) if text else Html("")
