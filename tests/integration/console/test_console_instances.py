"""Launches and actions through the console: results, refusals, and who may do them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.console.console_client import Console
from tests.integration.ec2.ec2_server import IMAGE
from vmhost.api.client import CloudClient
from vmhost.control.instances.launcher import LaunchRequest
from vmhost.faults.cpu_hog import HogCpu

FORM = {"image_id": IMAGE, "type": "t3.nano"}
UNKNOWN = "i-00000000000000000"
GUARDED = [
    ("POST", "/api/instances"),
    ("POST", "/api/instances/{id}/stop"),
    ("POST", "/api/instances/{id}/noisy_neighbor"),
    ("GET", "/api/instances/{id}/console-output"),
    ("GET", "/api/instances/{id}/user-data"),
    ("DELETE", "/api/faults/{id}"),
]
OPEN = [("GET", "/api/types"), ("GET", "/api/images")]


async def launched(console: Console, **more: Any) -> str:
    """One instance that runs."""
    answer = await console.request("POST", "/api/instances", {**FORM, **more})
    assert answer.status == 201
    (instance_id,) = answer.data["instances"]
    await console.until_state(instance_id, "running")
    return str(instance_id)


def tasks(state: dict[str, Any], text: str) -> list[dict[str, Any]]:
    return [row for row in state["log"] if row["kind"] == "task" and row["text"] == text]


async def test_types_have_price_limits_and_room(locked: Console) -> None:
    answer = await locked.request("GET", "/api/types")
    types = {each["name"]: each for each in answer.data["types"]}
    nano, huge = types["t3.nano"], types["m5.4xlarge"]
    assert {room["host"]: room["fits"] > 0 for room in nano["rooms"]} == {"host-a": True, "host-b": True}
    assert nano["price_usd_hour"] > 0
    assert nano["limits"]["memory_mib"] == 512
    assert nano["why"] == ""
    assert "host-a has" in huge["why"]
    assert "m5.4xlarge needs" in huge["why"]


async def test_images_are_those_that_boot_here(locked: Console) -> None:
    answer = await locked.request("GET", "/api/images")
    assert [(each["id"], each["name"]) for each in answer.data["images"]] == [(IMAGE, "nothing-1")]


async def test_launch_from_form_is_logged_as_yours(console: Console) -> None:
    form = {**FORM, "count": 2, "host": "host-b", "name": "by hand", "user_data": "hallo é"}
    answer = await console.request("POST", "/api/instances", form)
    assert answer.status == 201
    first, second = answer.data["instances"]
    for each in (first, second):
        row = await console.until_state(each, "running")
        assert (row["host"], row["tags"], row["type"]) == ("host-b", {"Name": "by hand"}, "t3.nano")
    state = await console.until(lambda state: any(row["outcome"] for row in tasks(state, "launch")))
    (task,) = tasks(state, "launch")
    assert (task["by"], set(task["instances"]), task["outcome"].split(" in ")[0]) == ("you", {first, second}, "done")
    told = await console.request("GET", f"/api/instances/{first}/user-data")
    assert told.data == {"text": "hallo é", "bytes": 8}


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"image_id": ""}, 400, "image_id must be text that is not empty"),
        ({"image_id": "ami-00000000000000000"}, 404, "ami-00000000000000000"),
        ({"type": "t9.vast"}, 400, "t9.vast"),
        ({"count": 0}, 400, "count must be a whole number"),
        ({"host": "host-z"}, 400, "host-z"),
        ({"user_data": "x" * 16385}, 400, "16384"),
        ({"count": 99}, 503, "t3.nano needs"),
        ({"type": "m5.4xlarge"}, 503, "m5.4xlarge needs"),
    ],
)
async def test_invalid_launch_refused(console: Console, change: dict[str, Any], status: int, words: str) -> None:
    answer = await console.request("POST", "/api/instances", {**FORM, **change})
    assert answer.status == status
    assert words in answer.message
    assert (await console.state())["instances"] == []


async def test_refused_launch_logged_with_reason(console: Console) -> None:
    await console.request("POST", "/api/instances", {**FORM, "count": 99})
    state = await console.until(lambda state: bool(tasks(state, "launch")))
    (task,) = tasks(state, "launch")
    assert task["outcome"].startswith("failed: InsufficientInstanceCapacity: t3.nano needs")
    assert task["tone"] == "bad"


async def test_actions_reach_their_states(console: Console) -> None:
    instance_id = await launched(console)
    for action, wanted in (
        ("stop", "stopped"),
        ("start", "running"),
        ("reboot", "running"),
        ("terminate", "terminated"),
    ):
        answer = await console.request("POST", f"/api/instances/{instance_id}/{action}")
        assert answer.status == 200, answer
        await console.until_state(instance_id, wanted)
        state = await console.until(lambda state, action=action: any(row["outcome"] for row in tasks(state, action)))
        assert tasks(state, action)[0]["outcome"].startswith("done")


async def test_disabled_action_is_a_conflict(console: Console) -> None:
    instance_id = await launched(console)
    answer = await console.request("POST", f"/api/instances/{instance_id}/start")
    assert answer.status == 409
    assert answer.message == f"start of {instance_id} is not possible: it is running; start works on stopped instances"


@pytest.mark.parametrize("path", ["/api/instances/{id}/explode", f"/api/instances/{UNKNOWN}/stop"])
async def test_unknown_action_or_instance_not_found(console: Console, path: str) -> None:
    instance_id = await launched(console)
    answer = await console.request("POST", path.format(id=instance_id))
    assert answer.status == 404
    assert answer.message.startswith(("there is no action 'explode'", f"this cloud has no instance '{UNKNOWN}'"))


@pytest.mark.parametrize("what", ["console-output", "user-data"])
async def test_console_output_and_user_data(console: Console, what: str) -> None:
    instance_id = await launched(console)
    answer = await console.request("GET", f"/api/instances/{instance_id}/{what}")
    assert answer.status == 200
    assert isinstance(answer.data["text"], str)
    missing = await console.request("GET", f"/api/instances/{UNKNOWN}/{what}")
    assert missing.status == 404
    assert UNKNOWN in missing.message


async def test_hog_shown_and_ended(console: Console) -> None:
    instance_id = await launched(console)
    fault = await console.served.cloud.faults.inject(instance_id, HogCpu(seconds=40.0))

    def row(state: dict[str, Any]) -> dict[str, Any]:
        return next(each for each in state["instances"] if each["id"] == instance_id)

    state = await console.until(lambda state: bool(row(state)["faults"]))
    assert row(state)["faults"] == [{"id": fault.fault_id, "label": "CPU hog", "at": fault.at, "until": fault.until}]
    assert row(state)["disabled"]["noisy_neighbor"] == "CPU hog already runs in it"
    assert (await console.request("DELETE", f"/api/faults/{fault.fault_id}")).status == 200
    await console.until(lambda state: not row(state)["faults"])
    again = await console.request("DELETE", f"/api/faults/{fault.fault_id}")
    assert again.status == 200, "it has ended already"
    assert (await console.request("DELETE", "/api/faults/fault-0")).status == 404


@pytest.mark.parametrize("data", [{"seconds": 61}, {"seconds": "long"}, {"workers_per_vcpu": 0}])
async def test_a_hog_beyond_bounds_is_refused_at_once(console: Console, data: dict[str, Any]) -> None:
    instance_id = await launched(console)
    answer = await console.request("POST", f"/api/instances/{instance_id}/noisy_neighbor", data)
    assert answer.status == 400
    assert next(iter(data)) in answer.message
    assert (await console.state())["experiment"] is None


async def test_kill_logged_with_caller(console: Console) -> None:
    instance_id = await launched(console)
    assert (await console.request("POST", f"/api/instances/{instance_id}/kill")).status == 200
    await console.until_state(instance_id, "stopped")
    state = await console.until(lambda state: bool(tasks(state, "kill")))
    (task,) = tasks(state, "kill")
    assert (task["by"], task["instances"], task["outcome"]) == ("you", [instance_id], "done")


async def test_kill_without_fleet_ends_at_once(console: Console) -> None:
    """Without a fleet there is no replacement to wait for; the load and the buttons are free after seconds."""
    instance_id = await launched(console)
    answer = await console.request("POST", "/api/experiments/kill")
    assert (answer.status, answer.data) == (202, {"instance_id": instance_id})
    state = await console.until(lambda state: state["verdict"] is not None)
    verdict = state["verdict"]
    assert (verdict["verdict"], verdict["held"]) == ("inconclusive", None)
    assert "not in a fleet, so nothing replaces it" in verdict["account"]
    (row,) = state["instances"]
    assert (row["state"], row["death"]["how"]) == ("stopped", "killed")


async def test_kill_one_without_instances_refused(console: Console) -> None:
    answer = await console.request("POST", "/api/experiments/kill")
    assert (answer.status, answer.message) == (409, "no instance is running; launch or start one first")


async def test_start_over_lists_instances_to_delete(console: Console) -> None:
    assert (await console.request("GET", "/api/start-over")).data == {"deleted": []}
    instance_id = await launched(console, name="my web server")
    (deleted,) = (await console.request("GET", "/api/start-over")).data["deleted"]
    assert (deleted["id"], deleted["type"], deleted["name"]) == (instance_id, "t3.nano", "my web server")


async def test_stop_is_not_offered_while_pending(slow: Console) -> None:
    """What the page offers is what the platform accepts: both go by the platform's table of states."""
    made = await slow.request("POST", "/api/instances", {**FORM})
    (instance_id,) = made.data["instances"]
    row = await slow.until_state(instance_id, "pending")
    assert set(row["disabled"]) == {"start", "stop", "reboot", "kill", "noisy_neighbor"}
    assert row["disabled"]["stop"] == "it is pending; stop works on running instances"
    answer = await slow.request("POST", f"/api/instances/{instance_id}/stop")
    assert answer.message == f"stop of {instance_id} is not possible: it is pending; stop works on running instances"


async def test_calls_of_others_logged_with_name(console: Console) -> None:
    async with CloudClient(console.served.access, agent="another") as other:
        (made,) = await other.run_instances(image_id=IMAGE, type_name="t3.nano")
    await console.until_state(made.id, "running")
    state = await console.until(lambda state: bool(tasks(state, "launch")))
    assert [task["by"] for task in tasks(state, "launch")] == ["another"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_actions_and_secrets_need_key(locked: Console, method: str, path: str) -> None:
    (made,) = locked.served.cloud.instances.run(LaunchRequest(image_id=IMAGE, type_name="t3.nano"))
    before = await locked.until_state(made.id, "running")
    answer = await locked.request(method, path.format(id=made.id), FORM)
    assert answer.status == 401
    assert "glasscloud status" in answer.message
    (after,) = (await locked.state())["instances"]
    assert (after["id"], after["generation"]) == (before["id"], before["generation"])


@pytest.mark.parametrize(("method", "path"), GUARDED + OPEN)
@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_another_site_is_refused_even_with_the_cookie(
    console: Console, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = await console.request(method, path.format(id=UNKNOWN), FORM, **headers)
    assert answer.status == 403
    assert (await console.state())["instances"] == []


@pytest.mark.parametrize("body", ["", "[]", "{", "null"])
async def test_a_body_that_is_no_object_is_refused(console: Console, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with console.browser.post(f"{console.url}/api/instances", data=body, headers=headers) as answer:
        assert answer.status == 400
