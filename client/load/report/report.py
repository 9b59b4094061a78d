"""Everything about one run, from which all its tellings are made."""

from __future__ import annotations

from dataclasses import dataclass

from client.load.environment import Environment
from client.load.plan.words import Plan
from client.load.summary import Outcome, Summary
from client.load.verdict import Judgement, Verdict, judge_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: what was asked for, what was measured, where, and what it is worth."""

    plan: Plan
    outcome: Outcome
    environment: Environment
    judgement: Judgement

    @property
    def verdict(self) -> Verdict:
        """The verdict in a word."""
        return self.judgement.verdict

    @property
    def reason(self) -> str:
        """The sentence behind it."""
        return self.judgement.reason

    @property
    def summary(self) -> Summary:
        """The whole run's figures, its warm-up left out."""
        return self.outcome.total

    @property
    def seconds(self) -> float:
        """The length of what the figures cover."""
        stood_still_s = sum(each.schedule_s for each in self.outcome.standstills)
        return max(self.outcome.elapsed_s - self.plan.warm_up_s - stood_still_s, 1e-9)

    @property
    def model(self) -> str:
        """The arrival process in words, as it was."""
        return f"{self.plan.model}, then by hand" if self.outcome.steered else self.plan.model

    @property
    def exit_code(self) -> int:
        """The exit code of the program that ran it."""
        return self.verdict.exit_code


def make_report(plan: Plan, outcome: Outcome, environment: Environment) -> Report:
    """The report with its verdict."""
    return Report(plan=plan, outcome=outcome, environment=environment, judgement=judge_run(plan, outcome))
