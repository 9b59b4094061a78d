"""A command-line parser whose errors are one line and suggest the right option for a mistyped one."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import NoReturn

_UNKNOWN = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """An argparse parser that prints the mistake and how to get help instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and exit with code 2."""
        if message.startswith(_UNKNOWN):
            message = self._unknown(message.removeprefix(_UNKNOWN))
        print(f"{self.prog}: {message}\nFor all options: {self.prog} --help", file=sys.stderr)
        sys.exit(2)

    def _unknown(self, words: str) -> str:
        word = words.split()[0].partition("=")[0]
        if not word.startswith("-"):
            return f"unexpected argument {words}"
        near = difflib.get_close_matches(word, self._option_string_actions, n=1, cutoff=0.6)
        return f"unknown option {word}" + (f"; did you mean {near[0]}?" if near else "")
