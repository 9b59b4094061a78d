"""The report of one run, from which all formats are made."""

from __future__ import annotations

from dataclasses import dataclass

from client.load.environment import Environment
from client.load.plan.words import Plan
from client.load.summary import Outcome, Summary
from client.load.verdict import Judgement, Verdict, judge_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: its plan, its results, where it ran, and its verdict."""

    plan: Plan
    outcome: Outcome
    environment: Environment
    judgement: Judgement

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        return self.judgement.verdict

    @property
    def reason(self) -> str:
        """The reason for the verdict, in a sentence."""
        return self.judgement.reason

    @property
    def summary(self) -> Summary:
        """The statistics of the whole run, without its warm-up."""
        return self.outcome.total

    @property
    def seconds(self) -> float:
        """The length of the run without its warm-up and without the times in which the computer slept."""
        stood_still_s = sum(each.schedule_s for each in self.outcome.standstills)
        return max(self.outcome.elapsed_s - self.plan.warm_up_s - stood_still_s, 1e-9)

    @property
    def model(self) -> str:
        """The arrival process in words, as it was in this run."""
        return f"{self.plan.model}, then by hand" if self.outcome.steered else self.plan.model

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return self.verdict.exit_code


def make_report(plan: Plan, outcome: Outcome, environment: Environment) -> Report:
    """Judges the run and returns its report."""
    return Report(plan=plan, outcome=outcome, environment=environment, judgement=judge_run(plan, outcome))
