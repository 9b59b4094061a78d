"""A document's plain text (see `Document.body`) as HTML. Pure."""

from __future__ import annotations

import re

from vmhost.base.html_template import Html, fill, join

_UNDERLINE = re.compile(r"([=\-~*^])\1{2,}")
_ITEM = re.compile(r"[-*•] +(?=\S)")
_ALIGNED = re.compile(r"[^\s.!?:]  \S|\S {3,}\S")
"""Columns aligned by spaces. Two spaces after the end of a sentence do not count."""


def text_to_html(text: str) -> Html:
    """Convert headings, paragraphs, lists and code; text that is aligned by hand keeps its lines."""
    parts: list[Html] = []
    code: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [line.rstrip() for line in block.expandtabs().splitlines() if line.strip()]
        if lines and _is_code(lines):
            code.append("\n".join(lines))
            continue
        parts += _code(code)
        code = []
        if lines:
            parts += _block(lines)
    return join([*parts, *_code(code)], "\n")


def _is_code(lines: list[str]) -> bool:
    return all(line.startswith("  ") for line in lines) or lines[0].lstrip().startswith(">>>")


def _code(blocks: list[str]) -> list[Html]:
    if not blocks:
        return []
    lines = "\n\n".join(blocks).split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines if line)
    return [fill("<pre>{text}</pre>", text="\n".join(line[margin:] for line in lines))]


def _block(lines: list[str]) -> list[Html]:
    if len(lines) >= 2 and _UNDERLINE.fullmatch(lines[1]):
        rest = lines[2:]
        return [fill("<h2>{text}</h2>", text=lines[0].strip()), *(_block(rest) if rest else [])]
    if _ITEM.match(lines[0]):
        return [_list(lines)]
    if any(line.startswith(" ") or _ALIGNED.search(line) for line in lines):
        return [fill('<p class="lines">{text}</p>', text="\n".join(lines))]
    return [fill("<p>{text}</p>", text="\n".join(lines))]


def _list(lines: list[str]) -> Html:
    items: list[str] = []
    for line in lines:
        if _ITEM.match(line):
            items.append(_ITEM.sub("", line, count=1))
        else:
            items[-1] += " " + line.strip()
    return fill("<ul>{items}</ul>", items=join(fill("<li>{text}</li>", text=item) for item in items))
