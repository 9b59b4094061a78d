"""The live screen as people see it: exact pictures, and what holds at every size."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from client_builders import IDS, cloud, instance, load, summary, world
from hypothesis import given
from hypothesis import strategies as st

from client.load.summary import Snapshot as LoadSnapshot
from client.terminal.text import cells, painted, plain, width_of
from client.tour.experiments import TERMINAL
from client.tour.isolation import Isolation, Outcome
from client.tour.results import (
    Failure,
    Found,
    HogPlan,
    HogProgress,
    HogResult,
    KillProgress,
    KillResult,
    Stage,
    Step,
)
from client.tour.world import World
from client.verdicts import judge_kill
from client.view.model import (
    Note,
    Panel,
    Tone,
    ViewState,
    next_rate,
    noted,
    on_answering,
    on_cloud,
    on_found,
    on_load,
    on_step,
)
from client.view.screen import render
from vmhost.api.views import ReasonView

NOON = time.mktime((2026, 11, 23, 14, 2, 11, 0, 0, -1))
WHY = "instances are plain processes: no Docker engine found. Containers instead: start a Docker engine"


def shown(state: ViewState, columns: int = 80, rows: int = 24) -> list[str]:
    return [plain(each) for each in render(state, columns, rows)]


def running(**changes: object) -> ViewState:
    state = ViewState(search_url="http://127.0.0.1:8000", why=WHY, world=world())
    return replace(on_load(state, load()), **changes)  # type: ignore[arg-type]


def told(state: ViewState, what: Any, at: float = NOON, *, by: str = TERMINAL) -> ViewState:
    return on_step(state, Step(number=1, by=by, what=what), at)


def killed(state: ViewState) -> ViewState:
    window = summary(requests=412)
    judgement = judge_kill(instance_id=IDS[0], seen_s=0.08, replaced_s=0.9, lost=0, requests=412)
    result = KillResult(
        instance_id=IDS[0], replacement_id=IDS[1], seen_s=0.08, replaced_s=0.9, window=window, judgement=judgement
    )
    return told(state, result)


def test_the_first_screen_tells_what_there_is_and_what_to_press() -> None:
    lines = shown(killed(running()))
    assert lines[:9] == [
        "glasscloud: 4 instances answer one search box          Ctrl-C removes everything",
        "  search  http://127.0.0.1:8000/search?q=hypervisor                 (o opens it)",
        "  Plain processes: no Docker engine found. Isolated: crashes, not CPU (w: why)",
        " host-a                                  host-b",
        " i-00a1 shard 0 running   10/s 2.1ms     i-00c7 shard 0 running   10/s 2.0ms",
        " i-00b3 shard 1 running   10/s 2.2ms     i-00d9 shard 1 running   10/s 2.1ms",
        " 20 req/s  failed 0  last minute: half within 2.1 ms, 9 of 10 within 2.2 ms",
        ' last: "hypervisor" 3.4 ms = front end 0.5 + slower of [i-00a1 2.1 | i-00d9 2.9]',
        " 14:02:11 you killed i-00a1: noticed 0.08 s, replaced 0.9 s, 0 of 412 lost",
    ]
    assert lines[-1] == " k kill   h CPU hog   + - load   s search   ? words   q quit"
    assert len(lines) == 24


@given(st.integers(60, 200), st.integers(20, 60), st.sampled_from(list(Panel)), st.booleans(), st.text(max_size=90))
def test_every_size_gets_exactly_its_lines_and_none_is_too_long(
    columns: int, rows: int, panel: Panel, typing: bool, query: str
) -> None:
    state = killed(on_load(running(panel=panel, prompt=query if typing else None), load(query=query)))
    lines = render(state, columns, rows)
    assert len(lines) == rows
    assert all(width_of(each) <= columns for each in lines)
    assert shown(state, columns, rows)[-1].strip()


def test_a_machines_rate_is_that_of_two_seconds_and_follows_the_load() -> None:
    fast = on_load(running(), load(rate=200, now=summary(requests=400, seconds=2)))
    assert " i-00a1 shard 0 running  100/s 2.1ms     i-00c7 shard 0 running  100/s 2.0ms" in shown(fast)


@pytest.mark.parametrize(("wanted", "requests", "said"), [(20, 400, 200), (20, 41, 20), (200, 380, 200), (200, 40, 20)])
def test_the_rate_above_all_machines_is_of_the_same_two_seconds_as_theirs(
    wanted: int, requests: int, said: int
) -> None:
    lines = shown(on_load(running(), load(rate=wanted, now=summary(requests=requests, seconds=2))))
    assert any(text.startswith(f" {said} req/s ") for text in lines)


def test_a_narrow_terminal_shows_hosts_below_each_other_and_keeps_what_matters() -> None:
    lines = shown(killed(running()), 60, 20)
    assert [text for text in lines if text.startswith(" host-")] == [" host-a", " host-b"]
    assert " 20 req/s  failed 0  last minute: p50 2.1 ms, p90 2.2 ms" in lines
    assert " last: 3.4 ms = front end 0.5 + [i-00a1 2.1 | i-00d9 2.9]" in lines
    assert "k kill" in lines[-1]
    assert all(cells(text) <= 60 for text in lines)


def test_more_machines_than_rows_are_counted_not_lost() -> None:
    many = tuple(instance(number % 4, own_id=f"i-0{number:016x}") for number in range(60))
    lines = shown(running(world=world(*many)))
    assert any("more" in text for text in lines)
    assert "k kill" in lines[-1]


def test_walls_say_which_hold_and_why_not_and_how_to_get_others() -> None:
    text = "\n".join(shown(running(panel=Panel.ISOLATION)))
    assert "Enforced:\n   crashes: one that dies takes no other along" in text
    assert "Not enforced:\n   CPU: processes share the host's cores" in text
    assert "Containers instead: start a Docker engine" in text
    assert text.index("Containers instead") < text.index("Enforced")
    assert "any key goes back" in text


def test_words_fit_the_usual_screen() -> None:
    text = "\n".join(shown(running(panel=Panel.WORDS)))
    assert "p99" in text
    assert "hedge" in text


def test_what_strangers_search_for_cannot_steer_the_terminal() -> None:
    state = running(last_query="x")
    state = on_load(state, load(query="\x1b[2J\x1b]0;title\x07"))
    text = "\n".join(painted(each, colour=True) for each in render(state, 120, 24))
    assert "\x1b[2J" not in text
    assert "\x07" not in text


def test_colour_is_used_only_where_it_is_wanted() -> None:
    lines = render(running(), 80, 24)
    assert "\x1b[" not in "".join(painted(each, colour=False) for each in lines)
    assert "\x1b[" in "".join(painted(each, colour=True) for each in lines)


def test_a_kill_is_told_as_it_goes_in_one_line() -> None:
    state = told(running(), KillProgress(victim=instance(0)))
    assert state.notes[-1].text == "you killed i-00a1 …"
    state = told(state, KillProgress(victim=instance(0), seen_s=0.08), NOON + 1)
    assert state.notes[-1].text == "you killed i-00a1: noticed after 0.08 s …"
    state = killed(state)
    assert [note.text for note in state.notes] == ["you killed i-00a1: noticed 0.08 s, replaced 0.9 s, 0 of 412 lost"]
    assert state.notes[0].at == NOON


def test_our_own_victims_death_is_not_told_twice_but_others_deaths_are_told() -> None:
    state = told(running(), KillProgress(victim=instance(0)))
    state = on_cloud(state, instance(0, state="stopped", generation=2), NOON)
    assert len(state.notes) == 1
    state = on_cloud(state, instance(1, state="stopped", generation=2), NOON)
    assert state.notes[-1].text == "i-00b3 is stopped"


def test_a_machine_that_comes_says_where_and_what_for() -> None:
    state = on_cloud(running(), instance(0, own_id="i-0ffff000000000001", state="pending"), NOON)
    state = on_cloud(state, instance(0, own_id="i-0ffff000000000001", generation=2), NOON)
    assert [note.text for note in state.notes] == ["i-0fff runs on host-a and serves shard 0"]


def test_a_platform_that_goes_and_comes_is_told_in_plain_words() -> None:
    state = on_answering(on_answering(running(), False, NOON), True, NOON)
    first, second = (note.text for note in state.notes)
    assert first.startswith("the platform does not answer")
    assert second == "the platform answers again"


def test_only_walls_that_the_platform_speaks_of_are_enforced() -> None:
    known = running().world
    assert [known.enforces(wall) for wall in ("memory", "cpu", "flying")] == [True, False, False]
    assert not World().enforces("memory")


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown",
         "i-00b3 is shutting-down: terminated by its owner"),
        ("Server.InternalError", "Server.InternalError: its program was killed by signal 9 (SIGKILL)",
         "i-00b3 is shutting-down: its program was killed by signal 9 (SIGKILL)"),
    ],
)  # fmt: skip
def test_why_a_machine_ended_is_told_in_plain_words(code: str, message: str, told: str) -> None:
    ended = replace(instance(1, state="shutting-down", generation=2), reason=ReasonView(code=code, message=message))
    assert on_cloud(running(), ended, NOON).notes[-1].text == told


def test_a_long_query_does_not_fill_the_screen() -> None:
    found = Found(query="hypervisor " * 30, total=1, titles=(), partial=False, trace=None)
    text = on_found(running(), found, NOON).notes[-1].text
    assert text.startswith('search "hypervisor hypervisor')
    assert text.endswith('…": 1 hit')
    assert len(text) < 70


def test_an_older_generation_changes_nothing() -> None:
    state = on_cloud(running(), instance(0, state="stopped", generation=5), NOON)
    assert on_cloud(state, instance(0, generation=4), NOON).world == state.world


def test_a_hog_ends_in_its_figures_and_its_verdict() -> None:
    state = told(running(), HogProgress(victim=instance(0), stage=Stage.DURING, plan=HogPlan()))
    assert "i-00a1 hogs the CPU for 8 s" in state.notes[-1].text
    before, during = summary(requests=2000), summary(requests=2000, ms={1: 30.0, 2: 30.0, 3: 30.0})
    result = HogResult(
        instance_id=IDS[0],
        before=before,
        during=during,
        after=before,
        isolation=Isolation(outcome=Outcome.LEAKED, sentence=f"leaked by {IDS[0]}: {IDS[1]} waited", hog=None),
    )
    state = told(state, result)
    assert [note.text for note in state.notes] == [
        "i-00a1 hogged the CPU: 0 of 2000 requests lost; p99 of the others before, during, after: 2.2, 30.0, 2.2 ms",
        "leaked by i-00a1: i-00b3 waited",
    ]


def test_short_ids_differ_however_alike_the_ids_are() -> None:
    twins = (instance(0, own_id="i-0aaaa000000000001"), instance(1, own_id="i-0aaaa000000000002"))
    state = running(world=world(*twins))
    assert state.short(twins[0].id) != state.short(twins[1].id)


def test_notes_are_bounded() -> None:
    state = running()
    for number in range(500):
        state = noted(state, Note(at=NOON, text=str(number)))
    assert len(state.notes) == 50
    assert state.notes[-1].text == "499"


def test_without_a_load_the_screen_says_how_to_start_one_and_shows_no_figures() -> None:
    state = on_load(running(), None)
    assert " no load; + starts it" in shown(state)
    assert not any("/s" in text for text in shown(state)[3:8])
    assert " 20 req/s  failed 0  last minute: half within 2.1 ms, 9 of 10 within 2.2 ms" in shown(
        on_load(state, load())
    )


def test_what_others_do_is_told_as_theirs() -> None:
    state = told(running(), KillProgress(victim=instance(0)), by="the console")
    assert state.notes[-1].text == "the console killed i-00a1 …"


def test_a_kill_without_a_load_is_neither_good_nor_bad() -> None:
    judgement = judge_kill(instance_id=IDS[0], seen_s=0.08, replaced_s=0.9, lost=None, requests=None)
    result = KillResult(
        instance_id=IDS[0], replacement_id=IDS[1], seen_s=0.08, replaced_s=0.9, window=None, judgement=judgement
    )
    note = told(running(), result).notes[-1]
    assert note.tone is Tone.CARE
    assert note.text == (
        "you killed i-00a1: noticed 0.08 s, replaced 0.9 s; no load ran throughout, so losses are not known"
    )


def test_an_experiment_that_failed_takes_the_place_of_its_progress() -> None:
    state = told(running(), KillProgress(victim=instance(0)))
    state = told(state, Failure(kind="kill", instance_id=IDS[0], error="it is gone already"))
    assert [(note.text, note.tone) for note in state.notes] == [("the kill: it is gone already", Tone.BAD)]


@pytest.mark.parametrize(
    ("rate", "step", "expected"), [(20, 1, 50), (20, -1, 10), (5, -1, 1), (1, -1, 1), (1000, 1, 1000), (33, 1, 50)]
)
def test_the_load_moves_along_a_ladder(rate: float, step: int, expected: float) -> None:
    assert next_rate(rate, step) == expected


def test_a_cloud_that_was_away_is_shown_anew() -> None:
    state = on_cloud(running(), cloud(instance(2), instance(3)), NOON)
    assert shown(state)[0].startswith("glasscloud: 2 instances answer")


def test_no_word_is_cut_at_80_columns() -> None:
    assert not any("…" in text for text in shown(running(panel=Panel.WORDS))[8:])


def test_a_pause_of_the_computer_is_named_and_left_out() -> None:
    def at(seconds: float, *, lost: int = 0) -> LoadSnapshot:
        return replace(load(lost=lost), at=NOON + seconds, elapsed_s=10 + seconds)

    state = on_load(on_load(on_load(running(), None), at(0, lost=1)), at(0.5, lost=1))
    assert " 20 req/s  failed 1  last minute: half within" in "\n".join(shown(state))
    state = on_load(state, at(60, lost=90))
    assert state.notes[-1].text.startswith("this computer or its programs were paused for 60 s")
    assert " 20 req/s  failed 1  paused for 60 s; measuring again" in shown(state)
    state = on_load(state, at(62, lost=100))
    state = on_load(state, at(66, lost=100))
    state = on_load(state, at(70, lost=100))
    state = on_load(state, at(74, lost=100))
    state = on_load(state, at(78, lost=101))
    assert " 20 req/s  failed 2  last 10 s: half within" in "\n".join(shown(state))
    for seconds in range(80, 140, 4):
        state = on_load(state, at(seconds, lost=101))
    assert " 20 req/s  failed 2  last minute: half within" in "\n".join(shown(state))
    assert on_load(on_load(state, None), at(200)).pause is None
