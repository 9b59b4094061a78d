"""An address as a QR code: a picture for the page, text for a terminal. The only module that uses segno."""

from __future__ import annotations

import io

import segno

_QUIET = 4
"""Width of the white border in modules, as the standard requires (ISO/IEC 18004)."""
_WHITE_ON_BLACK = "\x1b[97;40m"
_PLAIN = "\x1b[0m"


def svg(address: str) -> bytes:
    """Return a picture, black on white in every theme, that fills its box."""
    file = io.BytesIO()
    _code(address).save(file, kind="svg", xmldecl=False, omitsize=True, border=_QUIET, dark="#000", light="#fff")
    return file.getvalue()


def blocks(address: str, *, colours: bool) -> list[str]:
    """Return lines of half blocks. With `colours` they look the same on light and dark terminals."""
    file = io.StringIO()
    _code(address).terminal(out=file, compact=True, border=2)
    lines = file.getvalue().splitlines()
    return [f"{_WHITE_ON_BLACK}{line}{_PLAIN}" for line in lines] if colours else lines


def _code(address: str) -> segno.QRCode:
    return segno.make(address, error="m", micro=False)
