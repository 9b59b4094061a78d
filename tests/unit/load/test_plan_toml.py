"""Plans written in TOML: what people write is what is run, and a mistake is named with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from client.load.plan.model import (
    ClosedLoop,
    DataSource,
    Expect,
    Hedge,
    OpenLoop,
    Plan,
    RateStage,
    Spacing,
    Target,
    Wave,
)
from client.load.plan.toml_file import parse_hedge, plans_of, read_plans, read_trace
from vmhost.base.errors import InvalidInput

WHOLE = """
for = "30s"
warm-up = 5
stages = [{for = "10s", from = 0, to = 2000}, {for = 5, rate = 100}]
spacing = "poisson"
connections = 10
timeout = "500ms"
seed = 7
thresholds = ["p99<50ms", "search:errors<0.1%"]
hedge = {after = "p99", budget = "2%"}
insecure = true
cacert = "ca.pem"
cert = "me.pem"
key = "me.key"
resolve = ["api.test:443:10.0.0.7"]

[source.word]
file = "words.txt"
draw = "zipf"

[[target]]
name = "search"
url = "http://127.0.0.1:8000/search?q={word}"
weight = 3
headers = {Accept = "text/html"}
expect = {status = 200, contains = "results"}

[[target]]
url = "http://127.0.0.1:8000/new"
body = "a=b"
expect = {status = [200, 201]}
"""
ONE = '[[target]]\nurl = "http://127.0.0.1/"\n'


def plans(text: str, folder: Path = Path("/plans")) -> tuple[Plan, ...]:
    return plans_of(tomllib.loads(text), folder=folder)


def test_every_word_of_a_plan_can_be_written() -> None:
    assert plans(WHOLE) == (
        Plan(
            targets=(
                Target(
                    name="search", url="http://127.0.0.1:8000/search?q={word}", weight=3.0,
                    headers=(("Accept", "text/html"),), expect=Expect(statuses=(200,), contains="results"),
                ),
                Target(
                    name="http://127.0.0.1:8000/new", url="http://127.0.0.1:8000/new", method="POST", body="a=b",
                    expect=Expect(statuses=(200, 201)),
                ),
            ),
            open=OpenLoop(
                spacing=Spacing.POISSON,
                stages=(
                    RateStage(seconds=10, from_per_s=0, to_per_s=2000),
                    RateStage(seconds=5, from_per_s=100, to_per_s=100),
                ),
            ),
            duration_s=30, warm_up_s=5, connections=10, timeout_s=0.5, seed=7,
            sources={"word": DataSource(file="/plans/words.txt", draw="zipf")},
            thresholds=("p99<50ms", "search:errors<0.1%"), hedge=Hedge(after_percentile=99, budget=0.02), insecure=True,
            cacert="/plans/ca.pem", cert="/plans/me.pem", key="/plans/me.key", resolve=("api.test:443:10.0.0.7",),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("rate = 200\n", OpenLoop(rate_per_s=200)),
        (
            'rate = 20\nwave = {amplitude = 5, period = "10s"}\n',
            OpenLoop(rate_per_s=20, wave=Wave(amplitude_per_s=5, period_s=10)),
        ),
        ("users = 5\n", ClosedLoop(users=5)),
        ('users = 5\nthink = "1s"\n', ClosedLoop(users=5, think_s=1, think_varies=True)),
        ("users = 5\nthink = 2\nthink-varies = false\n", ClosedLoop(users=5, think_s=2)),
    ],
)  # fmt: skip
def test_every_loop_can_be_written(text: str, loop: OpenLoop | ClosedLoop) -> None:
    (plan,) = plans(text + ONE)
    assert (plan.open or plan.closed) == loop


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("rate = 5\n", 10),
        ("users = 5\n", 10),
        ('stages = [{for = "10s", from = 0, to = 20}, {for = "30s", rate = 20}]\n', 40),
        ('stages = [{for = "10s", rate = 20}]\nfor = 3\n', 3),
    ],
)
def test_a_plan_that_names_no_time_lasts_as_long_as_its_stages(text: str, seconds: float) -> None:
    (plan,) = plans(text + ONE)
    assert plan.duration_s == seconds


def test_a_trace_is_replayed_to_its_last_arrival(tmp_path: Path) -> None:
    (tmp_path / "trace.txt").write_text("0\n12.5\n")
    (plan,) = plans('trace = "trace.txt"\n' + ONE, tmp_path)
    assert plan.duration_s is not None
    assert 12.5 < plan.duration_s < 12.6


def test_tenants_share_what_stands_above_them() -> None:
    text = 'for = "20s"\nseed = 3\n[[tenant]]\nname = "victim"\nrate = 50\n[[tenant.target]]\nurl = "http://127.0.0.1:1/"\n'
    text += '[[tenant]]\nname = "noisy"\nusers = 9\nseed = 4\n[[tenant.target]]\nurl = "http://127.0.0.1:2/"\n'
    victim, noisy = plans(text)
    assert (victim.name, victim.duration_s, victim.seed, victim.open) == ("victim", 20, 3, OpenLoop(rate_per_s=50))
    assert (noisy.name, noisy.duration_s, noisy.seed, noisy.closed) == ("noisy", 20, 4, ClosedLoop(users=9))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("rate = 1\nspeed = 2\n" + ONE, "has 'speed'"),
        ('rate = "fast"\n' + ONE, "rate = 'fast'"),
        ("rate = true\n" + ONE, "rate = True"),
        ('rate = 1\nfor = "soon"\n' + ONE, "duration 'soon'"),
        ("rate = -1\n" + ONE, "rate -1/s"),
        ("users = 1.5\n" + ONE, "users = 1.5"),
        ("rate = 1\nusers = 1\n" + ONE, "either a rate"),
        (ONE, "either a rate"),
        ("rate = 1\n", "0 targets"),
        ('think = "1s"\nrate = 1\n' + ONE, "think and no users"),
        ('wave = {amplitude = 1, period = "1s"}\n' + ONE, "wave and no rate"),
        ("rate = 1\nwave = {amplitude = 1}\n" + ONE, "wave is incomplete"),
        ("stages = [{for = 1}]\n" + ONE, "stages 1 is incomplete"),
        ("stages = [1]\n" + ONE, "stages 1 = 1 is not understood; expected a table"),
        ('rate = 1\nspacing = "odd"\n' + ONE, "spacing 'odd'"),
        ("rate = 1\n[[target]]\n", "target 1 has no url"),
        ("rate = 1\n" + ONE + "lines = 3\n", "target 1 has 'lines'"),
        ("rate = 1\n" + ONE + 'expect = {status = ["ok"]}\n', "status = ['ok']"),
        ('rate = 1\nhedge = {after = "soon"}\n' + ONE, "'soon'"),
        ("rate = 1\nsource = 3\n" + ONE, "source = 3"),
        ("rate = 1\n[source]\nword = 3\n" + ONE, "source 'word' = 3 is not understood; expected a table"),
        ("rate = 1\n[[tenant]]\n" + ONE.replace("[[target]]", "[[tenant.target]]"), "tenants are named"),
        ("tenant = 3\n", "expected [[tenant]]"),
        ('trace = "nowhere.txt"\n' + ONE, "/plans/nowhere.txt cannot be read"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, named: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        plans(text)
    assert named in caught.value.message


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read_plans(tmp_path / "none.toml")
    file = tmp_path / "plan.toml"
    file.write_text("rate = \n")
    with pytest.raises(InvalidInput, match=r"plan\.toml is not TOML.*line 1"):
        read_plans(file)
    file.write_text("rate = -1\n" + ONE)
    with pytest.raises(InvalidInput, match=r"plan\.toml: rate -1/s"):
        read_plans(file)


def test_a_trace_is_read_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.txt"
    file.write_text("# recorded\n0\n0.5  # a burst\n\n1e1\n")
    assert read_trace(file) == (0.0, 0.5, 10.0)
    file.write_text("0\nsoon\n")
    with pytest.raises(InvalidInput, match="line 2: 'soon'"):
        read_trace(file)


@pytest.mark.parametrize(
    ("text", "hedge"),
    [
        ("p95", Hedge()),
        ("p99.9,10%", Hedge(after_percentile=99.9, budget=0.1)),
        ("20ms", Hedge(after_ms=20)),
        ("1s,1%", Hedge(after_ms=1000, budget=0.01)),
    ],
)
def test_a_hedge_is_a_delay_and_a_budget(text: str, hedge: Hedge) -> None:
    assert parse_hedge(text) == hedge


@pytest.mark.parametrize("text", ["soon", "px", "p95,much", ""])
def test_invalid_hedge_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_hedge(text)
