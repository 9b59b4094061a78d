"""A script is read without being run, and what is wrong with it is one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest
from load_runs import transmitted

from client.load.interval_stats import GOOD, MESSAGES_MAX, IntervalStats
from client.load.plan.model import OpenLoop, Plan, Target
from client.load.plan.validation import check_plan, parse_threshold
from client.load.script.script_loader import complete_plan, describe_error, load_script
from client.load.summary import Fault, summarise
from client.load.verdict import evaluate_threshold
from vmhost.base.errors import InvalidInput

BASE = "http://127.0.0.1:8000"
LOOP = OpenLoop(rate_per_s=5)


def plan(tmp_path: Path, text: str | bytes, **settings: object) -> Plan:
    file = tmp_path / "flow.py"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Plan(script=str(file), open=LOOP, **settings)  # type: ignore[arg-type]


def test_what_a_script_declares_completes_the_plan(tmp_path: Path) -> None:
    text = f'raise SystemExit("never run")\nBASE: str = "{BASE}"\nTHRESHOLDS = ["p99<2s", "log in:errors<1%"]\n'
    found = check_plan(complete_plan(plan(tmp_path, text)))
    assert (found.base, found.thresholds) == (BASE, ("p99<2s", "log in:errors<1%"))
    assert (found.urls, found.target_names) == ((BASE,), ("flow",))


def test_the_plan_comes_before_what_the_script_declares(tmp_path: Path) -> None:
    text = "import os\nBASE = os.environ['BASE']\nTHRESHOLDS = ('p99<2s',)\n"
    given = plan(tmp_path, text, base=BASE, thresholds=("p90<1s",))
    assert complete_plan(given) == given


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("async def flow(user):\n  await x y\n", "flow.py, line 2: "),
        (b"\xff\xfe", "flow.py"),
        ("BASE = 'http://' + 'a'\n", "line 1: BASE is not plain text"),
        ("BASE = 7\n", "line 1: BASE is not plain text"),
        ("\nTHRESHOLDS = 'p99<2s'\n", "line 2: THRESHOLDS are not plain texts"),
        ("THRESHOLDS = ('p99<2s', 5)\n", "line 1: THRESHOLDS are not plain texts"),
    ],
)
def test_a_script_that_cannot_be_read_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        complete_plan(plan(tmp_path, text))
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_a_script_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"/nowhere/flow\.py cannot be read: No such file"):
        complete_plan(Plan(script="/nowhere/flow.py", open=LOOP))


def test_a_script_needs_a_base_and_a_base_a_script(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has no base URL"):
        check_plan(complete_plan(plan(tmp_path, "")))
    with pytest.raises(InvalidInput, match="'localhost' names no http server"):
        check_plan(plan(tmp_path, "", base="localhost"))
    with pytest.raises(InvalidInput, match="a script beside targets"):
        check_plan(plan(tmp_path, "", base=BASE, targets=(Target(url=BASE),)))
    with pytest.raises(InvalidInput, match="a base without a script"):
        check_plan(Plan(targets=(Target(url=BASE),), open=LOOP, base=BASE))


def test_a_script_may_import_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "beside_the_flow.py").write_text("WORDS = ['a']\n")
    given = plan(tmp_path, "from beside_the_flow import WORDS\nasync def flow(user):\n    return WORDS\n")
    assert given.script is not None
    script = load_script(given.script)
    assert script.setup is None
    with pytest.raises(StopIteration) as ended:
        script.flow(None).__await__().send(None)
    assert ended.value.value == ["a"]


def test_script_error_is_one_line_with_its_place() -> None:
    def fail(error: Exception) -> Exception:
        try:
            raise error
        except Exception as raised:
            return raised

    line = fail.__code__.co_firstlineno + 2
    assert describe_error(fail(KeyError("hits")), __file__) == f"KeyError: 'hits' ({Path(__file__).name}:{line})"
    assert (
        describe_error(fail(AssertionError("no hits\nat all")), __file__) == f"no hits ({Path(__file__).name}:{line})"
    )
    assert describe_error(fail(AssertionError()), __file__) == f"{Path(__file__).name}:{line}"
    assert describe_error(fail(ValueError()), "elsewhere.py") == "ValueError (elsewhere.py)"


def flow(stats: IntervalStats, took_us: int, fault: str = GOOD, **steps: int) -> None:
    stats.record_arrival()
    stats.record_sent(10, 0)
    for name, step_us in steps.items():
        stats.record_step((name, 200, GOOD), step_us)
    stats.record_outcome((0, 200, fault), took_us, took_us)


def test_steps_are_targets_beside_the_flow_and_not_requests_of_the_run() -> None:
    one, other, whole = IntervalStats(0, 1), IntervalStats(0, 1), IntervalStats(0, 1)
    flow(one, 900, login=300, search=500)
    flow(other, 700, Fault.WRONG, search=600)
    other.record_message("no hits")
    for stats in (one, other):
        whole.add(transmitted(stats.data()))
    total = summarise(whole, since=0.0, until=1.0, targets=("flow",))
    assert (total.offered, total.completed, total.ok, total.errors) == (2, 2, 1, {"wrong answer": 1})
    assert (total.response.count, total.response.max) == (1, 0.9)
    assert [(each.name, each.ok, each.response.max) for each in total.targets] == [
        ("flow", 1, 0.9), ("login", 1, 0.3), ("search", 2, 0.6),
    ]  # fmt: skip
    assert total.messages == {"no hits": 1}
    held = evaluate_threshold(parse_threshold("search:max<=0.6ms"), total)
    assert held.held is True


def test_only_the_first_different_messages_are_kept_and_all_of_those_counted() -> None:
    one, whole = IntervalStats(0, 1), IntervalStats(0, 1)
    for number in range(3 * MESSAGES_MAX):
        one.record_message(f"number {number}")
        one.record_message("number 0")
    whole.add(one)
    whole.add(one)
    assert list(whole.messages) == [f"number {number}" for number in range(MESSAGES_MAX)]
    assert whole.messages["number 0"] == 2 * (3 * MESSAGES_MAX + 1)
