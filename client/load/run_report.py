"""The report of one run, from which all formats are made: its plan, its results, its computer and its verdict."""

from __future__ import annotations

import ipaddress
import os
import platform
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from client.load.plan.model import Plan
from client.load.run_result import RunResult
from client.load.summary import Summary
from client.load.verdict import RunAssessment, Verdict, assess_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: its plan, its results, where it ran, and its verdict."""

    plan: Plan
    result: RunResult
    environment: Environment
    assessment: RunAssessment

    @property
    def verdict(self) -> Verdict:
        return self.assessment.verdict

    @property
    def reason(self) -> str:
        return self.assessment.reason

    @property
    def summary(self) -> Summary:
        """The statistics of the whole run, without its warm-up."""
        return self.result.total

    @property
    def seconds(self) -> float:
        """The length of the run without its warm-up and without the times in which the computer slept."""
        stood_still_s = sum(each.schedule_s for each in self.result.standstills)
        return max(self.result.elapsed_s - self.plan.warm_up_s - stood_still_s, 1e-9)

    @property
    def model(self) -> str:
        """The arrival process in words, as it was in this run."""
        return f"{self.plan.model}, then by hand" if self.result.steered else self.plan.model

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code


def make_report(plan: Plan, result: RunResult, environment: Environment) -> Report:
    """Judges the run and returns its report."""
    return Report(plan=plan, result=result, environment=environment, assessment=assess_run(plan, result))


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that has ended. `began` and `ended` are epoch seconds. `error`: why it ended, if it failed."""

    number: int
    began: float
    ended: float
    report: Report
    error: str = ""

    @property
    def title(self) -> str:
        """The name of the plan, if it has one, and the load model in words."""
        return f"{self.report.plan.name}: {self.report.model}" if self.report.plan.name else self.report.model


_PACKAGES = ("glasscloud", "uvloop", "httptools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A computer and its programs. `usable_cores` is the number this process may run on; `same_host`: the server is on
    this computer too and shares its CPUs with the load generator."""

    system: str
    cpu: str
    cores: int
    usable_cores: int
    python: str
    versions: dict[str, str]
    load_average: float | None
    same_host: bool


def observe_environment(hosts: Sequence[str]) -> Environment:
    """This computer, and whether one of these hosts is it."""
    return Environment(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        python=platform.python_version(),
        versions={name: found for name in _PACKAGES if (found := _version(name)) is not None},
        load_average=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        same_host=any(map(_is_here, hosts)),
    )


def ignored_proxies(urls: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[str]:
    """The proxy variables that other programs use for these URLs; the load goes straight to the server."""
    schemes = {url.partition("://")[0].lower() for url in urls}
    names = [f"{scheme}_proxy" for scheme in sorted(schemes)] + ["all_proxy"]
    return [each for name in names for each in (name, name.upper()) if environ.get(each)]


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _is_here(host: str) -> bool:
    """Whether the host is an address of this computer: loopback, or one to which a socket can be bound here."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if address.is_loopback:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
