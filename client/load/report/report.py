"""The report of one run, from which all formats are made."""

from __future__ import annotations

from dataclasses import dataclass

from client.load.environment import Environment
from client.load.plan.model import Plan
from client.load.summary import RunResult, Summary
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
        """The verdict."""
        return self.assessment.verdict

    @property
    def reason(self) -> str:
        """The reason for the verdict, in a sentence."""
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
        """The exit code of the command."""
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
