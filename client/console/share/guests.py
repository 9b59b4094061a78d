"""Who is there: a name and a colour for each phone, bounded. Pure.

A phone is an address. A colour is a number of the palette, never CSS text; assets/style/guests.css gives it its looks.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import InvalidInput

COLOURS = ("red", "orange", "gold", "green", "teal", "blue", "violet", "pink")
NAME_CHARS_MAX = 20
GUESTS_MAX = 500
SHOWN_MAX = 60
_STEP = 3
"""Neighbours in the order of coming get colours that are far apart."""
_MARKS_MAX = 2
"""So many marks may stand on one letter: enough for every script that is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """How one phone is drawn."""

    name: str
    colour: int

    def to_json(self) -> dict[str, Any]:
        """The guest as pages draw it."""
        return {"name": self.name, "colour": self.colour}


def clean_name(text: object) -> str:
    """The name as it may be shown: printable, single spaces. Empty for none. Raises InvalidInput for too long a one.

    Marks that hide or turn the direction of text, and piles of accents, would spoil more than the name's own place."""
    if not isinstance(text, str) or len(text) > 10 * NAME_CHARS_MAX:
        raise InvalidInput(f"the name must be text of at most {NAME_CHARS_MAX} characters")
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if (char.isprintable() or char.isspace()) and marks <= _MARKS_MAX:
            kept.append(char)
    name = " ".join("".join(kept).split())
    if len(name) > NAME_CHARS_MAX:
        raise InvalidInput(f"the name has {len(name)} characters; the maximum is {NAME_CHARS_MAX}")
    return name


def checked_colour(value: object) -> int:
    """The colour's number. Raises InvalidInput for any other value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(COLOURS):
        raise InvalidInput(f"colour must be a number from 0 to {len(COLOURS) - 1}, not {str(value)[:20]!r}")
    return value


class Guests:
    """The phones that have come, by address. Of too many the longest silent is forgotten, and still counted."""

    def __init__(self, *, own: str = "") -> None:
        """`own` is the address of the machine that serves: a page opened there reaches it over no network."""
        self._own = own
        self._known: OrderedDict[str, Guest] = OrderedDict()
        self._met = 0
        self.reached = 0
        """How many have come so far over the network."""

    def meet(self, address: str) -> Guest:
        """Whoever is at that address; a stranger gets the next number and colour."""
        guest = self._known.get(address)
        if guest is None:
            guest = Guest(name=f"Guest {self._met + 1}", colour=self._met * _STEP % len(COLOURS))
            self._met += 1
            self.reached += address != self._own
        return self._keep(address, guest)

    def call(self, address: str, *, name: str, colour: int | None) -> Guest:
        """The same with what it chose; an empty name and no colour leave it as it is."""
        before = self.meet(address)
        return self._keep(address, Guest(name=name or before.name, colour=before.colour if colour is None else colour))

    def to_json(self) -> list[dict[str, Any]]:
        """The last that came or asked, the newest first."""
        return [guest.to_json() for guest in list(self._known.values())[: -SHOWN_MAX - 1 : -1]]

    def _keep(self, address: str, guest: Guest) -> Guest:
        self._known[address] = guest
        self._known.move_to_end(address)
        while len(self._known) > GUESTS_MAX:
            self._known.popitem(last=False)
        return guest
