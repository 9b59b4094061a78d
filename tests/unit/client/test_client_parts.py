"""Keys, text, programs and browsers: the client's small pure parts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from client_builders import instance
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from client.cloud_state import is_replacement
from client.process_tree import process_tree, still_running
from client.terminal.plain_text import clean, columns_of, wrap
from client.terminal.styled_text import cut, line, spread
from client.terminal.tty import keys_of
from client.view.live_view import browser_command
from vmhost.base.ids import short_ids


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"k", ["k"]),
        (b"kh", ["k", "h"]),
        ("ü".encode(), ["ü"]),
        (b"\r", ["enter"]),
        (b"\x7f", ["backspace"]),
        (b"\x1b", ["escape"]),
        (b"\x03", ["interrupt"]),
        (b"\x1b[A", []),
        (b"\x1bOP", []),
        (b"\x00\x01", []),
        (b"\xff", []),
    ],
)
def test_keys_of_terminal_input(data: bytes, keys: list[str]) -> None:
    assert keys_of(data) == keys


@given(st.text(), st.integers(0, 40))
def test_cut_text_fits(text: str, columns: int) -> None:
    assert cell_len(cut(clean(text), columns)) <= columns


def test_wide_and_combining_characters() -> None:
    assert cell_len("a漢e\u0301") == 4
    assert cut("漢字漢字", 5) == "漢字…"


def test_right_part_is_dropped_if_it_does_not_fit() -> None:
    assert spread(line("left"), line("right"), 12).plain == "left   right"
    assert spread(line("left"), line("right"), 10).plain == "left"


def test_wrapped_text_is_indented_below() -> None:
    assert wrap("one two three four five six", 20, indent="  ") == ["one two three four", "  five six"]
    assert columns_of([("a", "b"), ("long", "c")]) == ["a     b", "long  c"]


@pytest.mark.parametrize(
    ("platform", "environ", "there", "command"),
    [
        ("darwin", {}, (), "open"),
        ("linux", {"DISPLAY": ":0"}, ("xdg-open",), "xdg-open"),
        ("linux", {}, ("xdg-open",), None),
        ("linux", {"WAYLAND_DISPLAY": "w"}, (), None),
        ("linux", {}, ("wslview",), "wslview"),
    ],
)
def test_only_graphical_browsers_are_opened(
    platform: str, environ: dict[str, str], there: tuple[str, ...], command: str | None
) -> None:
    assert browser_command(environ, platform, lambda name: name if name in there else None) == command


def test_replacement_is_new_with_same_fleet_and_shard() -> None:
    dead = instance(0)
    before = frozenset({dead.id})
    assert is_replacement(instance(0, own_id="i-0new"), dead, before)
    assert not is_replacement(instance(1, own_id="i-0new"), dead, before)
    assert not is_replacement(dead, dead, before)


@given(st.sets(st.text("0123456789abcdef", min_size=17, max_size=17), max_size=50))
def test_short_ids_are_unique_prefixes(tails: set[str]) -> None:
    ids = tuple(f"i-{tail}" for tail in tails)
    shorts = short_ids(ids)
    assert len(set(shorts.values())) == len(ids)
    assert all(each.startswith(short) for each, short in shorts.items())
    assert len({len(short) for short in shorts.values()}) <= 1


def test_short_ids_grow_beyond_four_digits_if_needed() -> None:
    one, other, twin = "i-0a12b34c56d78e9f0", "i-0c77b34c56d78e9f0", "i-0a1ab34c56d78e9f0"
    assert list(short_ids((one, other, one)).values()) == ["i-0a12", "i-0c77"]
    near = "i-0a12c34c56d78e9f0"
    assert list(short_ids((one, twin, near)).values()) == ["i-0a12b", "i-0a1ab", "i-0a12c"]
    assert short_ids(()) == {}


def test_process_tree_contains_this_process() -> None:
    below = process_tree(os.getpid())
    assert below[0].pid == os.getpid()
    assert still_running(below[:1])[0].startswith(f"process {os.getpid()} (")


def test_ended_process_does_not_run() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        below = process_tree(program.pid)
        program.kill()
        # A zombie until we wait for it.
        below[0].wait(timeout=10)
    assert still_running(below) == ()
    assert process_tree(program.pid) == ()
