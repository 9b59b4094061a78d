"""Examples of failures for people who read a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from client.load.examples import Example

SHOWN_MAX = 4
_REQUEST_LINES_MAX = 12
_RESPONSE_LINES_MAX = 20
_COLUMNS_MAX = 160


def example_lines(examples: Sequence[Example], errors: Mapping[str, int]) -> list[str]:
    """One example of each kind, those of the most frequent class of error first, and how many kinds there are more."""
    first: dict[object, Example] = {}
    for example in examples:
        first.setdefault(example.kind, example)
    ordered = sorted(first.values(), key=lambda example: -errors.get(example.fault, 0))
    lines = [line for example in ordered[:SHOWN_MAX] for line in _lines(example)]
    if (more := len(ordered) - SHOWN_MAX) > 0:
        lines.append(f"  and {more} more kinds of failure; --report and --json show them")
    return lines


def _lines(example: Example) -> Iterator[str]:
    error, *traceback = example.error.split("\n")
    yield f"  example of {example.fault}: {example.target}, after {example.took_ms:.1f} ms: {error}"
    yield from (f"    {line}" for line in traceback)
    yield from marked_lines(">", example.request, _REQUEST_LINES_MAX)
    yield from marked_lines("<", example.response, _RESPONSE_LINES_MAX)


def marked_lines(mark: str, text: str, lines_max: int) -> Iterator[str]:
    """The text's lines, each behind a mark, long ones and what is beyond so many of them cut."""
    lines = text.split("\n") if text else []
    for line in lines[:lines_max]:
        cut = line if len(line) <= _COLUMNS_MAX else f"{line[: _COLUMNS_MAX - 1]}…"
        yield f"    {mark} {cut}".rstrip()
    if (more := len(lines) - lines_max) > 0:
        yield f"    {mark} … and {more} more lines"
