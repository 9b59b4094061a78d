"""The audience's participants: a name and a colour for each phone, limited in number. Pure.

A phone is an address. A colour is a number of the palette, never CSS text; assets/style/palette.css has the colours.
"""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from vmhost.base.errors import InvalidInput

COLOURS = ("red", "orange", "gold", "green", "teal", "blue", "violet", "pink")
NAME_CHARS_MAX = 20
PARTICIPANTS_MAX = 500
SHOWN_MAX = 60
_STEP = 3
"""Participants who come one after the other get colours that are far apart."""
_MARKS_MAX = 2
"""Combining marks on one letter: enough for every written script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """How one phone is drawn."""

    name: str
    colour: int

    def to_json(self) -> dict[str, Any]:
        """Return the participant as pages draw it."""
        return {"name": self.name, "colour": self.colour}


def clean_name(text: object) -> str:
    """Return the name with printable characters and single spaces only. Raises InvalidInput if it is too long.

    Invisible characters, those that turn the direction of text and piles of accents would spoil the text around the
    name."""
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
    """Return the colour's number. Raises InvalidInput for any other value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(COLOURS):
        raise InvalidInput(f"colour must be a number from 0 to {len(COLOURS) - 1}, not {str(value)[:20]!r}")
    return value


class Participants:
    """The participants by address. Beyond the maximum, the longest inactive is dropped, and still counted."""

    def __init__(self, *, own: str = "") -> None:
        """`own` is this computer's address: a page that is opened here does not count as reached."""
        self._own = own
        self._by_address: OrderedDict[str, Participant] = OrderedDict()
        self._count = 0
        self.reached = 0
        """How many have come so far over the network."""

    def at(self, address: str) -> Participant:
        """Return the participant at that address; a new one gets the next number and colour."""
        participant = self._by_address.get(address)
        if participant is None:
            participant = Participant(name=f"Guest {self._count + 1}", colour=self._count * _STEP % len(COLOURS))
            self._count += 1
            self.reached += address != self._own
        return self._keep(address, participant)

    def rename(self, address: str, *, name: str, colour: int | None) -> Participant:
        """Give the participant another name and colour; an empty name and no colour change nothing."""
        before = self.at(address)
        colour = before.colour if colour is None else colour
        return self._keep(address, Participant(name=name or before.name, colour=colour))

    def to_json(self) -> list[dict[str, Any]]:
        """Return those who came or searched last, newest first."""
        return [each.to_json() for each in list(self._by_address.values())[: -SHOWN_MAX - 1 : -1]]

    def _keep(self, address: str, participant: Participant) -> Participant:
        self._by_address[address] = participant
        self._by_address.move_to_end(address)
        while len(self._by_address) > PARTICIPANTS_MAX:
            self._by_address.popitem(last=False)
        return participant
