"""The options that describe a load, and how they become a plan."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.load.engine.tls_settings import check_tls_files
from client.load.plan.model import (
    CONNECTIONS_AUTO_MAX,
    CONNECTIONS_LEAST,
    ClosedLoop,
    FormField,
    OpenLoop,
    Plan,
    Spacing,
    Target,
)
from client.load.plan.toml_file import parse_hedge, read_plans
from client.load.plan.validation import check_plan
from server.api.queries import index_folder
from vmhost.base.errors import InvalidInput
from vmhost.base.units import parse_duration

DEFAULT_RATE = 20.0
DEFAULT_DURATION = "10s"
DEFAULT_TIMEOUT = "2s"
DEFAULT_FLOW_TIMEOUT = "30s"
CONNECTIONS_HELP = (
    f"maximum concurrent connections or flows (default rate x timeout, {CONNECTIONS_LEAST} to {CONNECTIONS_AUTO_MAX})"
)
PLAN, SCRIPT = ".toml", ".py"
_TARGET_OPTIONS = ("method", "header", "data", "form", "queries")
_LOOP_OPTIONS = (
    "requests", "ramp_up", "rate", "poisson", "users", "think", "connections", "hedge", "timeout", "insecure", "cacert",
    "cert", "key", "resolve", "base",
)  # fmt: skip
_DEFAULT_QUERIES = "default"


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the request, named as in curl, hey and wrk."""
    group = parser.add_argument_group("request")
    group.add_argument(
        "-X", "--method", default=None, metavar="METHOD", help="HTTP method (default GET, or POST with a body)"
    )
    group.add_argument(
        "-H", "--header", action="append", default=[], metavar="'NAME: VALUE'", help="add a header; repeatable"
    )
    group.add_argument("-d", "--data", metavar="TEXT", help="send this body, or with @FILE the content of a file")
    group.add_argument(
        "-F", "--form", action="append", default=[], metavar="NAME=TEXT",
        help="send a multipart form; NAME=@FILE[;type=TYPE] adds a file; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--queries",
        nargs="?",
        const=_DEFAULT_QUERIES,
        metavar="FILE",
        help="search for words of the glasscloud corpus with realistic frequency, and check the responses",
    )
    group.add_argument(
        "--timeout",
        default=None,
        metavar="TIME",
        help=f"time limit of a request, from when it was due (default {DEFAULT_TIMEOUT}; for a script's flow"
        f" {DEFAULT_FLOW_TIMEOUT})",
    )
    _add_tls_options(parser)


def _add_tls_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("TLS and addresses")
    group.add_argument("--cacert", metavar="FILE", help="trust the CAs in this PEM file, not those of the system")
    group.add_argument("--cert", metavar="FILE", help="client certificate (PEM); needs --key")
    group.add_argument("--key", metavar="FILE", help="private key of --cert (PEM, without a password)")
    group.add_argument("-k", "--insecure", action="store_true", help="accept any server certificate")
    group.add_argument(
        "--resolve", action="append", default=[], metavar="HOST:PORT:ADDRESS",
        help="connect to ADDRESS instead of HOST:PORT; the Host header and TLS still use HOST; repeatable",
    )  # fmt: skip


def add_script_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a script."""
    group = parser.add_argument_group("with a script (FLOW.py)")
    group.add_argument(
        "--url", dest="base", metavar="URL", help="base URL of the paths in the script; overrides its BASE"
    )


def add_loop_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of rate, users and duration."""
    group = parser.add_argument_group("load (open loop with --rate, closed loop with --users)")
    group.add_argument(
        "--rate",
        "-r",
        metavar="N|max",
        help=f"requests per second, whatever the service does (default {DEFAULT_RATE:g}); max: as fast as -c users can",
    )
    group.add_argument("--poisson", action="store_true", help="random arrivals (Poisson process), not regular ones")
    group.add_argument("--users", type=int, metavar="N", help="number of users, each waiting for its responses")
    group.add_argument(
        "--ramp-up", default=None, metavar="TIME", help="start the users one by one during TIME (default 0s)"
    )
    group.add_argument("--requests", "-n", type=int, default=None, metavar="N", help="end the run after N requests")
    group.add_argument(
        "--for",
        dest="duration",
        default=None,
        metavar="TIME",
        help=f"duration, such as 30s or 5m (default {DEFAULT_DURATION})",
    )
    group.add_argument(
        "--think", default=None, metavar="TIME", help="mean pause of a user between requests (default 0s)"
    )
    group.add_argument(
        "--warm-up", default=None, metavar="TIME", help="exclude the first TIME from the figures (default 0s)"
    )
    group.add_argument("--connections", "-c", type=int, default=None, metavar="N", help=CONNECTIONS_HELP)
    group.add_argument("--processes", metavar="N", help="sending processes, or auto for one per core (default 1)")
    group.add_argument(
        "--seed", type=int, default=None, metavar="N", help="random seed; the same seed makes the same run (default 1)"
    )
    group.add_argument(
        "--hedge",
        metavar="p95|20ms[,5%]",
        help="retry slow requests on a second connection and take the first response; at most this share of all"
        " (default 5%%)",
    )


def plan_of(args: argparse.Namespace) -> Plan:
    """Returns the plan that the options describe. Raises InvalidInput."""
    plan = _shape(args)
    if args.url.endswith(SCRIPT):
        # The declarations of a script are read without running it.
        from client.load.script.script_loader import complete_plan

        _refuse(args, _TARGET_OPTIONS, "with a script: it makes its own requests")
        timeout_s = parse_duration(args.timeout or DEFAULT_FLOW_TIMEOUT)
        base = getattr(args, "base", None)
        return _ready(complete_plan(replace(plan, script=args.url, base=base, timeout_s=timeout_s)))
    _refuse(args, ("base",), "without a script")
    _refuse_mistyped_file(args.url)
    return _ready(replace(plan, targets=(_target(args),)))


def _ready(plan: Plan) -> Plan:
    """Checks the plan and its TLS files. Raises InvalidInput."""
    plan = check_plan(plan)
    check_tls_files(plan)
    return plan


def _refuse_mistyped_file(url: str) -> None:
    """Raises InvalidInput for a mistyped name of a plan or a script, such as plan.tml."""
    path = Path(url)
    if path.suffix == PLAN:
        raise InvalidInput(f"{url}: a plan cannot be used here; give a URL or a script")
    # The cutoff lets plan.tml through, but not example.com.
    if "://" not in url and (near := difflib.get_close_matches(path.suffix, (PLAN, SCRIPT), n=1, cutoff=0.7)):
        missing = "" if path.exists() else "no such file; "
        raise InvalidInput(
            f"{url}: {missing}a plan ends in {PLAN} and a script in {SCRIPT}; did you mean {path.stem}{near[0]}?"
        )


def plans_of(args: argparse.Namespace) -> tuple[Plan, ...]:
    """Returns the plans of a TOML file, or the one that the options describe. Raises InvalidInput."""
    if not args.url.endswith(PLAN):
        return (plan_of(args),)
    _refuse(args, (*_TARGET_OPTIONS, *_LOOP_OPTIONS), "with a plan file; set it in the file")
    changes: dict[str, Any] = {}
    if args.duration is not None:
        changes["duration_s"] = parse_duration(args.duration)
    if args.warm_up is not None:
        changes["warm_up_s"] = parse_duration(args.warm_up)
    if args.seed is not None:
        changes["seed"] = args.seed
    plans = read_plans(Path(args.url))
    thresholds = tuple(args.threshold)
    return tuple(_ready(replace(plan, **changes, thresholds=(*plan.thresholds, *thresholds))) for plan in plans)


def _refuse(args: argparse.Namespace, options: Sequence[str], why: str) -> None:
    # By identity, because 0 is a value that was given.
    values = {option: getattr(args, option, None) for option in options}
    given = [option for option, value in values.items() if value is not None and value is not False and value != []]
    if given:
        name = {"base": "url"}.get(given[0], given[0].replace("_", "-"))
        raise InvalidInput(f"--{name} cannot be used {why}")


def _shape(args: argparse.Namespace) -> Plan:
    """Returns the plan without its targets."""
    opened, closed = _loops(args, CONNECTIONS_LEAST if args.connections is None else args.connections)
    return Plan(
        open=opened,
        closed=closed,
        duration_s=_duration_s(args),
        requests=args.requests,
        warm_up_s=parse_duration(args.warm_up or "0s"),
        connections=args.connections,
        timeout_s=parse_duration(args.timeout or DEFAULT_TIMEOUT),
        seed=1 if args.seed is None else args.seed,
        hedge=None if args.hedge is None else parse_hedge(args.hedge),
        thresholds=tuple(getattr(args, "threshold", ())),
        insecure=args.insecure,
        cacert=_absolute(args.cacert),
        cert=_absolute(args.cert),
        key=_absolute(args.key),
        resolve=tuple(args.resolve),
        # A trace id for each request costs as much as counting it.
        traced=args.rate != "max",
    )


def _duration_s(args: argparse.Namespace) -> float | None:
    if args.duration is None and args.requests is not None:
        return None
    return parse_duration(args.duration or DEFAULT_DURATION)


def _loops(args: argparse.Namespace, connections: int) -> tuple[OpenLoop | None, ClosedLoop | None]:
    think_s = parse_duration(args.think or "0s")
    if args.users is not None or args.rate == "max":
        if args.users is not None and args.rate is not None:
            raise InvalidInput(
                "--rate and --users cannot be combined: choose an open loop (--rate) or a closed loop (--users)"
            )
        if args.poisson:
            raise InvalidInput(
                "--poisson needs an open loop (--rate N): users send their next request after the response"
            )
        if args.rate == "max" and think_s:
            raise InvalidInput("--think needs --users: --rate max has no pauses")
        users = connections if args.users is None else args.users
        ramp_up_s = parse_duration(args.ramp_up or "0s")
        return None, ClosedLoop(users=users, think_s=think_s, think_varies=think_s > 0, ramp_up_s=ramp_up_s)
    if args.ramp_up is not None:
        raise InvalidInput("--ramp-up needs --users; for a rising rate use a plan with stages")
    if think_s:
        raise InvalidInput("--think needs --users: an open loop does not wait for responses")
    spacing = Spacing.POISSON if args.poisson else Spacing.EVEN
    return OpenLoop(rate_per_s=DEFAULT_RATE if args.rate is None else _rate(args.rate), spacing=spacing), None


def _rate(text: str) -> float:
    try:
        rate_per_s = float(text)
    except ValueError:
        raise InvalidInput(f"rate {text!r} is not a number; give requests per second, such as 200, or max") from None
    if rate_per_s == 0:
        raise InvalidInput("the rate must be above 0")
    return rate_per_s


def _target(args: argparse.Namespace) -> Target:
    if args.data is not None and args.form:
        raise InvalidInput("--data and --form cannot be combined")
    method = args.method or ("GET" if args.data is None and not args.form else "POST")
    file = args.data[1:] if args.data is not None and args.data.startswith("@") else None
    headers = [_header(text) for text in args.header]
    if args.data is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    queries = args.queries
    if queries == _DEFAULT_QUERIES:
        queries = str(index_folder() / "queries.json")
    return Target(
        url=args.url, method=method.upper(), headers=tuple(headers), body="" if file is not None else args.data or "",
        body_file=None if file is None else _file(f"--data @{file}", file),
        form=tuple(_field(text) for text in args.form), corpus=queries,
    )  # fmt: skip


def _file(option: str, name: str) -> str:
    """Returns the absolute path of the file. Raises InvalidInput if it cannot be read."""
    if not os.access(name, os.R_OK) or Path(name).is_dir():
        raise InvalidInput(f"{option}: the file cannot be read")
    return str(Path(name).absolute())


def _absolute(name: str | None) -> str | None:
    return None if name is None else str(Path(name).absolute())


def _field(text: str) -> FormField:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InvalidInput(f"--form {text!r} must be NAME=TEXT or NAME=@FILE")
    if not value.startswith("@"):
        return FormField(name=name, value=value)
    file, _, kind = value[1:].partition(";type=")
    return FormField(name=name, file=_file(f"--form {text}", file), filename=Path(file).name, type=kind)


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise InvalidInput(f"header {text!r} must be 'Name: value'")
    return name.strip(), value.strip()


def processes_of(text: str, cores: int) -> int:
    """Returns the number of processes that `--processes` names. Raises InvalidInput."""
    if text == "auto":
        return cores
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise InvalidInput(f"--processes {text} is invalid; use 1 to 256, or auto")
    return int(text)
