"""An address as a QR code: as a picture for the page, as text for a terminal. The only place that knows segno."""

from __future__ import annotations

import io

import segno

_QUIET = 4
"""Modules of white around the code, as the standard asks (ISO/IEC 18004)."""
_WHITE_ON_BLACK = "\x1b[97;40m"
_PLAIN = "\x1b[0m"


def svg(address: str) -> bytes:
    """Black on white whatever the page's colours are; it fills what holds it."""
    file = io.BytesIO()
    _code(address).save(file, kind="svg", xmldecl=False, omitsize=True, border=_QUIET, dark="#000", light="#fff")
    return file.getvalue()


def blocks(address: str, *, colours: bool) -> list[str]:
    """Lines of half blocks. With `colours` they look the same on a light terminal as on a dark one."""
    file = io.StringIO()
    _code(address).terminal(out=file, compact=True, border=2)
    lines = file.getvalue().splitlines()
    return [f"{_WHITE_ON_BLACK}{line}{_PLAIN}" for line in lines] if colours else lines


def _code(address: str) -> segno.QRCode:
    return segno.make(address, error="m", micro=False)
