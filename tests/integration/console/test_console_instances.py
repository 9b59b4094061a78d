"""Launching and acting through the console: what the platform says of it, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.console.asked_console import Console
from tests.integration.ec2.ec2_server import IMAGE
from vmhost.api.client import CloudClient
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.faults.cpu_hog import HogCpu

WISH = {"image_id": IMAGE, "type": "t3.nano"}
NOBODY = "i-00000000000000000"
GUARDED = [
    ("POST", "/api/instances"),
    ("POST", "/api/instances/{id}/stop"),
    ("POST", "/api/instances/{id}/hog"),
    ("GET", "/api/instances/{id}/console-output"),
    ("GET", "/api/instances/{id}/user-data"),
    ("DELETE", "/api/instances/{id}/hog"),
]
OPEN = [("GET", "/api/types"), ("GET", "/api/images")]


async def launched(console: Console, **more: Any) -> str:
    """One instance that runs."""
    answer = await console.ask("POST", "/api/instances", {**WISH, **more})
    assert answer.status == 201
    (instance_id,) = answer.data["instances"]
    await console.until_state(instance_id, "running")
    return str(instance_id)


def tasks(board: dict[str, Any], text: str) -> list[dict[str, Any]]:
    return [row for row in board["log"] if row["kind"] == "task" and row["text"] == text]


async def test_types_tell_price_limits_and_where_they_fit_or_why_not(locked: Console) -> None:
    answer = await locked.ask("GET", "/api/types")
    types = {each["name"]: each for each in answer.data["types"]}
    nano, huge = types["t3.nano"], types["m5.4xlarge"]
    assert {room["host"]: room["fits"] > 0 for room in nano["rooms"]} == {"host-a": True, "host-b": True}
    assert nano["price_usd_hour"] > 0
    assert nano["limits"]["memory_mib"] == 512
    assert nano["why"] == ""
    assert "host-a has" in huge["why"]
    assert "m5.4xlarge needs" in huge["why"]


async def test_images_are_those_that_boot_here(locked: Console) -> None:
    answer = await locked.ask("GET", "/api/images")
    assert [(each["id"], each["name"]) for each in answer.data["images"]] == [(IMAGE, "nothing-1")]


async def test_a_launch_makes_what_was_asked_and_its_line_of_the_log_says_that_you_did(console: Console) -> None:
    wish = {**WISH, "count": 2, "host": "host-b", "name": "by hand", "user_data": "hallo é"}
    answer = await console.ask("POST", "/api/instances", wish)
    assert answer.status == 201
    first, second = answer.data["instances"]
    for each in (first, second):
        row = await console.until_state(each, "running")
        assert (row["host"], row["tags"], row["type"]) == ("host-b", {"Name": "by hand"}, "t3.nano")
    board = await console.until(lambda board: any(row["outcome"] for row in tasks(board, "launch")))
    (task,) = tasks(board, "launch")
    assert (task["by"], set(task["instances"]), task["outcome"].split(" in ")[0]) == ("you", {first, second}, "done")
    told = await console.ask("GET", f"/api/instances/{first}/user-data")
    assert told.data == {"text": "hallo é", "bytes": 8}


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"image_id": ""}, 400, "image_id is required"),
        ({"image_id": "ami-00000000000000000"}, 404, "ami-00000000000000000"),
        ({"type": "t9.vast"}, 400, "t9.vast"),
        ({"count": 0}, 400, "count must be a whole number"),
        ({"host": "host-z"}, 400, "host-z"),
        ({"user_data": "x" * 16385}, 400, "16384"),
        ({"count": 99}, 503, "t3.nano needs"),
        ({"type": "m5.4xlarge"}, 503, "m5.4xlarge needs"),
    ],
)
async def test_a_launch_that_cannot_be_is_refused_in_words_and_makes_nothing(
    console: Console, change: dict[str, Any], status: int, words: str
) -> None:
    answer = await console.ask("POST", "/api/instances", {**WISH, **change})
    assert answer.status == status
    assert words in answer.message
    assert (await console.board())["instances"] == []


async def test_a_refused_launch_stands_in_the_log_with_why(console: Console) -> None:
    await console.ask("POST", "/api/instances", {**WISH, "count": 99})
    board = await console.until(lambda board: bool(tasks(board, "launch")))
    (task,) = tasks(board, "launch")
    assert task["outcome"].startswith("failed: InsufficientInstanceCapacity: t3.nano needs")
    assert task["tone"] == "bad"


async def test_stop_start_reboot_and_terminate_lead_where_they_say(console: Console) -> None:
    instance_id = await launched(console)
    for action, state in (
        ("stop", "stopped"),
        ("start", "running"),
        ("reboot", "running"),
        ("terminate", "terminated"),
    ):
        answer = await console.ask("POST", f"/api/instances/{instance_id}/{action}")
        assert answer.status == 200, answer
        await console.until_state(instance_id, state)
        board = await console.until(lambda board, action=action: any(row["outcome"] for row in tasks(board, action)))
        assert tasks(board, action)[0]["outcome"].startswith("done")


async def test_what_makes_no_sense_now_is_a_conflict_that_says_what_it_needs(console: Console) -> None:
    instance_id = await launched(console)
    answer = await console.ask("POST", f"/api/instances/{instance_id}/start")
    assert answer.status == 409
    assert answer.message == f"cannot start {instance_id}: it is running; start works on stopped instances"


@pytest.mark.parametrize("path", ["/api/instances/{id}/explode", f"/api/instances/{NOBODY}/stop"])
async def test_an_unknown_action_and_an_unknown_instance_are_not_found(console: Console, path: str) -> None:
    instance_id = await launched(console)
    answer = await console.ask("POST", path.format(id=instance_id))
    assert answer.status == 404
    assert answer.message.startswith(("there is no action 'explode'", f"this cloud has no instance '{NOBODY}'"))


@pytest.mark.parametrize("what", ["console-output", "user-data"])
async def test_what_an_instance_keeps_is_read_and_that_of_nobody_is_not_found(console: Console, what: str) -> None:
    instance_id = await launched(console)
    answer = await console.ask("GET", f"/api/instances/{instance_id}/{what}")
    assert answer.status == 200
    assert isinstance(answer.data["text"], str)
    missing = await console.ask("GET", f"/api/instances/{NOBODY}/{what}")
    assert missing.status == 404
    assert NOBODY in missing.message


async def test_a_hog_shows_its_end_and_is_ended_from_here(console: Console) -> None:
    instance_id = await launched(console)
    fault = await console.served.cloud.faults.inject(instance_id, HogCpu(seconds=40.0))

    def row(board: dict[str, Any]) -> dict[str, Any]:
        return next(each for each in board["instances"] if each["id"] == instance_id)

    board = await console.until(lambda board: row(board)["hogging"])
    assert row(board)["hog"] == {"at": fault.at, "until": fault.until}
    assert row(board)["cannot"]["hog"] == "a CPU hog already runs in it"
    assert (await console.ask("DELETE", f"/api/instances/{instance_id}/hog")).status == 200
    board = await console.until(lambda board: not row(board)["hogging"])
    assert row(board)["hog"] is None
    again = await console.ask("DELETE", f"/api/instances/{instance_id}/hog")
    assert again.status == 409
    assert (await console.ask("DELETE", f"/api/instances/{NOBODY}/hog")).status == 404


@pytest.mark.parametrize("data", [{"seconds": 61}, {"seconds": "long"}, {"workers_per_vcpu": 0}])
async def test_a_hog_beyond_bounds_is_refused_at_once(console: Console, data: dict[str, Any]) -> None:
    instance_id = await launched(console)
    answer = await console.ask("POST", f"/api/instances/{instance_id}/hog", data)
    assert answer.status == 400
    assert next(iter(data)) in answer.message
    assert (await console.board())["experiment"] is None


async def test_a_kill_is_noticed_and_told_with_who_asked(console: Console) -> None:
    instance_id = await launched(console)
    assert (await console.ask("POST", f"/api/instances/{instance_id}/kill")).status == 200
    await console.until_state(instance_id, "stopped")
    board = await console.until(lambda board: bool(tasks(board, "kill")))
    (task,) = tasks(board, "kill")
    assert (task["by"], task["instances"], task["outcome"]) == ("you", [instance_id], "done")


async def test_killing_an_own_instance_ends_at_once_as_nothing_replaces_it(console: Console) -> None:
    """Without a fleet there is no replacement to wait for; the load and the buttons are free after seconds."""
    instance_id = await launched(console)
    answer = await console.ask("POST", "/api/experiments/kill")
    assert (answer.status, answer.data) == (202, {"instance_id": instance_id})
    board = await console.until(lambda board: board["verdict"] is not None)
    verdict = board["verdict"]
    assert (verdict["verdict"], verdict["held"]) == ("inconclusive", None)
    assert "not in a fleet, so nothing replaces it" in verdict["account"]
    (row,) = board["instances"]
    assert (row["state"], row["death"]["how"]) == ("stopped", "killed")


async def test_kill_one_says_what_to_do_where_nothing_runs(console: Console) -> None:
    answer = await console.ask("POST", "/api/experiments/kill")
    assert (answer.status, answer.message) == (409, "no instance is running; launch or start one first")


async def test_starting_over_says_which_own_instances_it_would_delete(console: Console) -> None:
    assert (await console.ask("GET", "/api/start-over")).data == {"ends": []}
    instance_id = await launched(console, name="my web server")
    (ends,) = (await console.ask("GET", "/api/start-over")).data["ends"]
    assert (ends["id"], ends["type"], ends["name"]) == (instance_id, "t3.nano", "my web server")


async def test_stop_is_not_offered_while_pending(slow: Console) -> None:
    """What the page offers is what the platform accepts: both go by the platform's table of states."""
    made = await slow.ask("POST", "/api/instances", {**WISH})
    (instance_id,) = made.data["instances"]
    row = await slow.until_state(instance_id, "pending")
    assert set(row["cannot"]) == {"start", "stop", "reboot", "kill", "hog"}
    assert row["cannot"]["stop"] == "it is pending; stop works on running instances"
    answer = await slow.ask("POST", f"/api/instances/{instance_id}/stop")
    assert answer.message == f"cannot stop {instance_id}: it is pending; stop works on running instances"


async def test_what_others_asked_of_the_platform_stands_in_the_log_under_their_name(console: Console) -> None:
    async with CloudClient(console.served.access, agent="another") as other:
        (made,) = await other.run_instances(image_id=IMAGE, type_name="t3.nano")
    await console.until_state(made.id, "running")
    board = await console.until(lambda board: bool(tasks(board, "launch")))
    assert [task["by"] for task in tasks(board, "launch")] == ["another"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_without_the_key_nothing_is_done_and_nothing_that_may_be_secret_is_read(
    locked: Console, method: str, path: str
) -> None:
    (made,) = locked.served.cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano"))
    before = await locked.until_state(made.id, "running")
    answer = await locked.ask(method, path.format(id=made.id), WISH)
    assert answer.status == 401
    assert "glasscloud status" in answer.message
    (after,) = (await locked.board())["instances"]
    assert (after["id"], after["generation"]) == (before["id"], before["generation"])


@pytest.mark.parametrize(("method", "path"), GUARDED + OPEN)
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_another_site_is_refused_even_with_the_cookie(
    console: Console, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await console.ask(method, path.format(id=NOBODY), WISH, **headers)
    assert answer.status == 403
    assert (await console.board())["instances"] == []


@pytest.mark.parametrize("body", ["", "[]", "{", "null"])
async def test_a_body_that_is_no_object_is_refused(console: Console, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with console.browser.post(f"{console.url}/api/instances", data=body, headers=headers) as answer:
        assert answer.status == 400
