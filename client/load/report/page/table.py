"""Tables, the plainest form of every figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmhost.base.markup import Html, fill, join

_TABLE = """<div class="wide" tabindex="0" role="region" aria-label="{name}"><table{kind}>
<thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def table(name: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, words: int = 1) -> Html:
    """A table that scrolls sideways where it must. The first column names the row; the first `words` columns hold
    words, all others numbers."""
    return fill(
        _TABLE,
        name=name,
        kind=Html("" if words == 1 else f' class="words{words}"'),
        head=join(fill('<th scope="col">{text}</th>', text=text) for text in head),
        rows=join((_row(cells) for cells in rows), "\n"),
    )


def numbers(content: Html) -> Html:
    """A chart's numbers, folded away until they are asked for."""
    return fill("<details><summary>The numbers</summary>\n{content}\n</details>", content=content)


def _row(cells: Sequence[object]) -> Html:
    first, *rest = cells
    others = join(fill("<td>{cell}</td>", cell=each) for each in rest)
    return fill('<tr><th scope="row">{first}</th>{others}</tr>', first=first, others=others)
