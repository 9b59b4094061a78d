"""The command line: `glasscloud COMMAND …`. Each command is a module of this package, imported when it is used.

A command's module has NAME, HELP, EXAMPLES, `add_arguments(parser)` and `run(args) -> exit code`. A command that is a
package may have SUBCOMMANDS, the names of its modules that are commands too. Exit codes: 0 success, 1 failure, 2 usage
error. Errors are one sentence on standard error.
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
from types import ModuleType

from client.program_name import examples, program_name

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
COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}


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
        print(f"glasscloud {_version()}")
        return 0
    if args[0] == "help":
        args = [*args[1:], "--help"]
    if args[0] not in COMMANDS:
        print(f"glasscloud: {_unknown(args[0])}", file=sys.stderr)
        return 2
    if args[0] not in ALONE and (missing := _missing()):
        print(
            f"glasscloud: {args[0]} needs packages that are not installed here ({', '.join(missing)}); "
            "install glasscloud[cloud] instead of glasscloud",
            file=sys.stderr,
        )
        return 1
    command = importlib.import_module(f"client.cli.{args[0]}")
    if args[1:2] and args[1] in getattr(command, "SUBCOMMANDS", ()):
        command, args = importlib.import_module(f"{command.__name__}.{args[1]}"), args[1:]
    return _run(command, args[1:])


def _unknown(word: str) -> str:
    if word.startswith("-"):
        return f"option {word} comes after a command; {program_name()} --help lists the commands"
    near = difflib.get_close_matches(word.lower(), COMMANDS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"{program_name()} --help lists them"
    return f"{word!r} is not a command; {hint}"


def _missing() -> list[str]:
    """Return missing libraries that the cloud commands need; an installation of the load generator alone lacks them."""
    return [name for name in _CLOUDS_LIBRARIES if importlib.util.find_spec(name) is None]


def _log_level() -> str:
    """Return the log level from the environment. Raises InvalidInput for an unknown one."""
    from vmhost.base.errors import InvalidInput

    level = os.environ.get(LOG_VARIABLE) or "warning"
    if level not in LOG_LEVELS:
        raise InvalidInput(f"{LOG_VARIABLE}={level} is not a log level; choose one of {', '.join(LOG_LEVELS)}")
    return level


def _version() -> str:
    from importlib.metadata import version

    return version("glasscloud")


def _run(command: ModuleType, args: Sequence[str]) -> int:
    from vmhost.base.argument_parser import Parser

    parser = Parser(
        prog=f"{program_name()} {command.NAME}",
        description="\n".join(textwrap.fill(line, _COLUMNS) for line in command.HELP.splitlines()),
        epilog=f"examples:\n{examples(command.EXAMPLES)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    try:
        if getattr(command, "TAKES_REST", False):
            known, rest = parser.parse_known_args(args)
            known.rest = rest
            return _guarded(command, known)
        return _guarded(command, parser.parse_args(args))
    except SystemExit as end:
        # argparse has printed the error or the help.
        return end.code if isinstance(end.code, int) else 2


def _guarded(command: ModuleType, args: argparse.Namespace) -> int:
    from client.terminal.plain_text import clean
    from vmhost.base.errors import CloudError, InvalidInput
    from vmhost.base.logs import configure

    try:
        # Results are printed; log lines appear only at the chosen level.
        configure(level=_log_level())
        code = int(command.run(args))
        sys.stdout.flush()
        return code
    except InvalidInput as error:
        print(f"glasscloud {command.NAME}: {clean(error.message)}", file=sys.stderr)
        return 2
    except CloudError as error:
        print(f"glasscloud {command.NAME}: {clean(error.message)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader closed our output, as `| head` does.
        _discard_output()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_output()
        print(f"glasscloud {command.NAME}: cannot write the output: {error.strerror}", file=sys.stderr)
        return 1


def _discard_output() -> None:
    """Discard further output; flushing a closed pipe at exit would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
