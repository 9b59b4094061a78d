"""The command line: `glasscloud COMMAND …`. A command's module is imported when the command is used.

Each module has COMMANDS: a `Command` by name. Exit codes: 0 success, 1 failure, 2 usage error. Errors are one sentence
on standard error.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import importlib
import importlib.util
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from client.program_name import examples, program_name

if TYPE_CHECKING:
    from client.cli.command import Command

GROUPS = {
    "Watch": {
        "demo": "run a small cloud with a search service, live in this terminal",
        "console": "serve the web page that shows a running cloud",
        "share": "let an audience search and watch on their phones",
        "flow": "print each request as it is answered",
        "watch": "wait for a cloud, then print its events",
    },
    "Run a cloud": {
        "up": "start a cloud that keeps running",
        "down": "stop the cloud and remove everything",
        "ps": "list the instances",
        "resize": "give an instance another type, also while it runs",
        "status": "show addresses, hosts, and which limits are enforced",
        "env": "print shell exports for the AWS CLI and SDKs",
    },
    "Measure": {
        "load": "send requests at a rate or as users; report times and errors",
    },
    "Check and prepare": {
        "doctor": "check this computer and print the commands that fix problems",
        "ready": "build the index and the image, to work offline",
    },
    "Run single programs": {
        "host": "run the platform: the EC2 API and its instances",
        "serve": "run one program of the search service: frontend or leaf",
        "index": "build the search index from a folder of documents",
    },
}
ALONE = frozenset({"load"})
"""Commands that work in an installation without the cloud's packages."""
LOG_VARIABLE = "GLASSCLOUD_LOG_LEVEL"
"""Environment variable: the log level on standard error."""
_COLUMNS = 80
LOG_LEVELS = ("debug", "info", "warning", "error")
_CLOUDS_LIBRARIES = ("botocore", "tantivy")
SUMMARIES = {name: text for group in GROUPS.values() for name, text in group.items()}
"""What each command does, in a few words."""
_MODULES = {
    "instances": ("resize",),
    "follow_cloud": ("flow", "watch"),
    "cloud_status": ("status", "ps", "env"),
    "check_computer": ("doctor", "ready"),
    "programs": ("host", "serve", "index"),
    "load.run": ("load",),
    "load.compare": ("load compare",),
    "load.sweep": ("load sweep",),
    "load.worker": ("load worker",),
}
"""The modules of commands that have none of their own name."""
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def overview(program: str) -> str:
    """Return the help text for `glasscloud --help`."""
    lines = [
        "glasscloud: a small cloud on your laptop, with every request in sight",
        "",
        f"usage: {program} COMMAND [OPTIONS]   (COMMAND --help shows examples)",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<8} {text}" for name, text in group.items())]
    return "\n".join(
        [*lines, "", f"Start with: {program} demo", f"For more log output, set {LOG_VARIABLE}=info or debug."]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 130 after Ctrl-C, also while a command is still being loaded."""
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _main(argv: Sequence[str] | None) -> int:
    args = list(sys.argv[1:] if argv is None else argv)
    # Programs that we start must not import from the current folder: it may contain a server.py.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    if not args or args[0] in ("-h", "--help") or args == ["help"]:
        print(overview(program_name()))
        return 0
    if args[0] == "--version":
        from importlib.metadata import version

        print(f"glasscloud {version('glasscloud')}")
        return 0
    if args[0] == "help":
        args = [*args[1:], "--help"]
    if args[0] not in SUMMARIES:
        print(f"glasscloud: {_unknown(args[0])}", file=sys.stderr)
        return 2
    needed = () if args[0] in ALONE else _CLOUDS_LIBRARIES
    if missing := [each for each in needed if importlib.util.find_spec(each) is None]:
        print(
            f"glasscloud: {args[0]} needs packages that are not installed here ({', '.join(missing)}); "
            "install glasscloud[cloud] instead of glasscloud",
            file=sys.stderr,
        )
        return 1
    if " ".join(args[:2]) in _MODULE_OF:
        args = [" ".join(args[:2]), *args[2:]]
    return _run(args[0], args[1:])


def find_command(name: str) -> Command:
    """Return a command by its name, such as "up" or "load sweep"."""
    module = importlib.import_module(f"client.cli.{_MODULE_OF.get(name, name)}")
    command: Command = module.COMMANDS[name]
    return command


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"option {word} comes after a command; {program_name()} --help lists the commands"
    near = difflib.get_close_matches(word.lower(), SUMMARIES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"{program_name()} --help lists them"
    return f"{word!r} is not a command; {hint}"


def _run(name: str, args: Sequence[str]) -> int:
    from client.cli.command import add_cloud_option
    from vmhost.base.argument_parser import Parser

    command = find_command(name)
    parser = Parser(
        prog=f"{program_name()} {name}",
        description="\n".join(textwrap.fill(line, _COLUMNS) for line in command.help.splitlines()),
        epilog=f"examples:\n{examples(command.examples)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command.for_a_cloud:
        add_cloud_option(parser)
    command.add_arguments(parser)
    try:
        if command.passes_rest:
            known, rest = parser.parse_known_args(args)
            known.rest = rest
            return _guarded(name, command, known)
        return _guarded(name, command, parser.parse_args(args))
    except SystemExit as end:
        # argparse has printed the error or the help.
        return end.code if isinstance(end.code, int) else 2


def _guarded(name: str, command: Command, args: argparse.Namespace) -> int:
    from client.cli.command import select_cloud
    from client.terminal.plain_text import clean
    from vmhost.base.errors import CloudError, InvalidInput
    from vmhost.base.logs import configure

    try:
        level = os.environ.get(LOG_VARIABLE) or "warning"
        if level not in LOG_LEVELS:
            raise InvalidInput(f"{LOG_VARIABLE}={level} is not a log level; choose one of {', '.join(LOG_LEVELS)}")
        # Results are printed; log lines appear only at the chosen level.
        configure(level=level)
        if command.for_a_cloud:
            select_cloud(args)
        code = command.run(args)
        sys.stdout.flush()
        return code
    except CloudError as error:
        print(f"glasscloud {name}: {clean(error.message)}", file=sys.stderr)
        return 2 if isinstance(error, InvalidInput) else 1
    except BrokenPipeError:
        # The reader closed our output, as `| head` does.
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print(f"glasscloud {name}: cannot write the output: {error.strerror}", file=sys.stderr)
        return 1


def _discard_output() -> None:
    """Discard further output; flushing a closed pipe at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
