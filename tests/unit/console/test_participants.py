"""Names and colours of participants: cleaned, limited, and readable in both themes; how much each may request."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from client.console.share import participants
from client.console.share.participants import COLOURS, Participant, Participants, RateLimit, RateLimits, clean_name
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
def test_name_cleaned_of_invisible_characters(typed: str, name: str) -> None:
    assert clean_name(typed) == name


def test_long_name_refused() -> None:
    with pytest.raises(InvalidInput, match="20"):
        clean_name("a" * 21)


def test_strangers_get_names_and_colours_that_differ() -> None:
    people = Participants()
    first = [people.at(f"10.0.0.{number}") for number in range(len(COLOURS))]
    assert len({guest.colour for guest in first}) == len({guest.name for guest in first}) == len(COLOURS)
    assert people.at("10.0.0.3") == first[3]
    assert people.reached == len(COLOURS)


def test_chosen_name_and_colour_kept() -> None:
    people = Participants()
    given = people.at("a")
    assert people.rename("a", name="Ann", colour=5) == Participant(name="Ann", colour=5)
    assert people.rename("a", name="", colour=None) == Participant(name="Ann", colour=5)
    assert people.at("a") != given


def test_own_address_not_counted() -> None:
    people = Participants(own="192.168.1.7")
    people.at("192.168.1.7")
    assert people.reached == 0
    people.at("192.168.1.8")
    assert people.reached == 1


def test_participants_counted_beyond_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participants, "PARTICIPANTS_MAX", 5)
    monkeypatch.setattr(participants, "SHOWN_MAX", 3)
    people = Participants()
    for number in range(9):
        people.at(f"10.0.0.{number}")
    assert people.reached == 9
    assert [each.name for each in people.latest()] == ["Guest 9", "Guest 8", "Guest 7"]
    assert people.at("10.0.0.0").name == "Guest 10"


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


def test_palette_contrast_in_both_themes() -> None:
    grounds, palettes = themes("theme.css"), themes("palette.css")
    assert len(grounds) == len(palettes) == 3
    for ground, palette in zip(grounds, palettes, strict=True):
        assert sorted(palette) == [f"--palette-{number}" for number in range(len(COLOURS))]
        assert len(set(palette.values())) == len(COLOURS)
        weak = [
            (name, place)
            for name, colour in palette.items()
            for place in ("--paper", "--panel")
            if contrast(colour, ground[place]) < 3
        ]
        assert weak == []


def test_the_page_names_the_same_colours() -> None:
    script = (ASSETS / "share" / "palette.js").read_text()
    assert tuple(re.findall(r'"(\w+)"', script)) == COLOURS


ONE = RateLimit(per_s=1, burst=3)
MANY = RateLimit(per_s=1000, burst=1000)


def test_burst_then_wait() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(4)] == [0, 0, 0, 1]
    assert each.take("a", 0.4) == pytest.approx(0.6)
    assert each.take("a", 1.0) == 0
    assert each.take("a", 1.0) > 0


def test_bucket_fills_up_to_burst() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 1000) == 0 for _ in range(4)] == [True, True, True, False]


def test_one_address_takes_nothing_from_another() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=0)
    assert [each.take("a", 0) for _ in range(3)] == [0, 0, 0]
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0


def test_common_limit_for_all_addresses() -> None:
    together = RateLimits(each=ONE, all_=RateLimit(per_s=20, burst=20), now=0)
    gone_through = sum(together.take(f"10.0.0.{number}", 0) == 0 for number in range(100))
    assert gone_through == 20
    assert together.take("10.0.1.1", 0) == pytest.approx(0.05)


def test_a_refused_request_takes_nothing() -> None:
    both = RateLimits(each=ONE, all_=RateLimit(per_s=1, burst=1), now=0)
    assert both.take("a", 0) == 0
    assert all(both.take("b", 0) > 0 for _ in range(10))
    assert [both.take("b", now) for now in (1, 2, 3)] == [0, 0, 0]


def test_clock_going_back_adds_no_tokens() -> None:
    each = RateLimits(each=ONE, all_=MANY, now=10)
    for _ in range(3):
        each.take("a", 10)
    assert each.take("a", 5) > 0
    assert each.take("a", 10) > 0


def test_longest_inactive_address_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(participants, "ADDRESSES_MAX", 2)
    each = RateLimits(each=RateLimit(per_s=1, burst=1), all_=MANY, now=0)
    for address in ("a", "b", "a", "c"):
        each.take(address, 0)
    assert each.take("a", 0) > 0
    assert each.take("b", 0) == 0
