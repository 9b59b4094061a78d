"""The command `glasscloud load`: options, plans, scripts, and the files that it writes."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.hlog_reader import read_hlog
from tests.integration.load.load_command import Website, load, start
from tests.integration.load.load_service import served

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")


@pytest.fixture
async def service() -> AsyncIterator[Website]:
    website = Website()
    async with served(website.handle) as website.url:
        yield website


async def test_escape_sequences_never_reach_the_terminal(service: Website, tmp_path: Path) -> None:
    script, plan = tmp_path / "flow.py", tmp_path / "plan.toml"
    script.write_text(
        "async def flow(user):\n"
        "    await user.get('/', name='red \\x1b[31m step')\n"
        "    user.check(False, 'clear \\x1b[2J screen \\x9b5m')\n"
    )
    plan.write_text(
        f'rate = 10\nfor = "1s"\nname = "red \\u001b[31m plan"\n'
        f'[[target]]\nname = "a \\u001b]0;title\\u0007"\nurl = "{service.url}/bad"\n'
        f'[[target]]\nname = "b"\nurl = "{service.url}/"\n'
    )
    runs = [[str(script), "--url", service.url, "--rate", "10", "--for", "1s"], [str(plan)]]
    runs.append([str(script), "--url", service.url, "--threshold", "\x1b[31m<5"])
    for arguments in runs:
        _, out, err = await load(*arguments)
        assert not [char for char in out + err if not (char.isprintable() or char == "\n")], arguments


@pytest.mark.parametrize("loop", [["--rate", "40", "--processes", "2"], ["--users", "4", "--think", "50ms"]])
async def test_failure_is_shown_with_request_and_response(service: Website, loop: list[str]) -> None:
    header = "Authorization: Bearer hunter2"
    code, out, err = await load(f"{service.url}/bad", "-d", "a=1&token=hunter2", "-H", header, "--for", "1s", *loop)
    assert code == 1, err
    assert "status 500 Internal Server Error" in out
    for line in ("> POST /bad HTTP/1.1", "> Authorization: (hidden)", "> a=1&token=(hidden)", "< you asked /bad"):
        assert f"    {line}" in out
    assert "hunter2" not in out + err


async def test_examples_stay_few_with_many_processes(service: Website) -> None:
    _, out, _ = await load(f"{service.url}/bad", "--rate", "200", "--for", "1s", "--processes", "3", "--json")
    report = json.loads(out)
    assert report["errors"] == {"5xx": 200}
    assert len(report["examples"]) == 3


async def test_run_writes_page_and_log(service: Website, tmp_path: Path) -> None:
    page, log = tmp_path / "run.html", tmp_path / "run.hlog"
    code, out, err = await load(
        f"{service.url}/", "--rate", "50", "--for", "1s", "--json", "--report", str(page), "--hlog", str(log)
    )
    report = json.loads(out)
    assert code in {0, 3}, err
    assert report["requests"] == {"offered": 50, "started": 50, "completed": 50, "ok": 50}
    assert service.asked == {"/": 50}
    assert "<!doctype html>" in page.read_text().lower()
    assert read_hlog(log).merged("response").total == 50
    assert f"report: {page}" in err
    assert f"log: {log}" in err


async def test_curl_options(service: Website) -> None:
    code, _, err = await load(f"{service.url}/x", "--rate", "20", "--for", "0.5s", "-d", "a=b", "-H", "X-Test: yes")
    assert code in {0, 3}, err
    assert set(service.requests) == {("POST", b"a=b", "application/x-www-form-urlencoded")}
    service.requests.clear()
    await load(
        f"{service.url}/x", "-r", "20", "--for", "0.5s", "-X", "PUT", "-d", "{}", "-H", "content-type: text/json"
    )
    assert set(service.requests) == {("PUT", b"{}", "text/json")}


async def test_users_and_rate_max_are_closed_loops(service: Website) -> None:
    code, out, err = await load(f"{service.url}/", "--users", "3", "--think", "100ms", "--for", "0.5s", "--json")
    assert code == 0, err
    assert json.loads(out)["model"] == "closed loop, 3 users thinking 0.1 s (exponential)"
    code, out, err = await load(f"{service.url}/", "--rate", "max", "-c", "2", "--for", "0.5s", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["model"] == "closed loop, 2 users without think time"
    assert report["requests"]["ok"] > 50


async def test_broken_threshold_exits_with_1(service: Website) -> None:
    code, out, _ = await load(f"{service.url}/bad", "--rate", "20", "--for", "0.5s", "--threshold", "errors<1%")
    assert code in {1, 3}
    assert "errors<1%" in out
    assert "10 of 10 requests failed (100 %)" in out


async def test_tenants_have_a_report_each(service: Website, tmp_path: Path) -> None:
    plan, log = tmp_path / "plan.toml", tmp_path / "log.hlog"
    tables = [
        f'[[tenant]]\nname = "{name}"\nrate = {rate}\n[[tenant.target]]\nurl = "{service.url}/{name}"\n'
        for name, rate in (("victim", 20), ("noisy", 40))
    ]
    plan.write_text('for = "9s"\n' + "".join(tables))
    code, out, err = await load(str(plan), "--for", "0.5s", "--json", "--hlog", str(log))
    document = json.loads(out)
    assert code in {0, 3}, err
    assert [tenant["name"] for tenant in document["tenants"]] == ["victim", "noisy"]
    assert service.asked == {"/victim": 10, "/noisy": 20}
    assert read_hlog(tmp_path / "log-noisy.hlog").merged("response").total == 20


async def test_repeat_reports_each_run_and_the_spread(service: Website) -> None:
    code, out, err = await load(f"{service.url}/", "--rate", "20", "--for", "0.5s", "--repeat", "3", "--json")
    document = json.loads(out)
    assert code in {0, 3}, err
    assert [run["requests"]["ok"] for run in document["runs"]] == [10, 10, 10]
    assert service.asked == {"/": 30}
    assert "run 2 of 3" in err


async def test_script_runs_its_flow(service: Website, tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text(
        "async def flow(user):\n"
        "    page = await user.get('/a', name='first')\n"
        "    user.check('you asked' in await page.text(), 'odd')\n"
        "    await user.get('/b')\n"
    )
    page = tmp_path / "flow.html"
    code, out, err = await load(
        str(script), "--url", service.url, "--rate", "10", "--for", "1s", "--json", "--report", str(page)
    )
    report = json.loads(out)
    assert code in {0, 3}, err
    assert service.asked == {"/a": 10, "/b": 10}
    assert [(target["name"], target["ok"]) for target in report["targets"]] == [
        ("flow", 10),
        ("first", 10),
        ("GET /b", 10),
    ]
    assert "the whole flow" in page.read_text()


async def test_closed_pipe_keeps_page_and_verdict(service: Website, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    process = await start(f"{service.url}/bad", "--rate", "20", "--for", "0.5s", "--json", "--report", str(page))
    async with asyncio.timeout(60):
        assert process.stdout is not None
        process.stdout._transport.close()  # type: ignore[attr-defined]
        assert process.stderr is not None
        err = (await process.stderr.read()).decode()
        code = await process.wait()
    assert code in {1, 3}, err
    assert "Traceback" not in err
    assert page.stat().st_size > 1000


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("option", ["--report", "--hlog"])
async def test_unwritten_output_is_a_failure(service: Website, option: str) -> None:
    code, out, err = await load(f"{service.url}/", "--rate", "20", "--for", "0.5s", option, "/dev/full")
    assert code in {1, 3}
    assert "No space left on device" in err
    assert "20.0" in out


async def test_prometheus_metrics_during_a_run(service: Website) -> None:
    async with asyncio.timeout(60):
        process = await start(f"{service.url}/", "--rate", "50", "--for", "1h", "--prometheus", "127.0.0.1:0")
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        url = said.removeprefix("metrics: ").strip()
        await service.busy.wait()
        async with ClientSession() as session:
            text = ""
            while not re.search(r"glasscloud_load_completed_total\S* [1-9]", text):
                text = await (await session.get(url)).text()
                await asyncio.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert b"stopped early" in out


async def test_remote_workers_send_the_load(service: Website, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef")
    token.chmod(0o600)
    async with asyncio.timeout(60):
        coordinator = await start(
            f"{service.url}/", "--rate", "40", "--for", "1s", "--json",
            "--listen", "127.0.0.1:0", "--workers", "2", "--token-file", str(token),
        )  # fmt: skip
        assert coordinator.stderr is not None
        found = re.search(r"load worker (\S+)", (await coordinator.stderr.readline()).decode())
        assert found is not None
        worker = await start("worker", found[1], "--token-file", str(token), "--processes", "2", "--keep")
        out, err = await coordinator.communicate()
        worker.terminate()
        await worker.communicate()
    report = json.loads(out)
    assert coordinator.returncode in {0, 3}, err
    assert service.asked == {"/": 40}
    assert report["requests"]["ok"] == 40
    assert len(report["generator"]["processes"]) == 2


async def test_ctrl_c_before_the_start(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123456789abcdef")
    async with asyncio.timeout(30):
        process = await start(
            "http://127.0.0.1:9/", "--listen", "127.0.0.1:0", "--workers", "2", "--token-file", str(token)
        )
        assert process.stderr is not None
        await process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert b"stopped before it started" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://127.0.0.1:9/", "--report", "/nowhere/run.html"], "--report /nowhere/run.html: cannot be written"),
        (["http://127.0.0.1:9/", "--hlog", "/"], "--hlog /: cannot be written"),
        (["http://127.0.0.1:9/", "--rate", "1e7"], "rate 1e+07/s is not possible"),
        (["http://127.0.0.1:9/", "--rate", "fast"], "rate 'fast' is not a number"),
        (["http://127.0.0.1:9/", "--rate", "5", "--users", "5"], "--rate and --users"),
        (["http://127.0.0.1:9/", "--think", "1s"], "--think needs --users"),
        (["http://127.0.0.1:9/", "--threshold", "p99"], "threshold 'p99' is not understood"),
        (["http://127.0.0.1:9/", "--hedge", "soon"], "duration 'soon'"),
        (["http://127.0.0.1:9/", "--processes", "many"], "--processes many is invalid"),
        (["http://127.0.0.1:9/", "--repeat", "0"], "0 repetitions"),
        (["http://127.0.0.1:9/", "--url", "http://a/"], "--url cannot be used without a script"),
        (["http://127.0.0.1:9/", "--workers", "2"], "need --listen"),
        (["http://127.0.0.1:9/", "--prometheus", "nowhere"], "address 'nowhere'"),
        (["nowhere.toml"], "nowhere.toml cannot be read"),
        (["nowhere.toml", "--rate", "5"], "--rate cannot be used with a plan"),
        (["nowhere.toml", "--users", "0"], "--users cannot be used with a plan"),
        (["sweep", "nowhere.toml", "--from", "1", "--to", "2"], "nowhere.toml: a plan cannot be used here"),
        (["nowhere.py", "--url", "http://127.0.0.1:9/"], "nowhere.py"),
        (["nowhere.py", "-d", "x"], "--data cannot be used with a script"),
    ],
)
async def test_wrong_usage_is_one_line(arguments: list[str], said: str) -> None:
    code, out, err = await load(*arguments)
    assert code == 2, err
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


async def test_unreachable_server_is_json_and_exits_2() -> None:
    code, out, err = await load("http://127.0.0.1:9/", "--json")
    assert code == 2
    told = json.loads(out)
    assert told["verdict"] is None
    assert told["error"] == {"kind": "unavailable", "message": told["error"]["message"]}
    assert "127.0.0.1:9 cannot be reached" in told["error"]["message"]
    assert "127.0.0.1:9 cannot be reached" in err


async def test_run_ended_by_sigterm_reports_and_exits_143(service: Website) -> None:
    process = await start(f"{service.url}/", "--rate", "50", "--for", "30s", "--json")
    await asyncio.wait_for(service.busy.wait(), 20)
    process.send_signal(signal.SIGTERM)
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 143
    assert json.loads(out)["stopped"] is True


async def test_broken_threshold_ends_the_run_when_wanted(service: Website) -> None:
    options = ("--rate", "50", "--for", "60s", "--threshold", "errors<5%", "--threshold", "rate>=1000")
    code, out, err = await load(f"{service.url}/bad", *options, "--stop-when-broken", "--json")
    told = json.loads(out)
    assert code in (1, 3)
    assert told["stopped"] is True
    assert told["elapsed_s"] < 20
    assert "stopped: errors<5% does not hold" in err
    assert "rate>=1000" not in err
