"""The verdict of a kill, and its account in words."""

from __future__ import annotations

import pytest
from client_builders import summary

from client.experiments.kill import KillTimes, account, judge_kill

REPLACED = KillTimes(noticed_s=0.08, replaced_s=0.9)
ALONE = KillTimes(noticed_s=0.1, alone=True)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (REPLACED, "noticed after 0.08 s, replaced after 0.9 s"),
        (KillTimes(noticed_s=0.1, replaced_s=2.25), "noticed after 0.1 s, replaced after 2.2 s"),
        (KillTimes(), "not noticed, not replaced"),
        (ALONE, "noticed after 0.1 s; not in a fleet, so nothing replaces it"),
    ],
)
def test_account(times: KillTimes, text: str) -> None:
    assert account(times) == text


@pytest.mark.parametrize(
    ("times", "lost", "verdict", "reason"),
    [
        (REPLACED, 0, "passed", "none of 412 requests was lost"),
        (REPLACED, 1, "failed", "1 of 412 requests was lost"),
        (ALONE, 3, "failed", "3 of 412 requests were lost"),
        (KillTimes(), 0, "failed", "its end was not noticed within 10 s; it was not replaced within 30 s"),
        (ALONE, 0, "inconclusive", "none of 412 requests was lost, but it belongs to no fleet"),
    ],
)
def test_verdict_under_load(times: KillTimes, lost: int, verdict: str, reason: str) -> None:
    found, held, why = judge_kill(times, summary(requests=412, lost=lost))
    assert (found, why) == (verdict, reason)
    assert held is {"passed": True, "failed": False, "inconclusive": None}[verdict]


@pytest.mark.parametrize(
    ("times", "verdict"), [(REPLACED, "inconclusive"), (ALONE, "inconclusive"), (KillTimes(noticed_s=0.1), "failed")]
)
def test_verdict_without_a_load(times: KillTimes, verdict: str) -> None:
    assert judge_kill(times, None)[0] == verdict
