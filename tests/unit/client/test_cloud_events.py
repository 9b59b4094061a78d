"""The sentences for changes of instances."""

from __future__ import annotations

from dataclasses import replace

import pytest
from client_builders import instance

from client.cloud_state import Tone, instance_news
from vmhost.api.views import InstanceView, ReasonView

RUNS = instance(1)
CRASH = ReasonView(code="Server.InternalError", message="Server.InternalError: its program was killed")
OWNER = ReasonView(code="Client.UserInitiatedShutdown", message="Client.UserInitiatedShutdown: User initiated")


@pytest.mark.parametrize(
    ("old", "new", "text", "tone"),
    [
        (None, RUNS, "runs on host-a, for shard 1", Tone.GOOD),
        (None, replace(RUNS, tags={}), "runs on host-a", Tone.GOOD),
        (None, replace(RUNS, state="pending"), "is starting on host-a", Tone.NEUTRAL),
        (RUNS, replace(RUNS, state="stopping", reason=OWNER), "is stopping: requested by its owner", Tone.WARNING),
        (RUNS, replace(RUNS, state="stopped", reason=CRASH), "is stopped: its program was killed", Tone.WARNING),
        (replace(RUNS, state="stopping"), replace(RUNS, state="stopped"), "is stopped", Tone.NEUTRAL),
        (
            replace(RUNS, state="pending"),
            replace(RUNS, state="terminated", reason=CRASH),
            "could not start: its program was killed",
            Tone.BAD,
        ),
        (RUNS, replace(RUNS, impaired="it is paused"), "cannot respond: it is paused", Tone.WARNING),
        (replace(RUNS, impaired="it is paused"), RUNS, "can respond again", Tone.GOOD),
    ],
)
def test_sentence_of_a_change(old: InstanceView | None, new: InstanceView, text: str, tone: Tone) -> None:
    news = instance_news(old, new)
    assert news is not None
    assert (news.text, news.tone) == (text, tone)
    assert news.minor is (tone is Tone.NEUTRAL)


def test_changes_without_meaning_have_no_sentence() -> None:
    assert instance_news(RUNS, replace(RUNS, generation=2)) is None
    assert instance_news(replace(RUNS, state="stopping"), replace(RUNS, state="shutting-down")) is None
