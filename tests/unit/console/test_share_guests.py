"""Names and colours of an audience: cleaned, bounded, and readable on both grounds."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from client.console.share import guests
from client.console.share.guests import COLOURS, Guest, Guests, checked_colour, clean_name
from vmhost.base.errors import InvalidInput

ASSETS = resources.files("client.console") / "assets"


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Ann", "Ann"),
        ("  Ann \t Lee\n", "Ann Lee"),
        ("", ""),
        ("   ", ""),
        ("Zoë", "Zoë"),
        ("अनिता", "अनिता"),
        ("an\u202ena", "anna"),
        ("a\u200bb\x00c\x1b[31m", "abc[31m"),
        ("Z" + "\u0351" * 10, "Z\u0351\u0351"),
        ("🙂" * 20, "🙂" * 20),
    ],
)
def test_a_name_is_cleaned_of_what_hides_turns_or_piles_up(typed: str, name: str) -> None:
    assert clean_name(typed) == name


@pytest.mark.parametrize("typed", ["a" * 21, "a" * 100_000, None, 7, ["Ann"]])
def test_what_is_no_short_name_is_refused(typed: object) -> None:
    with pytest.raises(InvalidInput, match="20"):
        clean_name(typed)


@pytest.mark.parametrize("value", [-1, 8, True, "3", 1.0, "red", None, [1]])
def test_a_colour_is_a_number_of_the_palette_and_nothing_else(value: object) -> None:
    with pytest.raises(InvalidInput, match="must be a number from 0 to 7"):
        checked_colour(value)


def test_strangers_get_names_and_colours_that_differ() -> None:
    met = Guests()
    first = [met.meet(f"10.0.0.{number}") for number in range(len(COLOURS))]
    assert len({guest.colour for guest in first}) == len({guest.name for guest in first}) == len(COLOURS)
    assert met.meet("10.0.0.3") == first[3]
    assert met.reached == len(COLOURS)


def test_what_a_guest_chose_stays_until_it_chooses_again() -> None:
    met = Guests()
    given = met.meet("a")
    assert met.call("a", name="Ann", colour=5) == Guest(name="Ann", colour=5)
    assert met.call("a", name="", colour=None) == Guest(name="Ann", colour=5)
    assert met.meet("a") != given


def test_the_machine_that_serves_is_no_phone() -> None:
    met = Guests(own="192.168.1.7")
    met.meet("192.168.1.7")
    assert met.reached == 0
    met.meet("192.168.1.8")
    assert met.reached == 1


def test_many_guests_are_counted_and_the_last_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "GUESTS_MAX", 5)
    monkeypatch.setattr(guests, "SHOWN_MAX", 3)
    met = Guests()
    for number in range(9):
        met.meet(f"10.0.0.{number}")
    assert met.reached == 9
    assert [each["name"] for each in met.to_json()] == ["Guest 9", "Guest 8", "Guest 7"]
    assert met.meet("10.0.0.0").name == "Guest 10"


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def themes(name: str) -> list[dict[str, str]]:
    """The variables of each block of a style sheet, such as light, dark, and dark by the system's choice."""
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", (ASSETS / "style" / name).read_text())
    return [dict(re.findall(r"(--[\w-]+): (#\w{6})", block)) for block in blocks]


def test_each_colour_stands_out_from_paper_and_panel_in_light_and_dark() -> None:
    grounds, palettes = themes("colours.css"), themes("guests.css")
    assert len(grounds) == len(palettes) == 3
    for ground, palette in zip(grounds, palettes, strict=True):
        assert sorted(palette) == [f"--guest-{number}" for number in range(len(COLOURS))]
        assert len(set(palette.values())) == len(COLOURS)
        weak = [
            (name, place)
            for name, colour in palette.items()
            for place in ("--paper", "--panel")
            if contrast(colour, ground[place]) < 3
        ]
        assert weak == []


def test_the_page_names_the_same_colours() -> None:
    script = (ASSETS / "share" / "colours.js").read_text()
    assert tuple(re.findall(r'"(\w+)"', script)) == COLOURS
