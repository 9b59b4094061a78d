"""What a script prints: whole lines, bounded, without anything that could steer a terminal."""

from __future__ import annotations

import sys

import pytest

from client.load.script.captured_output import (
    FIRST_MAX,
    LAST_MAX,
    LINES_MAX,
    CapturedOutput,
    OutputLog,
    capture_output,
    printable_line,
)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(", "\ufffd("),
        ("a\tb", "a   b"),
        ("bell\x07 \x9b31m", "bell\ufffd \ufffd31m"),
    ],
)
def test_escape_sequences_are_taken_out(line: str, text: str) -> None:
    assert printable_line(line) == text


def test_lines_are_kept_up_to_a_bound_and_the_rest_is_counted() -> None:
    printed = CapturedOutput()
    with capture_output(printed):
        for number in range(LINES_MAX + 30):
            print("line", number)
        print("unfinished", end="")
    lines, left_out = printed.take()
    assert (lines[0], len(lines), left_out) == ("line 0", LINES_MAX, 30)
    assert printed.take() == ([], 0)
    assert printed.take(rest=True) == (["unfinished"], 0)
    assert sys.stdout is sys.__stdout__ or "captured" not in repr(sys.stdout)


def test_bytes_long_lines_and_progress_bars() -> None:
    printed = CapturedOutput()
    with capture_output(printed):
        sys.stdout.buffer.write(b"raw \xff\n")
        sys.stderr.write("x" * 1_000_000 + "\n")
        sys.stderr.write("10 %\r50 %\r100 %\n")
        sys.stderr.write("windows\r\n")
    lines, _ = printed.take()
    assert lines[0] == "raw \ufffd"
    assert len(lines[1]) == 500
    assert lines[2:] == ["100 %", "windows"]


def test_a_run_keeps_its_first_and_its_last_lines() -> None:
    log = OutputLog()
    for number in range(200):
        log.add([f"line {number}"], 0)
    assert log.add(["end"], 1000) == ["end", "… 1,000 more lines left out"]
    lines = log.lines
    assert (lines[0], lines[-1]) == ("line 0", "end")
    assert len(lines) == FIRST_MAX + LAST_MAX + 1
    assert lines[FIRST_MAX] == "… 1,101 lines left out …"
