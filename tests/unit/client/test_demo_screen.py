"""The live screen: exact lines, and properties that hold at every size."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from client_builders import IDS, cloud, cloud_state, instance, load, summary
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from client.cloud_state import CloudState, Tone, fold
from client.cloud_watcher import CloudChange
from client.experiments.results import Failure, Progress, Result, Step
from client.experiments.runner import TERMINAL
from client.load.live.live_state import next_rate
from client.load.run_result import Snapshot as LoadSnapshot
from client.search_service import SearchResult
from client.view.demo_screen import render
from client.view.view_state import (
    RATES,
    Note,
    Panel,
    ViewState,
    noted,
    on_answering,
    on_cloud,
    on_load,
    on_search_result,
    on_step,
)
from vmhost.api.views import CloudEvent, ReasonView

NOON = time.mktime((2026, 11, 23, 14, 2, 11, 0, 0, -1))
WHY = "instances are plain processes: no Docker engine found. Containers instead: start a Docker engine"


def shown(state: ViewState, columns: int = 80, rows: int = 24) -> list[str]:
    return [each.plain.rstrip() for each in render(state, columns, rows)]


def running(**changes: object) -> ViewState:
    state = ViewState(search_url="http://127.0.0.1:8000", why=WHY, cloud_state=cloud_state())
    return replace(on_load(state, load()), **changes)  # type: ignore[arg-type]


def after_cloud(state: ViewState, event: CloudEvent) -> ViewState:
    before = state.cloud_state
    return on_cloud(state, CloudChange(event=event, before=before, after=fold(before, event)), NOON)


def after_step(
    state: ViewState, what: Progress | Result | Failure, at: float = NOON, *, by: str = TERMINAL
) -> ViewState:
    step = Step(
        number=1, by=by, experiment="kill", title="kill", instance_id=IDS[0], ends_instance=True, what=what
    )  # fmt: skip
    return on_step(state, step, at)


def killing(stage: str = "waiting until the platform notices") -> Progress:
    return Progress(action=f"killed {IDS[0]}", stage=stage)


KILLED = Result(
    experiment="kill", instance_id=IDS[0], action=f"killed {IDS[0]}",
    account="noticed after 0.08 s, replaced after 0.9 s", verdict="passed", held=True,
    reason="none of 412 requests was lost",
)  # fmt: skip


def killed(state: ViewState) -> ViewState:
    return after_step(state, KILLED)


def test_first_screen() -> None:
    lines = shown(killed(running()))
    assert lines[:10] == [
        "glasscloud: 4 instances answer one search box          Ctrl-C removes everything",
        "  search  http://127.0.0.1:8000/search?q=hypervisor                 (o opens it)",
        "  Plain processes: no Docker engine found. Isolated: crashes, not CPU (w: why)",
        " host-a                                  host-b",
        " i-00a1 shard 0 running   10/s 2.1ms     i-00c7 shard 0 running   10/s 2.0ms",
        " i-00b3 shard 1 running   10/s 2.2ms     i-00d9 shard 1 running   10/s 2.1ms",
        " 20 req/s  failed 0  last minute: half within 2.1 ms, 9 of 10 within 2.2 ms",
        ' last: "hypervisor" 3.4 ms = front end 0.5 + slower of [i-00a1 2.1 | i-00d9 2.9]',
        " 14:02:11 you killed i-00a1: noticed after 0.08 s, replaced after 0.9 s",
        " 14:02:11 passed: none of 412 requests was lost",
    ]
    assert lines[-1] == " k kill   h CPU hog   + - load   s search   ? glossary   q quit"
    assert len(lines) == 24


@given(st.integers(60, 200), st.integers(20, 60), st.sampled_from(list(Panel)), st.booleans(), st.text(max_size=90))
def test_lines_fit_every_size(columns: int, rows: int, panel: Panel, typing: bool, query: str) -> None:
    state = killed(on_load(running(panel=panel, prompt=query if typing else None), load(query=query)))
    lines = render(state, columns, rows)
    assert len(lines) == rows
    assert all(each.cell_len <= columns for each in lines)
    assert shown(state, columns, rows)[-1].strip()


def test_instance_rate_covers_two_seconds() -> None:
    fast = on_load(running(), load(rate=200, now=summary(requests=400, seconds=2)))
    assert " i-00a1 shard 0 running  100/s 2.1ms     i-00c7 shard 0 running  100/s 2.0ms" in shown(fast)


@pytest.mark.parametrize(("wanted", "requests", "said"), [(20, 400, 200), (20, 41, 20), (200, 380, 200), (200, 40, 20)])
def test_total_rate_covers_two_seconds(wanted: int, requests: int, said: int) -> None:
    lines = shown(on_load(running(), load(rate=wanted, now=summary(requests=requests, seconds=2))))
    assert any(text.startswith(f" {said} req/s ") for text in lines)


def test_narrow_terminal_stacks_hosts() -> None:
    lines = shown(killed(running()), 60, 20)
    assert [text for text in lines if text.startswith(" host-")] == [" host-a", " host-b"]
    assert " 20 req/s  failed 0  last minute: p50 2.1 ms, p90 2.2 ms" in lines
    assert " last: 3.4 ms = front end 0.5 + [i-00a1 2.1 | i-00d9 2.9]" in lines
    assert "k kill" in lines[-1]
    assert all(cell_len(text) <= 60 for text in lines)


def test_instances_beyond_the_rows_are_counted() -> None:
    many = tuple(instance(number % 4, own_id=f"i-0{number:016x}") for number in range(60))
    lines = shown(running(cloud_state=cloud_state(*many)))
    assert any("more" in text for text in lines)
    assert "k kill" in lines[-1]


def test_isolation_panel_lists_limits_and_reasons() -> None:
    text = "\n".join(shown(running(panel=Panel.ISOLATION)))
    assert "Enforced:\n   crashes: one that dies takes no other along" in text
    assert "Not enforced:\n   CPU: processes share the host's cores" in text
    assert "Containers instead: start a Docker engine" in text
    assert text.index("Containers instead") < text.index("Enforced")
    assert "press any key to go back" in text


def test_glossary_fits_80_columns() -> None:
    text = "\n".join(shown(running(panel=Panel.GLOSSARY)))
    assert "p99" in text
    assert "hedge" in text


def test_queries_cannot_contain_escape_sequences() -> None:
    state = running(last_query="x")
    state = on_load(state, load(query="\x1b[2J\x1b]0;title\x07"))
    text = "\n".join(each.plain for each in render(state, 120, 24))
    assert "\x1b[2J" not in text
    assert "\x07" not in text


def test_markup_from_outside_is_shown_as_it_is() -> None:
    state = on_load(running(), load(query="[bold]x[/bold]"))
    assert any('last: "[bold]x[/bold]"' in text for text in shown(state, 120, 24))


def test_progress_is_replaced_by_account_and_verdict() -> None:
    state = after_step(running(), killing())
    assert state.notes[-1].text == "you killed i-00a1: waiting until the platform notices …"
    state = after_step(state, killing("noticed after 0.08 s; waiting for its replacement"), NOON + 1)
    assert state.notes[-1].text == "you killed i-00a1: noticed after 0.08 s; waiting for its replacement …"
    state = killed(state)
    assert [(note.text, note.tone) for note in state.notes] == [
        ("you killed i-00a1: noticed after 0.08 s, replaced after 0.9 s", Tone.NEUTRAL),
        ("passed: none of 412 requests was lost", Tone.GOOD),
    ]
    assert state.notes[0].at == NOON


def test_experiment_victims_get_no_second_note() -> None:
    state = after_step(running(), killing())
    state = after_cloud(state, instance(0, state="stopped", generation=2))
    assert len(state.notes) == 1
    state = after_cloud(state, instance(1, state="stopped", generation=2))
    assert state.notes[-1].text == "i-00b3 is stopped"


def test_new_instance_note_names_host_and_shard() -> None:
    state = after_cloud(running(), instance(0, own_id="i-0ffff000000000001", state="pending"))
    state = after_cloud(state, instance(0, own_id="i-0ffff000000000001", generation=2))
    assert [note.text for note in state.notes] == ["i-0fff runs on host-a, for shard 0"]


def test_platform_silence_is_noted() -> None:
    state = on_answering(on_answering(running(), False, NOON), True, NOON)
    first, second = (note.text for note in state.notes)
    assert first.startswith("the platform does not respond")
    assert second == "the platform responds again"


def test_only_reported_limits_are_enforced() -> None:
    known = running().cloud_state
    assert [known.enforces(limit, "host-a") for limit in ("memory", "cpu", "flying")] == [True, False, False]
    assert not CloudState().enforces("memory", "host-a")


@pytest.mark.parametrize(
    ("code", "message", "shown_text"),
    [
        ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown",
         "i-00b3 is shutting-down: requested by its owner"),
        ("Server.InternalError", "Server.InternalError: its program was killed by signal 9 (SIGKILL)",
         "i-00b3 is shutting-down: its program was killed by signal 9 (SIGKILL)"),
    ],
)  # fmt: skip
def test_reason_of_an_end_is_shown(code: str, message: str, shown_text: str) -> None:
    ended = replace(instance(1, state="shutting-down", generation=2), reason=ReasonView(code=code, message=message))
    assert after_cloud(running(), ended).notes[-1].text == shown_text


def test_long_query_is_cut() -> None:
    found = SearchResult(query="hypervisor " * 30, total=1)
    text = on_search_result(running(), found, NOON).notes[-1].text
    assert text.startswith('search "hypervisor hypervisor')
    assert text.endswith('…": 1 hit')
    assert len(text) < 70


def test_older_generation_is_ignored() -> None:
    state = after_cloud(running(), instance(0, state="stopped", generation=5))
    assert after_cloud(state, instance(0, generation=4)).cloud_state == state.cloud_state


@pytest.mark.parametrize(("held", "tone"), [(True, Tone.GOOD), (False, Tone.BAD), (None, Tone.WARNING)])
def test_verdict_has_its_tone(held: bool | None, tone: Tone) -> None:
    result = replace(KILLED, held=held, verdict="leaked", reason=f"{IDS[0]} delayed {IDS[1]}")
    note = after_step(running(), result).notes[-1]
    assert (note.text, note.tone) == ("leaked: i-00a1 delayed i-00b3", tone)


def test_short_ids_are_unique() -> None:
    twins = (instance(0, own_id="i-0aaaa000000000001"), instance(1, own_id="i-0aaaa000000000002"))
    state = running(cloud_state=cloud_state(*twins))
    assert state.short(twins[0].id) != state.short(twins[1].id)


def test_notes_are_bounded() -> None:
    state = running()
    for number in range(500):
        state = noted(state, Note(at=NOON, text=str(number)))
    assert len(state.notes) == 50
    assert state.notes[-1].text == "499"


def test_screen_without_a_load() -> None:
    state = on_load(running(), None)
    assert " no load; + starts it" in shown(state)
    assert not any("/s" in text for text in shown(state)[3:8])
    assert " 20 req/s  failed 0  last minute: half within 2.1 ms, 9 of 10 within 2.2 ms" in shown(
        on_load(state, load())
    )


def test_experiments_of_others_name_their_source() -> None:
    state = after_step(running(), killing(), by="the console")
    assert state.notes[-1].text.startswith("the console killed i-00a1: ")


def test_failed_experiment_replaces_its_progress() -> None:
    state = after_step(running(), killing())
    state = after_step(state, Failure(error="it is gone already"))
    assert [(note.text, note.tone) for note in state.notes] == [("the kill: it is gone already", Tone.BAD)]


@pytest.mark.parametrize(
    ("rate", "step", "expected"), [(20, 1, 50), (20, -1, 10), (5, -1, 1), (1, -1, 1), (1000, 1, 1000), (33, 1, 50)]
)
def test_rate_steps(rate: float, step: int, expected: float) -> None:
    assert next_rate(rate, step, RATES) == expected


def test_new_snapshot_replaces_the_instances() -> None:
    state = after_cloud(running(), cloud(instance(2), instance(3)))
    assert shown(state)[0].startswith("glasscloud: 2 instances answer")


def test_glossary_is_not_cut_at_80_columns() -> None:
    assert not any("…" in text for text in shown(running(panel=Panel.GLOSSARY))[8:])


def test_pause_of_the_computer_is_left_out() -> None:
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
